package postgres

import (
	"context"
	"strconv"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
)

var _ reservations.Mover = reservationsRepository{}

// movingColumns are what moving knows of a move, in the order of movingArgs.
var movingColumns = []column{
	{"caller_id", "uuid"}, {"reservation_id", "uuid"}, {"becomes", "text"}, {"moved_at", "timestamptz"},
	{"from_pending", "bigint"}, {"from_accepted", "bigint"},
	{"told_1", "text"}, {"told_2", "text"}, {"told_3", "text"}, {"told_4", "text"}, {"told_5", "text"}, {"told_6", "text"},
	{"each", "bigint"}, {"payment_id", "uuid"}, {"payment_type", "text"}, {"reason", "text"}, {"metadata", "jsonb"},
	{"paid_at", "timestamptz"},
	{"paid_1", "text"}, {"paid_2", "text"}, {"paid_3", "text"}, {"paid_4", "text"}, {"paid_5", "text"}, {"paid_6", "text"},
	{"session_id", "uuid"}, {"created_after", "timestamptz"}, {"used_after", "timestamptz"},
}

// move is a move of a reservation in one step.
type move struct {
	to   reservations.Status
	lock statement // locks what a move that goes alone changes
}

// Each move.lock takes its locks in the order of ports.Tx. In each, a row is found by what the one
// before it has found, so that no plan can change the order: CTEs promise none. They are statements
// of their own, so that moving, which follows, sees what was committed while they waited, and waits
// for nothing itself. A reservation that is cancelled before it was accepted moves no tokens, and
// needs no wallet.
var (
	acceptance = move{reservations.Accepted, `WITH calendar AS MATERIALIZED (
		SELECT id, pg_advisory_xact_lock(` + calendarOf("local_id", "$2") + `) FROM @reservations WHERE id = $1
	), held AS MATERIALIZED (
		SELECT voyager_id FROM @reservations WHERE id = (SELECT id FROM calendar) FOR NO KEY UPDATE
	) SELECT 1 FROM @wallets WHERE user_id = (SELECT voyager_id FROM held) FOR NO KEY UPDATE`}

	cancellation = move{reservations.Cancelled, `WITH held AS MATERIALIZED (
		SELECT status, voyager_id FROM @reservations WHERE id = $1 FOR NO KEY UPDATE
	) SELECT 1 FROM @wallets WHERE user_id = (SELECT voyager_id FROM held WHERE status = 'accepted') FOR NO KEY UPDATE`}
)

// moves is the kind of units that move a reservation. In a group, one that has a voyager, a local
// or a key in common with one before it goes alone: the statement that moves does not see what it
// does itself.
var moves = newKind("moves", movingColumns, moving, `WITH named AS MATERIALIZED (
		SELECT units.*, voyager_id, local_id
		FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[]) AS units (place, reservation_id, calendar, key)
			JOIN @reservations ON id = reservation_id
	), apart AS MATERIALIZED (
		SELECT * FROM named WHERE NOT EXISTS (SELECT FROM named AS earlier WHERE earlier.place < named.place
			AND (earlier.voyager_id = named.voyager_id OR earlier.local_id = named.local_id OR earlier.key = named.key))
	), booked AS MATERIALIZED (
		SELECT id FROM @reservations WHERE id = ANY(ARRAY(SELECT reservation_id FROM apart)) FOR NO KEY UPDATE SKIP LOCKED
	), payers AS MATERIALIZED (
		SELECT user_id FROM @wallets WHERE user_id = ANY(ARRAY(SELECT voyager_id FROM apart)) FOR NO KEY UPDATE SKIP LOCKED
	)`, `SELECT place FROM apart
		WHERE reservation_id IN (SELECT id FROM booked) AND voyager_id IN (SELECT user_id FROM payers)
			AND (key IS NULL OR pg_try_advisory_xact_lock(key))
			AND (calendar IS NULL OR pg_try_advisory_xact_lock(`+calendarOf("local_id", "calendar")+`))`)

// moving moves reservations that are held, if it is allowed, and posts an amount to their voyagers,
// if that is not 0. No two of the reservations have a voyager or a local in common. It returns them
// as they were, with the other participant as the caller sees them, and has changed nothing for
// those that it does not return. It finds the rows by their ids alone: with the other conditions
// beside them, a plan may read all that are pending by their dates.
func moving(v variant) statement {
	const amount = "CASE WHEN 'accepted' IN (status, {becomes}) THEN tokens * {each} ELSE 0 END"
	return `WITH held AS MATERIALIZED (
		SELECT ` + v.all + `reservations.* FROM ` + v.from + `@reservations WHERE id = {reservation_id}
	), open AS MATERIALIZED (
		SELECT reservations.*, other.id AS other_id, ` + amount + ` AS amount, balance, seq
		FROM held AS reservations JOIN @wallets ON wallets.user_id = voyager_id JOIN @users AS caller ON caller.id = {caller_id}
			JOIN @users AS other ON other.id = CASE voyager_id WHEN {caller_id} THEN local_id ELSE voyager_id END
		WHERE {caller_id} IN (voyager_id, local_id) AND caller.is_active
			AND ` + inSession("{caller_id}") + `
			AND CASE {becomes}
				WHEN 'accepted' THEN status = 'pending' AND creator_id <> {caller_id} AND {moved_at} < date
					AND other.is_active AND NOT ` + eitherBlocks("voyager_id", "local_id") + " AND NOT " + overlapping + `
				WHEN 'cancelled' THEN status = 'pending' AND creator_id = {caller_id}
					OR status = 'accepted' AND ({moved_at} < date OR local_id = {caller_id}) END
			AND NOT closed AND balance + ` + amount + " BETWEEN 0 AND " + maxBalance + v.only + `
	), moved AS (
		UPDATE @reservations SET status = {becomes}, updated_at = {moved_at}
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
	)` + v.keep("open") + " SELECT " + v.place + ", " + bookings.columns + ", " + personBy("{caller_id}") + " " + fromOther +
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

func movingArgs(c *conn, m reservations.Moving, to reservations.Status) ([]any, error) {
	p := m.Payment
	args := append(make([]any, 0, len(moves.columns)), uuid(m.By), uuid(m.Reservation), string(to), timestamp(m.At),
		reservations.Pending.MovedSeq(), reservations.Accepted.MovedSeq())
	args, err := splitEvent(args, m.Moved, movedGaps)
	if err != nil {
		return nil, err
	}
	args = append(args, p.Amount, uuid(p.ID), string(p.Type), p.Reason, p.Metadata.String(), timestamp(p.CreatedAt))
	if args, err = splitEvent(args, m.Paid, paidGaps(p.Amount)); err != nil {
		return nil, err
	}
	return inSessionOf(args, c.presence, m.By), nil
}

// Accept implements reservations.Mover.
func (repo reservationsRepository) Accept(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, acceptance, repo.conn.store.lockOf("calendar"))
}

// Cancel implements reservations.Mover.
func (repo reservationsRepository) Cancel(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, cancellation, nil)
}

// moveAtOnce makes a move as a unit of its own. calendar is the seed of calendarOf, or nil if the
// move does not need the calendar.
func (repo reservationsRepository) moveAtOnce(
	ctx context.Context, m reservations.Moving, to move, calendar any,
) (reservations.View, idempotency.Outcome, error) {
	var v reservations.View
	outcome, err := repo.inOneStep(ctx, func(c *conn) (*step, error) { return newMove(c, m, to, calendar, &v) })
	if outcome != idempotency.Done {
		return reservations.View{}, outcome, err
	}
	v.Status, v.UpdatedAt = to.to, m.At
	return v, outcome, err
}

// newMove returns the unit of a move, which sets v to the reservation as it was.
func newMove(c *conn, m reservations.Moving, to move, calendar any, v *reservations.View) (*step, error) {
	args, err := movingArgs(c, m, to.to)
	if err != nil {
		return nil, err
	}
	u := &step{
		kind: moves, args: args,
		needs: []any{uuid(m.Reservation), calendar, nil},
		take: func(r *row) {
			bookings.scan(r, &v.Reservation)
			scanPerson(r, &v.Other)
		},
	}
	lock := command{statement: to.lock, args: u.needs[:1]}
	if calendar != nil {
		lock.args = u.needs[:2]
	}
	u.locks = []command{lock}
	u.keep(c, m.Record)
	return u, nil
}
