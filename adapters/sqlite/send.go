package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var _ messaging.Sender = messagingRepository{}

// sendable has a row if the sender ?2 can send a message to the conversation ?1 and pay ?4 for it,
// where ?3 is the most messages without an answer: what the message depends on. further are more
// conditions. Each of the tables is read by its key.
func sendable(further string) string {
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
			AND NOT closed AND balance + ?4 BETWEEN 0 AND ` + strconv.FormatInt(tokens.MaxBalance, 10) + further
}

// The forms of sendable: plain, and with the check of a session, each without and with a key.
var (
	sendableNow     = withCheck(4, sendable)
	sendableWithKey = withCheck(6, func(present string) string { return sendable(notUsed + present) })
)

// notUsed is the condition that the owner ?5 has no record of the key ?6.
const notUsed = `
			AND NOT EXISTS (SELECT 1 FROM idempotency_records WHERE owner = ?5 AND key = ?6)`

const (
	pay = "UPDATE wallets SET balance = ?2, seq = ?3 WHERE user_id = ?1"

	// makeLatest is what touch does, for a message that is known to be the latest.
	makeLatest = "UPDATE conversations SET latest_id = ?2, latest_at = ?3 WHERE id = ?1"
)

// ready is a row of sendable.
type ready struct {
	other   id.User
	latest  int64 // 0 if there is no message
	balance int64
	seq     int64
	wrote   bool // the sender has written to the other before
}

func scanReady(r *row, v *ready) {
	v.other, v.latest, v.balance, v.seq, v.wrote = r.id(), r.int(), r.int(), r.int(), r.bool()
}

// Send implements messaging.Sender. One statement makes all checks, and the others write. They have
// no savepoint: if one of them fails, which no check can foresee, the units that share the
// transaction are lost, too, and run again. A check of another session than the sender's is made by
// the steps.
func (repo messagingRepository) Send(
	ctx context.Context, s messaging.Sending,
) (sent messaging.Message, outcome idempotency.Outcome, err error) {
	err = repo.Call(ctx, true, func() error {
		p := repo.presence
		if repo.touched || repo.conn.undoing == never || p != nil && (p.User != s.Message.UserID || !p.Open.Live) {
			return nil
		}
		found, err := repo.findReady(ctx, s)
		if errors.Is(err, errNone) {
			outcome = idempotency.NotDone
			return nil
		}
		if err != nil {
			return err
		}
		sent = s.Message
		if next := found.latest + 1; found.latest != 0 && milli(sent.CreatedAt) < next {
			sent.CreatedAt = moment(next)
		}
		s.Message = sent
		if err := repo.conn.send(ctx, s, found); err != nil {
			return err
		}
		outcome, repo.presence = idempotency.Done, nil
		return nil
	})
	return sent, outcome, err
}

func (u *unit) findReady(ctx context.Context, s messaging.Sending) (ready, error) {
	statement := sendableNow
	args := []any{blob(s.Message.ConversationID), blob(s.Message.UserID), int64(s.MaxUnanswered), s.Payment.Amount}
	if s.Record != nil {
		statement = sendableWithKey
		args = append(args, s.Record.Owner, string(s.Record.Key))
	}
	if u.presence == nil {
		return find(ctx, u.conn, scanReady, statement.plain, args...)
	}
	return find(ctx, u.conn, scanReady, statement.checked, append(args, presenceArgs(u.presence)...)...)
}

// send writes what belongs to a message that can be sent.
func (c *conn) send(ctx context.Context, s messaging.Sending, found ready) error {
	line, err := s.Payment.Apply(found.balance, found.seq)
	if err != nil {
		return fmt.Errorf("pay for a message: %w", err)
	}
	told, err := complete(s, line, found.other)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // all of the writes, or none
	if c.undoing != byRollback {
		c.undoing = withOthers
	}
	write := func(statement string, args ...any) {
		if err == nil {
			_, err = c.exec(ctx, statement, args...)
		}
	}
	m := s.Message
	write(transactions.insert, transactions.args(line)...)
	write(pay, blob(m.UserID), line.BalanceAfter, line.Seq)
	write(messages.insert, messages.args(m)...)
	write(makeLatest, blob(m.ConversationID), blob(m.ID), milli(m.CreatedAt))
	if !found.wrote {
		write(correspondents.insert, correspondents.args(matching.Correspondent{UserID: m.UserID, ReaderID: found.other})...)
	}
	write(insertBatch, told)
	if s.Record != nil {
		write(records.insert, records.args(*s.Record)...)
	}
	if err == nil {
		c.undoing = never
	}
	return err
}

// complete returns the events of a message with what only the store knows.
func complete(s messaging.Sending, line tokens.Transaction, recipient id.User) (string, error) {
	paid, ok := s.Paid.Data.(events.WalletChanged)
	sent, also := s.Sent.Data.(events.MessageSent)
	if !ok || !also {
		return "", fmt.Errorf("the events of a message are a %T and a %T", s.Paid.Data, s.Sent.Data)
	}
	paid.BalanceAfter, sent.RecipientID = line.BalanceAfter, recipient
	s.Paid.Data, s.Paid.Seq = paid, line.Seq
	s.Sent.Data, s.Sent.Seq = sent, milli(s.Message.CreatedAt)
	return events.Batch([]events.Event{s.Paid, s.Sent}), nil
}
