package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

var _ messaging.Sender = messagingRepository{}

// sending follows lockConversation, and is with it a whole unit: the sender $2 sends a message in the
// conversation $1. It returns when the message was sent, or no row, and has changed nothing then.
//
// The lock is a statement of its own, so that sending sees what was committed while that waited. To
// lock the row in a CTE and to update it in another makes PostgreSQL lock two versions of the row,
// and two such statements can wait for each other. CTEs promise no order, but all inserts take their
// rows from debit, which locks the wallet: this is the order of locks of all units.
//
// If the statement waits for the wallet, only that row is fresh: it tells that the sender was
// erased. To look for an answer of the other with EXISTS may read all who have ever written to the
// sender.
//
// $19 is the session of the sender, which is checked as by users.Presence, or NULL.
func sending(unused, keep statement) statement {
	return `WITH open AS MATERIALIZED (
		SELECT other.id AS other_id, latest_at
		FROM @conversations AS talk JOIN @users AS sender ON sender.id = $2
			JOIN @users AS other ON other.id = CASE voyager_id WHEN $2 THEN local_id ELSE voyager_id END
		WHERE talk.id = $1 AND $2 IN (voyager_id, local_id)` + unused + `
			AND sender.is_active AND other.is_active AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND ($19::uuid IS NULL OR EXISTS (SELECT FROM @sessions
				WHERE id = $19 AND user_id = $2 AND revoked_at IS NULL AND created_at > $20 AND last_used_at > $21))
			AND ((SELECT true FROM @correspondents WHERE user_id = other.id AND reader_id = $2)
				OR (SELECT count(*) FROM (SELECT FROM @messages WHERE conversation_id = $1 LIMIT $3) AS sent) < $3)
	), debit AS (
		UPDATE @wallets SET balance = balance + $4, seq = seq + 1 FROM open
		WHERE user_id = $2 AND NOT closed AND balance + $4 BETWEEN 0 AND $5
		RETURNING balance, seq, other_id, greatest($6, latest_at + interval '1 millisecond') AS sent_at
	), line AS (
		INSERT INTO @token_transactions
			(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT $2, seq, $7::uuid, $4, $8::text, $9::text, $10::jsonb, balance - $4, balance, $11::timestamptz FROM debit
	), message AS (
		INSERT INTO @messages (id, conversation_id, user_id, content, read, created_at)
		SELECT $12, $1, $2, $13::text, false, sent_at FROM debit
	), latest AS (
		UPDATE @conversations SET latest_id = $12, latest_at = sent_at FROM debit WHERE id = $1
	), correspondent AS (
		INSERT INTO @correspondents (user_id, reader_id) SELECT $2, other_id FROM debit
		ON CONFLICT (user_id, reader_id) DO NOTHING
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ($14::text || seq || $15::text || balance || $16::text || (extract(epoch FROM sent_at) * 1000)::bigint
			|| $17::text || other_id || $18::text)::json FROM debit
	)` + keep + " SELECT sent_at FROM debit"
}

var (
	send = sending("", "")

	// sendOnce also saves the record of a key, unless it sees one. The record of a concurrent unit
	// with the same key makes it fail.
	sendOnce = sending(" AND NOT EXISTS (SELECT FROM @idempotency_records WHERE owner = $22 AND key = $23)",
		`, kept AS (
		INSERT INTO @idempotency_records (owner, key, fingerprint, answer, created_at)
		SELECT $22, $23, $24::bytea, $25::bytea, $26::timestamptz FROM debit
	)`)
)

func (repo messagingRepository) Send(
	ctx context.Context, s messaging.Sending,
) (sent messaging.Message, outcome idempotency.Outcome, err error) {
	err = repo.write(ctx, func(c *conn) error {
		told, err := split(events.Batch([]events.Event{s.Paid, s.Sent}))
		if err != nil {
			return err
		}
		m, p := s.Message, s.Payment
		statement, args := send, append([]any{
			uuid(m.ConversationID), uuid(m.UserID), int64(s.MaxUnanswered), p.Amount, tokens.MaxBalance, m.CreatedAt,
			uuid(p.ID), string(p.Type), p.Reason, p.Metadata.String(), p.CreatedAt, uuid(m.ID), m.Content,
		}, append(told, session(c.presence, m.UserID)...)...)
		if s.Record != nil {
			statement, args = sendOnce, append(args, records.args(*s.Record)...)
		}
		at, possible, err := atOnce(ctx, c, value((*row).time), command{statement: lockConversation, args: args[:1]}, statement, args...)
		failed, _ := errors.AsType[*pgconn.PgError](err)
		switch {
		case !possible:
			return nil
		case errors.Is(err, errNone), failed != nil && isLostRace(failed):
			outcome = idempotency.NotDone
			return nil
		case err != nil:
			return err
		}
		sent, outcome = m, idempotency.Done
		sent.CreatedAt = at
		return nil
	})
	return sent, outcome, err
}

// session returns the arguments for the check of a presence, which may be nil.
func session(p *users.Presence, of id.User) []any {
	switch {
	case p == nil:
		return []any{nil, nil, nil}
	case p.User != of || !p.Open.Live: // for other checks than these, no session is found
		return []any{uuid(id.Session{}), nil, nil}
	}
	return []any{uuid(p.Session), p.Open.CreatedAfter, p.Open.UsedAfter}
}

// gaps are the values in the events of a message that only the statement knows, in their order: the
// seq and the balance of the payment, and the seq and the recipient of the message.
var gaps = []struct{ before, empty, after string }{
	{`",`, "0", `,"`}, {`"balance_after":`, "0", ""},
	{`",`, "0", `,"`}, {`"recipient_id":"`, "00000000-0000-0000-0000-000000000000", `"`},
}

// split returns the parts of a batch of events between its gaps.
func split(batch string) (parts []any, err error) {
	for _, g := range gaps {
		before, after, found := strings.Cut(batch, g.before+g.empty+g.after)
		if !found {
			return nil, fmt.Errorf("the events of a message have no %s%s", g.before, g.empty)
		}
		parts = append(parts, before+g.before)
		batch = g.after + after
	}
	return append(parts, batch), nil
}
