package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var _ messaging.Sender = messagingRepository{}

// sendingColumns are what sending knows of a message, in the order of newSend.
var sendingColumns = []column{
	{"talk_id", "uuid"}, {"sender_id", "uuid"}, {"message_id", "uuid"}, {"content", "text"}, {"asked_at", "timestamptz"},
	{"max_unanswered", "bigint"}, {"amount", "bigint"}, {"payment_id", "uuid"}, {"payment_type", "text"}, {"reason", "text"},
	{"metadata", "jsonb"}, {"paid_at", "timestamptz"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"}, {"told_4", "text"}, {"told_5", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
}

// sending sends messages, no two of which have a sender or a conversation in common. It returns
// those that it sent, and when, and has changed nothing for the others. It is a whole unit. In a
// group the rows are locked before. Alone, it takes the locks itself, in the order of all units:
// CTEs promise no order, but debit, which locks the wallet, takes its rows from touched, which
// locks the conversation, and all inserts take theirs from debit. Each of the two rows is locked
// where it is changed, and nowhere else: to lock a row in one CTE and to update it in another makes
// PostgreSQL lock two versions of it, and two such statements can wait for each other.
//
// If touched or debit waits for its row, PostgreSQL evaluates the conditions once more, with the
// row that was committed meanwhile. The other rows stay those from when the statement began. So
// this is what becomes of a unit that goes alone, while others commit:
//
//   - Another message in the conversation, of either participant: the fresh counts decide whether
//     an answer is missing, and the message follows the fresh latest one.
//   - Messages of the conversation are marked as read: no condition reads these counts.
//   - A reservation is proposed: its foreign key locks the conversation FOR KEY SHARE, for which
//     nothing here waits.
//   - The wallet changes, by another message of the sender, or as a reservation is accepted or
//     cancelled: the fresh balance counts. If it is too small, or if the sender is erased and the
//     wallet closed, the conversation has been changed already, and the division by zero rolls
//     everything back.
//   - A unit with the same key: the record violates its constraint, which rolls everything back.
//   - A block, a deactivation, the erasure of the other, or the end of the session: if it is
//     committed after the statement began, the message is sent. The steps do the same if it is
//     committed after their check.
//   - The other writes to the sender in the pair's second conversation, or the sender gets tokens:
//     the statement may not see it, and then changes nothing.
//
// If it changes nothing, the steps decide, which hold the rows before they read. To look for an
// answer of the other with EXISTS may read all who have ever written to the sender.
func sending(v variant) statement {
	debited := "NOT closed AND balance + {amount} BETWEEN 0 AND " + maxBalance
	return `WITH touched AS (
		UPDATE @conversations AS talk SET
			latest_id = {message_id}, latest_at = greatest({asked_at}, latest_at + interval '1 millisecond'),
			voyager_sent = voyager_sent + CASE voyager_id WHEN {sender_id} THEN 1 ELSE 0 END,
			local_sent = local_sent + CASE local_id WHEN {sender_id} THEN 1 ELSE 0 END
		FROM ` + v.from + `@users AS sender CROSS JOIN @users AS other CROSS JOIN @wallets
		WHERE talk.id = {talk_id} AND {sender_id} IN (voyager_id, local_id)` + v.only + `
			AND wallets.user_id = {sender_id} AND ` + debited + `
			AND sender.id = {sender_id} AND sender.is_active
			AND other.id = CASE voyager_id WHEN {sender_id} THEN local_id ELSE voyager_id END AND other.is_active
			AND NOT ` + eitherBlocks("voyager_id", "local_id") + `
			AND ` + inSession("{sender_id}") + `
			AND (` + sentBy("{sender_id}") + " < {max_unanswered} OR " + sentTo("{sender_id}") + ` > 0
				OR (SELECT true FROM @correspondents WHERE user_id = other.id AND reader_id = {sender_id}))
		RETURNING ` + v.all + `wallets.user_id AS payer, other.id AS other_id, latest_at AS sent_at,
			` + sentBy("{sender_id}") + ` = 1 AS is_first
	), debit AS (
		UPDATE @wallets SET balance = balance + {amount}, seq = seq + 1 FROM touched
		WHERE user_id = payer AND ` + debited + `
		RETURNING touched.*, balance, seq
	), line AS (
		INSERT INTO @token_transactions
			(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT {sender_id}, seq, {payment_id}, {amount}, {payment_type}, {reason}, {metadata},
			balance - {amount}, balance, {paid_at} FROM debit
	), message AS (
		INSERT INTO @messages (id, conversation_id, user_id, content, read, created_at)
		SELECT {message_id}, {talk_id}, {sender_id}, {content}, false, sent_at FROM debit
	), correspondent AS (
		INSERT INTO @correspondents (user_id, reader_id) SELECT {sender_id}, other_id FROM debit WHERE is_first
		ON CONFLICT (user_id, reader_id) DO NOTHING
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ({told_1} || seq || {told_2} || balance || {told_3} || (extract(epoch FROM sent_at) * 1000)::bigint
			|| {told_4} || other_id || {told_5})::json FROM debit
	)` + v.keep("debit") + " SELECT " + v.place + `, sent_at, 1 / (seq IS NOT NULL)::integer
		FROM touched LEFT JOIN (SELECT payer, seq FROM debit) AS paid USING (payer)`
}

var maxBalance = statement(strconv.FormatInt(tokens.MaxBalance, 10))

// sends is the kind of units that send a message.
var sends = newKind("sends", sendingColumns, sending, `WITH talks AS MATERIALIZED (
		SELECT id FROM @conversations WHERE id = ANY($2::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
	), payers AS MATERIALIZED (
		SELECT user_id FROM @wallets WHERE user_id = ANY($3::uuid[]) FOR NO KEY UPDATE SKIP LOCKED
	)`, `SELECT place FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[])
			AS units (place, conversation_id, user_id, key)
		WHERE conversation_id IN (SELECT id FROM talks) AND user_id IN (SELECT user_id FROM payers)
			AND (key IS NULL OR pg_try_advisory_xact_lock(key))`)

// newSend returns the unit of a message, which sets at to its time.
func newSend(c *conn, s messaging.Sending, at *time.Time) (*step, error) {
	m, p := s.Message, s.Payment
	args := append(make([]any, 0, len(sends.columns)),
		uuid(m.ConversationID), uuid(m.UserID), uuid(m.ID), m.Content, timestamp(m.CreatedAt),
		int64(s.MaxUnanswered), p.Amount, uuid(p.ID), string(p.Type), p.Reason, p.Metadata.String(), timestamp(p.CreatedAt))
	args, err := split(args, events.Batch([]events.Event{s.Paid, s.Sent}), sentGaps)
	if err != nil {
		return nil, err
	}
	args = inSessionOf(args, c.presence, m.UserID)
	u := &step{
		kind: sends, args: args, apart: [][16]byte{m.ConversationID, m.UserID},
		needs: []any{uuid(m.ConversationID), uuid(m.UserID), nil},
		take:  func(r *row) { *at = r.time() },
	}
	u.keep(c, s.Record)
	return u, nil
}

// Send implements messaging.Sender.
func (repo messagingRepository) Send(ctx context.Context, s messaging.Sending) (messaging.Message, idempotency.Outcome, error) {
	var at time.Time
	outcome, err := repo.inOneStep(ctx, func(c *conn) (*step, error) { return newSend(c, s, &at) })
	if outcome != idempotency.Done {
		return messaging.Message{}, outcome, err
	}
	s.Message.CreatedAt = at
	return s.Message, outcome, err
}

// sentGaps are the gaps in the events of a message, in their order: the seq and the balance of the
// payment, and the seq and the recipient of the message.
var sentGaps = []gap{
	newGap(`",`, "0", `,"`), newGap(`"balance_after":`, "0", ""),
	newGap(`",`, "0", `,"`), newGap(`"recipient_id":"`, noID, `"`),
}
