package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

var _ reservations.Mover = reservationsRepository{}

// move is a move of a reservation in one step.
type move struct {
	reservations.Moving
	to reservations.Status
}

// Accept implements reservations.Mover. A unit that has made another call takes the steps.
func (repo reservationsRepository) Accept(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, &move{m, reservations.Accepted})
}

// Cancel implements reservations.Mover. A unit that has made another call takes the steps.
func (repo reservationsRepository) Cancel(
	ctx context.Context, m reservations.Moving,
) (reservations.View, idempotency.Outcome, error) {
	return repo.moveAtOnce(ctx, &move{m, reservations.Cancelled})
}

func (repo reservationsRepository) moveAtOnce(
	ctx context.Context, m *move,
) (v reservations.View, outcome idempotency.Outcome, err error) {
	err = repo.unchecked(ctx, true, func(t *txn) error {
		if t.hosted || t.used {
			return nil
		}
		there, err := t.tryMove(ctx, m)
		if errors.Is(err, errNone) {
			t.undo(ctx)
			outcome = idempotency.NotDone
			return nil
		}
		if err != nil {
			return err
		}
		v = reservations.View{Reservation: there.Reservation, Other: there.other.person()}
		v.Status, v.UpdatedAt = m.to, m.At
		outcome, t.whole = idempotency.Done, true
		return nil
	})
	return v, outcome, err
}

// tryMove reads what the outcome depends on, makes the move, and commits. It returns errNone if the
// move was not made.
func (t *txn) tryMove(ctx context.Context, m *move) (*meeting, error) {
	if t.present != nil && t.present.User != m.By {
		if err := t.checkPresence(ctx); err != nil {
			return nil, err
		}
	}
	there, err := t.meet(ctx, m)
	if err != nil {
		return nil, err
	}
	before := t.waits
	if err := t.queueFor(ctx, m.turns(there)...); err != nil {
		return nil, err
	}
	if t.waits > before { // it waited for another unit, so read again
		if there, err = t.meet(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := t.writeMove(ctx, m, there); err != nil {
		return nil, err
	}
	return there, t.commitWhole(ctx)
}

// turns returns the turns of the documents that more than one unit may write.
func (m *move) turns(there *meeting) []turn {
	all := []turn{turnOf(turnOfReservation, m.Reservation)}
	if m.to == reservations.Accepted {
		all = append(all, turnOf(turnOfCalendar, there.LocalID))
	}
	if e, moves := m.Entry(there.Reservation); moves {
		all = append(all, turnOf(turnOfWallet, e.UserID))
	}
	if m.Record != nil {
		all = append(all, turnOfRecord(m.Record.Owner, m.Record.Key))
	}
	return all
}

// writeMove writes everything, in the order of ports.Tx.
func (t *txn) writeMove(ctx context.Context, m *move, there *meeting) error {
	if m.Record != nil {
		_, err := t.sendWrites(ctx, idempotencyIn, []mongo.WriteModel{insertingRecord(*m.Record)})
		if errors.Is(err, errTaken) {
			err = errNone
		}
		if err != nil {
			return err
		}
	}
	if m.to == reservations.Accepted {
		if err := t.reserve(ctx, there.Reservation); err != nil {
			return err
		}
	}
	moved, err := t.apply(ctx, reservationsIn, changing(d("_id", uuid(m.Reservation), "status", string(there.Status)),
		d("$set", d("status", string(m.to), "updated_at", date(m.At)))))
	if err == nil && moved == 0 {
		err = errNone
	}
	if err != nil {
		return err
	}
	l := &load{}
	payment, err := t.pay(ctx, m, there)
	if err != nil {
		return err
	}
	if payment != nil {
		l.ledger = []mongo.WriteModel{inserting(transactions.doc(*payment))}
	}
	for _, e := range m.Events(there.Reservation, payment) {
		l.outbox = append(l.outbox, inserting(outbox.doc(e)))
	}
	return l.send(ctx, t)
}

// reserve holds the calendar of the local. In a transaction that has read the accepted reservations
// of the local, that fails if another one was accepted since then. Behind mongos they are read now.
func (t *txn) reserve(ctx context.Context, r reservations.Reservation) error {
	err := holdCalendar(ctx, t, r.LocalID)
	if err != nil || !t.store.sharded {
		return err
	}
	clash, err := overlaps(ctx, t, r)
	if err == nil && clash {
		err = errNone
	}
	return err
}

// pay moves the tokens, and returns what the ledger is to say of it, or nil if no tokens are moved.
func (t *txn) pay(ctx context.Context, m *move, there *meeting) (*tokens.Transaction, error) {
	e, moves := m.Entry(there.Reservation)
	if !moves {
		return nil, nil
	}
	after, err := changeBalance(ctx, t, e)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && after.Closed {
		err = errNone
	}
	if err != nil {
		return nil, err
	}
	line, err := e.Apply(after.Balance-e.Amount, after.Seq-1)
	return &line, err
}
