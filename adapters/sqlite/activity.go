package sqlite

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// touch makes a message the latest of its conversation, unless that has a later one. Each unit that
// adds a message calls it.
func (c *conn) touch(ctx context.Context, m messaging.Message) error {
	_, err := c.exec(ctx, `UPDATE conversations SET latest_id = ?2, latest_at = ?3
		WHERE id = ?1 AND (latest_id IS NULL OR (latest_at, latest_id) < (?3, ?2))`,
		blob(m.ConversationID), blob(m.ID), milli(m.CreatedAt))
	return err
}

// batchToFill is how many rows one transaction changes.
const batchToFill = 1000

// fill gives the conversation ?1 the latest of its messages.
const fill = `UPDATE conversations SET (latest_at, latest_id) = (
		SELECT created_at, id FROM messages WHERE conversation_id = ?1 ORDER BY created_at DESC, id DESC LIMIT 1
	) WHERE id = ?1`

// hasActivity reports whether every conversation has its latest message.
func hasActivity(ctx context.Context, c *conn) (bool, error) {
	done, err := find(ctx, c, value((*row).bool), "SELECT done FROM conversation_activity")
	if err != nil {
		return false, fmt.Errorf("read whether conversations have their latest messages: %w", err)
	}
	return done, nil
}

// fillActivity gives the conversations from before they had a latest message theirs. It may be
// interrupted and run again.
func fillActivity(ctx context.Context, c *conn) error {
	if done, err := hasActivity(ctx, c); err != nil || done {
		return err
	}
	for last := []byte{}; ; {
		batch, err := list(ctx, c, func(r *row, id *[16]byte) { *id = r.id() },
			"SELECT id FROM conversations WHERE id > ? ORDER BY id LIMIT +?", last, int64(batchToFill))
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		err = c.together(ctx, func() error {
			for _, id := range batch {
				if _, err := c.exec(ctx, fill, id[:]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		last = batch[len(batch)-1][:]
	}
	_, err := c.exec(ctx, "UPDATE conversation_activity SET done = 1")
	return err
}
