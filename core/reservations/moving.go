package reservations

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Moving is a reservation that is to be accepted or cancelled in one step, with all that its unit
// of work writes. It lacks what follows from the stored reservation.
type Moving struct {
	Reservation id.Reservation
	By          id.User   // the participant who moves it
	At          time.Time // the present time

	// Moved is the event of the move: its Data lacks ConversationID, CreatorID, LocalID and VoyagerID.
	// Its Seq is that of a move from the stored status: see Status.MovedSeq.
	Moved events.Event

	// Payment is the entry of the voyager if tokens are paid or refunded: it lacks the UserID, and
	// its Amount is for one token of the reservation, -1 or 1. Paid is its event,
	// events.WalletChanged with the same Amount. It lacks UserID, which is in its Aggregate, too,
	// BalanceAfter and Seq. No payment is posted for a reservation of 0 tokens, or for one that was
	// not accepted yet and is cancelled.
	Payment tokens.Entry
	Paid    events.Event

	// Record is saved for the key of the command. It is nil if the command has none.
	Record *idempotency.Record
}

// to returns the status to which m moves the reservation.
func (m Moving) to() Status {
	if m.Moved.Type == events.TypeReservationAccepted {
		return Accepted
	}
	return Cancelled
}

// Allows reports whether the service lets m.By make the move, by the stored reservation and the
// standing of its conversation. It does not check the session, the key, the calendar of the local
// or the wallet of the voyager.
func (m Moving) Allows(r Reservation, s messaging.Standing) bool {
	if !r.Has(m.By) || s.Admit(m.By) != nil {
		return false
	}
	if m.to() == Accepted {
		return r.mayBeAccepted(m.By, m.At) == nil && s.Open() == nil
	}
	return r.mayBeCancelled(m.By, m.At) == nil
}

// Entry returns the entry of the move of a stored reservation. It reports false if no tokens are
// paid or refunded.
func (m Moving) Entry(r Reservation) (e tokens.Entry, moves bool) {
	e = m.Payment
	e.UserID, e.Amount = r.VoyagerID, e.Amount*r.Tokens
	return e, e.Amount != 0 && (m.to() == Accepted || r.Status == Accepted)
}

// Events returns the events of the move of a stored reservation. payment is what its entry became,
// or nil if no tokens are paid or refunded.
func (m Moving) Events(r Reservation, payment *tokens.Transaction) []events.Event {
	moved := m.Moved
	moved.Seq = r.Status.MovedSeq()
	r.Status = m.to()
	moved.Data = r.news(m.By)
	if payment == nil {
		return []events.Event{moved}
	}
	paid := m.Paid
	if changed, ok := paid.Data.(events.WalletChanged); ok {
		changed.Amount, changed.BalanceAfter, changed.UserID = payment.Amount, payment.BalanceAfter, payment.UserID
		paid = paid.With(payment.Seq, changed)
	}
	return []events.Event{moved, paid}
}

// Mover is a Repository that can also accept and cancel a reservation in one step. What it does
// and keeps is what Service.Accept and Service.Cancel do step by step; that is its specification,
// and the kit of package porttest compares the two.
//
// Both methods return the reservation as m.By sees it, with its new status and time of change,
// and idempotency.Done. The unit is then committed, and makes no further call. Otherwise nothing
// has changed:
//
//   - idempotency.NotDone: the key has a record, a check of the service fails, or the store
//     cannot tell whether it does. It may be wrong only about a block or an inactive user that
//     was committed while the method ran.
//   - idempotency.Unsupported: this unit of work cannot commit in one step, because it has made
//     other calls, or because it is part of a transaction of the host program.
//
// They return uow.ErrOutcomeUnknown as a commit does.
type Mover interface {
	// Accept accepts a pending reservation, and holds its tokens.
	Accept(ctx context.Context, m Moving) (View, idempotency.Outcome, error)

	// Cancel cancels a pending reservation, or an accepted one, whose tokens it refunds.
	Cancel(ctx context.Context, m Moving) (View, idempotency.Outcome, error)
}

// MovedSeq returns the seq of the event of a move from a status. No reservation returns to a
// status.
func (s Status) MovedSeq() int64 {
	if s == Pending {
		return proposedSeq + 1
	}
	return remindedSeq + 1
}

// fastMove is a move that a Mover can make.
type fastMove struct {
	to    Status
	moved events.Type
	pay   func(Reservation) tokens.Movement
	do    func(Mover, context.Context, Moving) (View, idempotency.Outcome, error)
}

var (
	acceptance   = fastMove{Accepted, events.TypeReservationAccepted, payment, Mover.Accept}
	cancellation = fastMove{Cancelled, events.TypeReservationCancelled, refund, Mover.Cancel}
)

// atOnce returns the fast form of a move.
func (s *Service) atOnce(caller id.User, reservation id.Reservation, f fastMove) idempotency.Fast[Tx, View] {
	return func(
		ctx context.Context, tx Tx, record func(View) (*idempotency.Record, error),
	) (View, idempotency.Outcome, error) {
		mover, ok := tx.Reservations().(Mover)
		if !ok || events.Joined(ctx, f.moved) || events.Joined(ctx, events.TypeWalletChanged) {
			return View{}, idempotency.Unsupported, nil
		}
		now := s.deps.Clock.Now()
		r := Reservation{ID: reservation, Tokens: 1, Status: f.to, UpdatedAt: now}
		moved := events.New(s.deps.IDs, now, 0, r.news(caller))
		payment, paid, err := s.deps.Ledger.Prepare(now, f.pay(r))
		if err != nil {
			return View{}, idempotency.NotDone, fmt.Errorf("prepare a payment: %w", err)
		}
		kept, err := record(View{Reservation: r})
		if err != nil {
			return View{}, idempotency.NotDone, err
		}
		v, outcome, err := f.do(mover, ctx, Moving{
			Reservation: reservation, By: caller, At: now, Moved: moved, Payment: payment, Paid: paid, Record: kept,
		})
		if err != nil {
			return View{}, outcome, fmt.Errorf("move a reservation in one step: %w", err)
		}
		return v, outcome, nil
	}
}
