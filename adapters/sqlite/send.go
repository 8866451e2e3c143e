package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var _ messaging.Sender = messagingRepository{}

// sendable has a row if the sender ?2 can send a message to the conversation ?1 and pay ?4 for it,
// where ?3 is the most messages without an answer: what the message depends on. Each of the tables
// is read by its key.
var sendable = checksOf(4, func(further string) string {
	return `SELECT other.id, latest_at, balance, seq,
			EXISTS (SELECT 1 FROM correspondents WHERE user_id = ?2 AND reader_id = other.id)
		FROM conversations AS talk
		CROSS JOIN users AS other ON other.id = CASE voyager_id WHEN ?2 THEN local_id ELSE voyager_id END
		CROSS JOIN users AS sender ON sender.id = ?2
		CROSS JOIN wallets ON wallets.user_id = ?2
		WHERE talk.id = ?1 AND ?2 IN (voyager_id, local_id) AND sender.is_active AND other.is_active
			AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND (EXISTS (SELECT 1 FROM correspondents WHERE user_id = other.id AND reader_id = ?2)
				OR (SELECT count(*) FROM (SELECT 1 FROM messages WHERE conversation_id = ?1 LIMIT +?3)) < ?3)
			AND NOT closed AND balance + ?4 BETWEEN 0 AND ` + maxBalance + further
})

var maxBalance = strconv.FormatInt(tokens.MaxBalance, 10)

// makeLatest is what touch does, for a message that is known to be the latest.
const makeLatest = "UPDATE conversations SET latest_id = ?2, latest_at = ?3 WHERE id = ?1"

// ready is a row of sendable.
type ready struct {
	other   id.User
	latest  time.Time // zero if there is no message
	balance int64
	seq     int64
	wrote   bool // the sender has written to the other before
}

func scanReady(r *row, v *ready) {
	v.other, v.latest, v.balance, v.seq, v.wrote = r.id(), r.time(), r.int(), r.int(), r.bool()
}

// Send implements messaging.Sender.
func (repo messagingRepository) Send(
	ctx context.Context, s messaging.Sending,
) (sent messaging.Message, outcome idempotency.Outcome, err error) {
	m, p := s.Message, s.Payment
	outcome, err = atOnce(ctx, repo.unit, step[ready]{
		by: m.UserID, record: s.Record, checks: sendable, scan: scanReady,
		args: []any{blob(m.ConversationID), blob(m.UserID), int64(s.MaxUnanswered), p.Amount},
		writes: func(found ready) ([]command, error) {
			line, err := p.Apply(found.balance, found.seq)
			if err != nil {
				return nil, fmt.Errorf("pay for a message: %w", err)
			}
			sent = m
			sent.CreatedAt = s.SentAt(found.latest)
			all := append(payment(line),
				command{messages.insert, messages.args(sent)},
				command{makeLatest, []any{blob(sent.ConversationID), blob(sent.ID), milli(sent.CreatedAt)}},
				command{insertBatch, []any{events.Batch(s.Events(line, sent.CreatedAt, found.other))}})
			if !found.wrote {
				pair := matching.Correspondent{UserID: sent.UserID, ReaderID: found.other}
				all = append(all, command{correspondents.insert, correspondents.args(pair)})
			}
			return all, nil
		},
	})
	return sent, outcome, err
}
