package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/messaging"
)

// touch makes the message $2, sent at $3, the latest of the conversation $1, unless that has a
// later one. Each statement that adds a message needs it.
const touch statement = `UPDATE @conversations SET latest_id = $2, latest_at = $3
	WHERE id = $1 AND (latest_id IS NULL OR (latest_at, latest_id) < ($3, $2))`

// touchArgs returns the arguments of touch.
func touchArgs(m messaging.Message) []any {
	return []any{uuid(m.ConversationID), uuid(m.ID), m.CreatedAt}
}

// batchToFill is how many conversations one transaction changes.
const batchToFill = 1000

// fillBatch gives the first $2 conversations after the id $1 the latest of their messages, and
// returns the last id.
const fillBatch = `WITH batch AS MATERIALIZED (
		SELECT id FROM conversations WHERE id > $1 ORDER BY id LIMIT $2
	), filled AS (
		UPDATE conversations SET latest_at = latest.created_at, latest_id = latest.id
		FROM batch CROSS JOIN LATERAL (
			SELECT id, created_at FROM messages WHERE conversation_id = batch.id ORDER BY created_at DESC, id DESC LIMIT 1
		) AS latest
		WHERE conversations.id = batch.id
	) SELECT id::text FROM batch ORDER BY id DESC LIMIT 1`

// fillActivity gives the conversations from before they had a latest message theirs. It may be
// interrupted and run again. search_path of db begins with the schema.
func fillActivity(ctx context.Context, db *sql.Conn) error {
	var done bool
	if err := db.QueryRowContext(ctx, "SELECT done FROM conversation_activity").Scan(&done); err != nil || done {
		return translate(ctx, err)
	}
	for last := "00000000-0000-0000-0000-000000000000"; ; {
		err := db.QueryRowContext(ctx, fillBatch, last, batchToFill).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return translate(ctx, err)
		}
	}
	_, err := db.ExecContext(ctx, "UPDATE conversation_activity SET done = true")
	return translate(ctx, err)
}

// checkActivity returns an error unless every conversation has its latest message.
func (s *Store) checkActivity(ctx context.Context, c *conn) error {
	done, err := find(ctx, c, value((*row).bool), "SELECT done FROM @conversation_activity")
	if err == nil && !done {
		err = fmt.Errorf("%w (the conversations of schema %s lack their latest messages)", ErrOutdated, s.options.Schema)
	}
	if err != nil {
		return fmt.Errorf("read whether conversations have their latest messages: %w", err)
	}
	return nil
}
