package porttest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// moveFlaw is what a store with a reservations.Mover does wrong.
type moveFlaw int

const (
	movesWell moveFlaw = iota
	movesWithoutKey
	movesWithUsedKey
	movesOwn
	movesBlocked
	movesInactive
	movesLate
	movesForNothing
	movesOthersBack
	movesSilently
	movesWithFirstSeq
	movesAnonymously
	movesWithImage
	movesNever
)

// moving returns a plant of stores with a reservations.Mover.
func moving(f moveFlaw) plant {
	return handing(func(_ *memory.Store, b *broken) { b.reservations = mover{b.Tx.Reservations(), b.Tx, f} })
}

// mover is a reservations.Mover that makes the calls of the steps in the unit of work.
type mover struct {
	reservations.Repository
	tx   ports.Tx
	flaw moveFlaw
}

func (r mover) Accept(ctx context.Context, m reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	return r.move(ctx, m, reservations.Accepted, func(v reservations.Reservation, open bool) (int64, bool) {
		late := !m.At.Before(v.Date) && r.flaw != movesLate
		return v.Tokens, v.Status == reservations.Pending && (m.By != v.CreatorID || r.flaw == movesOwn) && !late && open
	})
}

func (r mover) Cancel(ctx context.Context, m reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	return r.move(ctx, m, reservations.Cancelled, func(v reservations.Reservation, _ bool) (int64, bool) {
		if v.Status == reservations.Pending {
			return 0, m.By == v.CreatorID || r.flaw == movesOthersBack
		}
		return v.Tokens, v.Status == reservations.Accepted && (m.At.Before(v.Date) || m.By == v.LocalID || r.flaw == movesLate)
	})
}

// move makes a move if rule allows it, and moves as many tokens as it returns.
func (r mover) move(
	ctx context.Context, m reservations.Moving, to reservations.Status,
	rule func(v reservations.Reservation, open bool) (paid int64, allowed bool),
) (v reservations.View, outcome idempotency.Outcome, err error) {
	if r.flaw == movesNever {
		return v, idempotency.NotDone, nil
	}
	if m.Record != nil {
		_, err := r.tx.Idempotency().Claim(ctx, m.Record.Owner, m.Record.Key)
		if !errors.Is(err, fault.NotFound) && r.flaw != movesWithUsedKey {
			return v, idempotency.NotDone, err
		}
	}
	before, open, err := r.enter(ctx, m)
	if errors.Is(err, fault.NotFound) {
		return v, idempotency.NotDone, nil
	}
	paid, allowed := rule(before, open)
	if err != nil || !allowed {
		return v, idempotency.NotDone, err
	}
	m.Payment.UserID, m.Payment.Amount = before.VoyagerID, m.Payment.Amount*paid
	w, err := r.tx.Tokens().Wallet(ctx, before.VoyagerID)
	if err != nil || w.Closed || w.Balance+m.Payment.Amount < 0 {
		return v, idempotency.NotDone, err
	}
	if moved, err := r.Move(ctx, before, to, m.At); err != nil || moved != reservations.Done {
		return v, idempotency.NotDone, err
	}
	v.Reservation = before
	v.Status, v.UpdatedAt = to, m.At
	if v.Other, err = r.person(ctx, m, before); err == nil {
		err = r.write(ctx, m, before, paid)
	}
	return v, idempotency.Done, err
}

// enter returns a reservation that m.By may see, or fault.NotFound, and whether it can be
// accepted by the standing of its conversation.
func (r mover) enter(ctx context.Context, m reservations.Moving) (before reservations.Reservation, open bool, err error) {
	if before, err = r.Hold(ctx, m.Reservation); err != nil {
		return before, false, err
	}
	standing, err := r.tx.Messaging().Standing(ctx, before.ConversationID)
	if err == nil && standing.Admit(m.By) != nil {
		err = fault.NotFound
	}
	standing.Blocked = standing.Blocked && r.flaw != movesBlocked
	return before, standing.Open() == nil || r.flaw == movesInactive && !standing.Blocked, err
}

func (r mover) person(ctx context.Context, m reservations.Moving, v reservations.Reservation) (matching.Person, error) {
	other := v.LocalID
	if m.By == other {
		other = v.VoyagerID
	}
	people, err := matching.PeopleSeen(ctx, r.tx, m.By, other)
	if r.flaw == movesAnonymously {
		return matching.Person{UserID: other}, err
	}
	seen := people[other]
	if r.flaw == movesWithImage {
		profile, _, err := r.tx.Matching().Profile(ctx, other)
		seen.ImageURL = profile.ImageURL
		return seen, err
	}
	return seen, err
}

// write posts the payment, and adds the events and the record.
func (r mover) write(ctx context.Context, m reservations.Moving, before reservations.Reservation, paid int64) error {
	said := events.Reservation{
		ByID: m.By, ConversationID: before.ConversationID, CreatorID: before.CreatorID, LocalID: before.LocalID,
		ReservationID: before.ID, VoyagerID: before.VoyagerID,
	}
	m.Moved.Seq = before.Status.MovedSeq()
	if r.flaw == movesWithFirstSeq {
		m.Moved.Seq = reservations.Pending.MovedSeq()
	}
	if m.Moved.Data = events.Data(events.ReservationCancelled{Reservation: said}); m.Moved.Type == events.TypeReservationAccepted {
		m.Moved.Data = events.ReservationAccepted{Reservation: said}
	}
	all := []events.Event{m.Moved}
	if paid != 0 && r.flaw != movesForNothing {
		receipts, err := r.tx.Tokens().Post(ctx, m.Payment)
		if err != nil {
			return err
		}
		all = append(all, changed(m.Paid, receipts[0].Transaction))
	}
	if r.flaw == movesSilently {
		all = all[1:]
	}
	err := r.tx.Events().Add(ctx, all...)
	if m.Record != nil && r.flaw != movesWithoutKey {
		err = errors.Join(err, r.tx.Idempotency().Save(ctx, *m.Record))
	}
	return err
}

// changed returns the event of a payment with what it lacks.
func changed(e events.Event, t tokens.Transaction) events.Event {
	return e.With(t.Seq, events.WalletChanged{
		Amount: t.Amount, BalanceAfter: t.BalanceAfter, TransactionID: t.ID, Type: string(t.Type), UserID: t.UserID,
	})
}

// moveDefects returns stores with a reservations.Mover that a comparison with the steps finds.
func moveDefects() (all []defect) {
	const differs = "in one step and step by step"
	for _, d := range []struct {
		name string
		flaw moveFlaw
		says string
	}{
		{"forgets the key", movesWithoutKey, "idempotency_records"},
		{"ignores a used key", movesWithUsedKey, differs},
		{"lets people accept their own proposals", movesOwn, differs},
		{"ignores blocks", movesBlocked, differs},
		{"ignores inactive users", movesInactive, differs},
		{"ignores the date", movesLate, differs},
		{"moves no tokens", movesForNothing, "token_transactions"},
		{"lets others cancel what is pending", movesOthersBack, differs},
		{"adds no event", movesSilently, "outbox"},
		{"gives each event the first seq", movesWithFirstSeq, "outbox"},
		{"does not name the other", movesAnonymously, differs},
		{"shows images that the user does not see", movesWithImage, differs},
		{"never does it", movesNever, "the commands that were done in one step"},
	} {
		all = append(all, defect{
			name: "accepts in one step, and " + d.name, plant: moving(d.flaw), says: d.says,
			fails: []string{"steps/an acceptance and a cancellation in one step are those step by step"},
		})
	}
	return append(all, defect{
		name: "accepts in one step, without the check of a session",
		plant: handing(func(_ *memory.Store, b *broken) {
			b.users, b.reservations = checksReaders{b.Tx.Users(), new(error)}, mover{b.Tx.Reservations(), b.Tx, movesWell}
		}),
		fails: []string{"steps/an acceptance and a cancellation in one step begin with the check of a session"},
		says:  "a revoked session: a command",
	})
}

func init() { defects = append(defects, moveDefects()...) }

// TestMovingInOneStep checks that the kit passes a store whose fast forms are sound.
func TestMovingInOneStep(t *testing.T) {
	t.Parallel()
	if v := judged(t, "accepts in one step", "^TestStorage$/^(reservations|steps|races|told|refusals)$"); v.err != nil {
		t.Errorf("the kit failed the store: %v\n%s", v.err, v.output)
	}
}
