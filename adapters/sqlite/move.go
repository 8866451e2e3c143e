package sqlite

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var _ reservations.Mover = reservationsRepository{}

// acceptable and cancellable have the checks of the moves that reservations.Mover makes. A
// reservation that is cancelled before it was accepted moves no tokens.
var (
	acceptable = movable("tokens * ?4", `status = 'pending' AND creator_id <> ?1 AND ?3 < date
			AND other.is_active AND NOT `+eitherBlocks("voyager_id", "local_id")+" AND NOT "+overlapping)

	cancellable = movable("CASE status WHEN 'accepted' THEN tokens * ?4 ELSE 0 END",
		"(status = 'pending' AND creator_id = ?1 OR status = 'accepted' AND (?3 < date OR local_id = ?1))")
)

// movable has a row if the participant ?1 can move the reservation ?2 at the time ?3, because it is
// allowed, and an amount of tokens can be posted to its voyager, where ?4 is that for one token.
// The row has the reservation, the other participant as ?1 sees them, and what the payment depends
// on. Each of the tables is read by its key.
func movable(amount, allowed string) checks {
	return checksOf(4, func(further string) string {
		return "SELECT " + bookings.columns + ", " + personOf + `, balance, seq
		FROM reservations
		CROSS JOIN users AS other ON other.id = CASE voyager_id WHEN ?1 THEN local_id ELSE voyager_id END
		CROSS JOIN users AS caller ON caller.id = ?1
		CROSS JOIN wallets ON wallets.user_id = voyager_id
		LEFT JOIN profiles ON profiles.user_id = other.id
		WHERE reservations.id = ?2 AND ?1 IN (voyager_id, local_id) AND caller.is_active
			AND ` + allowed + `
			AND NOT closed AND balance + ` + amount + " BETWEEN 0 AND " + maxBalance + further
	})
}

// moving is a row of movable.
type moving struct {
	before       reservations.View
	balance, seq int64
}

func scanMoving(r *row, v *moving) {
	bookings.scan(r, &v.before.Reservation)
	scanPerson(r, &v.before.Other)
	v.balance, v.seq = r.int(), r.int()
}

// Accept implements reservations.Mover.
func (repo reservationsRepository) Accept(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, acceptable, reservations.Accepted)
}

// Cancel implements reservations.Mover.
func (repo reservationsRepository) Cancel(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, m, cancellable, reservations.Cancelled)
}

func (repo reservationsRepository) moveAtOnce(
	ctx context.Context, m reservations.Moving, may checks, to reservations.Status,
) (v reservations.View, outcome idempotency.Outcome, err error) {
	outcome, err = atOnce(ctx, repo.unit, step[moving]{
		by: m.By, record: m.Record, checks: may, scan: scanMoving,
		args: []any{blob(m.By), blob(m.Reservation), milli(m.At), m.Payment.Amount},
		writes: func(found moving) ([]command, error) {
			v = found.before
			v.Status, v.UpdatedAt = to, m.At
			all := []command{{move, []any{blob(v.ID), string(to), milli(m.At)}}}
			var paid *tokens.Transaction
			if due, moves := m.Entry(found.before.Reservation); moves {
				line, err := due.Apply(found.balance, found.seq)
				if err != nil {
					return nil, fmt.Errorf("pay for a reservation: %w", err)
				}
				all, paid = append(all, payment(line)...), &line
			}
			return append(all, command{insertBatch, []any{events.Batch(m.Events(found.before.Reservation, paid))}}), nil
		},
	})
	return v, outcome, err
}
