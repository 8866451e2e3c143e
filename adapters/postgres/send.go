package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

var _ messaging.Sender = messagingRepository{}

// sendingColumns are what sending knows of a message, in the order of parcel.args. Its text has the
// names in braces. The last ones are the record, which is left out or NULL if there is no key. No
// table has columns of these names where the statement uses them.
var sendingColumns = []column{
	{"talk_id", "uuid"}, {"sender_id", "uuid"}, {"message_id", "uuid"}, {"content", "text"}, {"asked_at", "timestamptz"},
	{"max_unanswered", "bigint"}, {"amount", "bigint"}, {"payment_id", "uuid"}, {"payment_type", "text"}, {"reason", "text"},
	{"metadata", "jsonb"}, {"paid_at", "timestamptz"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"}, {"told_4", "text"}, {"told_5", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
	{"key_owner", "text"}, {"key_name", "text"}, {"fingerprint", "bytea"}, {"answer", "bytea"}, {"kept_at", "timestamptz"},
}

const columnsOfRecord = 5

// column is an argument of a statement that has its name in braces.
type column struct{ name, kind string }

// one returns a statement whose arguments are the columns, in their order.
func one(columns []column, s statement) statement {
	var values []string
	for i, c := range columns {
		values = append(values, "{"+c.name+"}", fmt.Sprintf("$%d::%s", i+1, c.kind))
	}
	return statement(strings.NewReplacer(values...).Replace(string(s)))
}

// sending sends messages, no two of which have a sender or a conversation in common: the one of its
// arguments, or those of from, of which it keeps all. It returns those that it sent, and when, and
// has changed nothing for the others. It follows a statement that locks the conversations, and is
// with it a whole unit.
//
// The lock is a statement of its own, so that sending sees what was committed while that waited. To
// lock the row in a CTE and to update it in another makes PostgreSQL lock two versions of the row,
// and two such statements can wait for each other. CTEs promise no order, but all inserts take their
// rows from debit, which locks the wallet: this is the order of locks of all units.
//
// If the statement waits for the wallet, only that row is fresh: it tells that the sender was
// erased. To look for an answer of the other with EXISTS may read all who have ever written to the
// sender.
func sending(all, from, only, keep statement) statement {
	return `WITH open AS MATERIALIZED (
		SELECT ` + all + `other.id AS other_id, latest_at
		FROM ` + from + `@conversations AS talk JOIN @users AS sender ON sender.id = {sender_id}
			JOIN @users AS other ON other.id = CASE voyager_id WHEN {sender_id} THEN local_id ELSE voyager_id END
		WHERE talk.id = {talk_id} AND {sender_id} IN (voyager_id, local_id)` + only + `
			AND sender.is_active AND other.is_active AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND ` + inSession("{sender_id}") + `
			AND ((SELECT true FROM @correspondents WHERE user_id = other.id AND reader_id = {sender_id})
				OR (SELECT count(*) FROM (SELECT FROM @messages WHERE conversation_id = {talk_id} LIMIT {max_unanswered}) AS sent)
					< {max_unanswered})
	), debit AS (
		UPDATE @wallets SET balance = balance + {amount}, seq = seq + 1 FROM open
		WHERE user_id = {sender_id} AND NOT closed AND balance + {amount} BETWEEN 0 AND ` + maxBalance + `
		RETURNING open.*, balance, seq, greatest({asked_at}, latest_at + interval '1 millisecond') AS sent_at
	), line AS (
		INSERT INTO @token_transactions
			(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT {sender_id}, seq, {payment_id}, {amount}, {payment_type}, {reason}, {metadata},
			balance - {amount}, balance, {paid_at} FROM debit
	), message AS (
		INSERT INTO @messages (id, conversation_id, user_id, content, read, created_at)
		SELECT {message_id}, {talk_id}, {sender_id}, {content}, false, sent_at FROM debit
	), latest AS (
		UPDATE @conversations SET latest_id = {message_id}, latest_at = sent_at FROM debit WHERE id = {talk_id}
	), correspondent AS (
		INSERT INTO @correspondents (user_id, reader_id) SELECT {sender_id}, other_id FROM debit
		ON CONFLICT (user_id, reader_id) DO NOTHING
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ({told_1} || seq || {told_2} || balance || {told_3} || (extract(epoch FROM sent_at) * 1000)::bigint
			|| {told_4} || other_id || {told_5})::json FROM debit
	)` + keep + " SELECT {message_id}, sent_at FROM debit"
}

var maxBalance = statement(strconv.FormatInt(tokens.MaxBalance, 10))

// notUsed excludes a message if the statement sees a record of its key. The record of a concurrent
// unit with the same key makes the statement fail.
const notUsed statement = `
			AND NOT EXISTS (SELECT FROM @idempotency_records WHERE owner = {key_owner} AND key = {key_name})`

// keep saves the record of a key for each row of from, unless there is no key.
func keep(from statement) statement {
	return `, kept AS (
		INSERT INTO @idempotency_records (owner, key, fingerprint, answer, created_at)
		SELECT {key_owner}, {key_name}, {fingerprint}, {answer}, {kept_at} FROM ` + from + ` WHERE {key_name} IS NOT NULL
	)`
}

// inSession is the condition that session_id is a session of a user, which passes
// users.Presence.Check, or NULL.
func inSession(user statement) statement {
	return `({session_id} IS NULL OR EXISTS (SELECT FROM @sessions WHERE id = {session_id} AND user_id = ` + user + `
				AND revoked_at IS NULL AND created_at > {created_after} AND last_used_at > {used_after}))`
}

// The statements of a message that is sent alone, without and with a key.
var (
	send     = one(sendingColumns[:len(sendingColumns)-columnsOfRecord], sending("", "", "", ""))
	sendOnce = one(sendingColumns, sending("", "", notUsed, keep("debit")))
)

// parcel is a message, with the values of sendingColumns.
type parcel struct {
	messaging.Message
	key  *int64 // the number of the lock of its key; nil if it has none
	args []any
}

func newParcel(c *conn, s messaging.Sending) (*parcel, error) {
	told, err := split(events.Batch([]events.Event{s.Paid, s.Sent}), gaps)
	if err != nil {
		return nil, err
	}
	m, p := s.Message, s.Payment
	args := append(make([]any, 0, len(sendingColumns)),
		uuid(m.ConversationID), uuid(m.UserID), uuid(m.ID), m.Content, m.CreatedAt,
		int64(s.MaxUnanswered), p.Amount, uuid(p.ID), string(p.Type), p.Reason, p.Metadata.String(), p.CreatedAt)
	args = append(append(args, told...), session(c.presence, m.UserID)...)
	if s.Record == nil {
		return &parcel{Message: m, args: args}, nil
	}
	key := c.store.lockOf(lockOfKey(s.Record.Owner, s.Record.Key)...)
	return &parcel{Message: m, key: &key, args: append(args, records.args(*s.Record)...)}, nil
}

// receipt is a row of sending.
type receipt struct {
	message id.Message
	at      time.Time
}

func scanReceipt(r *row, v *receipt) { v.message, v.at = r.id(), r.time() }

// send sends a parcel as a unit of its own: see atOnce.
func (p *parcel) send(ctx context.Context, c *conn) (time.Time, error) {
	lock, s := command{statement: lockConversation, args: p.args[:1]}, send
	if p.key != nil {
		s = sendOnce
	}
	sent, err := atOnce(ctx, c, scanReceipt, []command{lock}, s, p.args...)
	return sent.at, err
}

func (repo messagingRepository) Send(
	ctx context.Context, s messaging.Sending,
) (sent messaging.Message, outcome idempotency.Outcome, err error) {
	err = repo.write(ctx, func(c *conn) error {
		if !c.untouched() {
			return nil
		}
		p, err := newParcel(c, s)
		if err != nil {
			return err
		}
		at, err := c.dispatch(ctx, p)
		switch {
		case isUndone(err):
			outcome = idempotency.NotDone
			return nil
		case err != nil:
			return err
		}
		sent, outcome = s.Message, idempotency.Done
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

// gap is a value in the events of a unit that only its statement knows, with what is before and
// around it.
type gap struct{ before, empty, around string }

func newGap(before, empty, after string) gap { return gap{before, empty, before + empty + after} }

// noID is the empty value of an id.
const noID = "00000000-0000-0000-0000-000000000000"

// gaps are those in the events of a message, in their order: the seq and the balance of the
// payment, and the seq and the recipient of the message.
var gaps = []gap{
	newGap(`",`, "0", `,"`), newGap(`"balance_after":`, "0", ""),
	newGap(`",`, "0", `,"`), newGap(`"recipient_id":"`, noID, `"`),
}

// split returns the parts of a batch of events between its gaps.
func split(batch string, gaps []gap) ([]any, error) {
	parts := make([]any, 0, len(gaps)+1)
	for _, g := range gaps {
		at := strings.Index(batch, g.around)
		if at < 0 {
			return nil, fmt.Errorf("the events have no %s%s", g.before, g.empty)
		}
		at += len(g.before)
		parts, batch = append(parts, batch[:at]), batch[at+len(g.empty):]
	}
	return append(parts, batch), nil
}
