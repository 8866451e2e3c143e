package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
)

var _ reservations.Mover = reservationsRepository{}

// movingColumns are the arguments of moving, in the order of movingArgs. The last ones are the
// record, which is left out if there is no key. The first is $1, the viewer of personOf.
var movingColumns = []column{
	{"caller_id", "uuid"}, {"reservation_id", "uuid"}, {"moved_at", "timestamptz"},
	{"from_pending", "bigint"}, {"from_accepted", "bigint"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"}, {"told_4", "text"}, {"told_5", "text"}, {"told_6", "text"},
	{"each", "bigint"}, {"payment_id", "uuid"}, {"payment_type", "text"}, {"reason", "text"}, {"metadata", "jsonb"},
	{"paid_at", "timestamptz"},
	{"paid_1", "text"}, {"paid_2", "text"}, {"paid_3", "text"}, {"paid_4", "text"}, {"paid_5", "text"}, {"paid_6", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
	{"key_owner", "text"}, {"key_name", "text"}, {"fingerprint", "bytea"}, {"answer", "bytea"}, {"kept_at", "timestamptz"},
}

// move is a move of a reservation in one step.
type move struct {
	to          reservations.Status
	hold        statement // locks what the move changes
	alone, once statement // without and with a key
}

// The statements that hold do it in the order of ports.Tx. In each, a row is found by what the
// one before it has found, so that no plan can change the order: CTEs promise none. They are
// statements of their own, so that moving, which follows, sees what was committed while they
// waited, and waits for nothing itself. A reservation that is cancelled before it was accepted
// moves no tokens, and needs no wallet.
var (
	acceptance = moveTo(reservations.Accepted, `WITH calendar AS MATERIALIZED (
		SELECT id, pg_advisory_xact_lock(`+calendarOf("local_id")+`) FROM @reservations WHERE id = $1
	), held AS MATERIALIZED (
		SELECT voyager_id FROM @reservations WHERE id = (SELECT id FROM calendar) FOR NO KEY UPDATE
	) SELECT 1 FROM @wallets WHERE user_id = (SELECT voyager_id FROM held) FOR NO KEY UPDATE`,
		"tokens * {each}", `status = 'pending' AND creator_id <> {caller_id} AND {moved_at} < date
			AND other.is_active AND NOT `+eitherBlocks("voyager_id", "local_id")+" AND NOT "+overlapping)

	cancellation = moveTo(reservations.Cancelled, `WITH held AS MATERIALIZED (
		SELECT status, voyager_id FROM @reservations WHERE id = $1 FOR NO KEY UPDATE
	) SELECT 1 FROM @wallets WHERE user_id = (SELECT voyager_id FROM held WHERE status = 'accepted') FOR NO KEY UPDATE`,
		"CASE status WHEN 'accepted' THEN tokens * {each} ELSE 0 END", `(status = 'pending' AND creator_id = {caller_id}
			OR status = 'accepted' AND ({moved_at} < date OR local_id = {caller_id}))`)
)

func moveTo(to reservations.Status, hold, amount, allowed statement) move {
	without := movingColumns[:len(movingColumns)-columnsOfRecord]
	return move{
		to: to, hold: hold, alone: one(without, moving(to, amount, allowed, "", "")),
		once: one(movingColumns, moving(to, amount, allowed, notUsed, keep("open"))),
	}
}

// moving moves a reservation that is held, if it is allowed, and posts an amount to its voyager,
// if that is not 0. It returns the reservation as it was, with the other participant as the
// caller sees them, or no row if it has changed nothing. It finds the row by its id alone: with
// the other conditions beside it, a plan may read all that are pending by their dates.
func moving(to reservations.Status, amount, allowed, only, keep statement) statement {
	return `WITH held AS MATERIALIZED (
		SELECT * FROM @reservations WHERE id = {reservation_id}
	), open AS MATERIALIZED (
		SELECT reservations.*, other.id AS other_id, ` + amount + ` AS amount, balance, seq
		FROM held AS reservations JOIN @wallets ON wallets.user_id = voyager_id JOIN @users AS caller ON caller.id = {caller_id}
			JOIN @users AS other ON other.id = CASE voyager_id WHEN {caller_id} THEN local_id ELSE voyager_id END
		WHERE {caller_id} IN (voyager_id, local_id) AND caller.is_active
			AND ` + inSession("{caller_id}") + `
			AND ` + allowed + `
			AND NOT closed AND balance + ` + amount + " BETWEEN 0 AND " + maxBalance + only + `
	), moved AS (
		UPDATE @reservations SET status = '` + statement(to) + `', updated_at = {moved_at}
		FROM open WHERE reservations.id = open.id
	), paid AS (
		UPDATE @wallets SET balance = open.balance + amount, seq = open.seq + 1
		FROM open WHERE user_id = voyager_id AND amount <> 0
	), line AS (
		INSERT INTO @token_transactions
			(user_id, seq, id, amount, type, reason, metadata, balance_before, balance_after, created_at)
		SELECT voyager_id, seq + 1, {payment_id}, amount, {payment_type}, {reason}, {metadata},
			balance, balance + amount, {paid_at} FROM open WHERE amount <> 0
	), told AS (
		INSERT INTO @outbox_batches (events)
		SELECT ('[' || {told_1} || CASE status WHEN 'pending' THEN {from_pending} ELSE {from_accepted} END || {told_2}
			|| conversation_id || {told_3} || creator_id || {told_4} || local_id || {told_5} || voyager_id || {told_6}
			|| CASE amount WHEN 0 THEN '' ELSE ',' || {paid_1} || voyager_id || {paid_2} || (seq + 1) || {paid_3} || amount
				|| {paid_4} || (balance + amount) || {paid_5} || voyager_id || {paid_6} END || ']')::json FROM open
	)` + keep + " SELECT " + bookings.columns + ", " + personOf + " " + fromOther +
		" JOIN open AS reservations ON other_id = other.id"
}

// movedGaps are the gaps in the event of a move: its seq and, after the conversation, three people.
var movedGaps = []gap{
	newGap(`",`, "0", `,"`), newGap(`"conversation_id":"`, noID, `"`), newGap(`"creator_id":"`, noID, `"`),
	newGap(`"local_id":"`, noID, `"`), newGap(`"voyager_id":"`, noID, `"`),
}

// paidGaps returns those in the event of its payment: the user twice and, between them, its seq,
// amount and balance. The event has the amount for one token.
func paidGaps(each int64) []gap {
	return []gap{
		newGap("/", noID, `"`), newGap(`",`, "0", `,"`), newGap(`"amount":`, strconv.FormatInt(each, 10), ","),
		newGap(`"balance_after":`, "0", ""), newGap(`"user_id":"`, noID, `"`),
	}
}

// splitEvent is split for a single event, without the brackets of a batch.
func splitEvent(e events.Event, gaps []gap) ([]any, error) {
	one := strings.TrimSuffix(strings.TrimPrefix(events.Batch([]events.Event{e}), "["), "]")
	return split(one, gaps)
}

func movingArgs(c *conn, m reservations.Moving) ([]any, error) {
	p := m.Payment
	told, err := splitEvent(m.Moved, movedGaps)
	if err != nil {
		return nil, err
	}
	paid, err := splitEvent(m.Paid, paidGaps(p.Amount))
	if err != nil {
		return nil, err
	}
	args := append([]any{
		uuid(m.By), uuid(m.Reservation), m.At, reservations.Pending.MovedSeq(), reservations.Accepted.MovedSeq(),
	}, told...)
	args = append(append(args, p.Amount, uuid(p.ID), string(p.Type), p.Reason, p.Metadata.String(), p.CreatedAt), paid...)
	args = append(args, session(c.presence, m.By)...)
	if m.Record != nil {
		args = append(args, records.args(*m.Record)...)
	}
	return args, nil
}

// Accept implements reservations.Mover.
func (repo reservationsRepository) Accept(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, acceptance, uuid(m.Reservation), repo.conn.store.lockOf("calendar"))
}

// Cancel implements reservations.Mover.
func (repo reservationsRepository) Cancel(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, cancellation, uuid(m.Reservation))
}

// moveAtOnce makes a move as a unit of its own: see atOnce. hold are the arguments of its first
// statement.
func (repo reservationsRepository) moveAtOnce(
	ctx context.Context, m reservations.Moving, to move, hold ...any,
) (v reservations.View, outcome idempotency.Outcome, err error) {
	err = repo.write(ctx, func(c *conn) error {
		if !c.untouched() {
			return nil
		}
		args, err := movingArgs(c, m)
		if err != nil {
			return err
		}
		locks, s := []command{{statement: to.hold, args: hold}}, to.alone
		if r := m.Record; r != nil { // a key is held before all else
			key := command{statement: holdLock, args: []any{c.store.lockOf(lockOfKey(r.Owner, r.Key)...)}}
			locks, s = append([]command{key}, locks...), to.once
		}
		found, err := atOnce(ctx, c, scanMoved, locks, s, args...)
		switch {
		case isUndone(err):
			outcome = idempotency.NotDone
			return nil
		case err != nil:
			return err
		}
		v, outcome = found, idempotency.Done
		v.Status, v.UpdatedAt = to.to, m.At
		return nil
	})
	return v, outcome, err
}

func scanMoved(r *row, v *reservations.View) {
	bookings.scan(r, &v.Reservation)
	scanPerson(r, &v.Other)
}
