package reservations_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// asked is a store with a reservations.Mover that does nothing, and keeps what it was asked for.
type asked struct {
	ports.Storage
	accepting, cancelling []reservations.Moving
}

func (a *asked) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return a.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, askedTx{tx, a}) })
}

type askedTx struct {
	ports.Tx
	of *asked
}

func (tx askedTx) Reservations() reservations.Repository {
	return askedMover{tx.Tx.Reservations(), tx.of}
}

type askedMover struct {
	reservations.Repository
	of *asked
}

func (m askedMover) Accept(_ context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	m.of.accepting = append(m.of.accepting, moving)
	return reservations.View{}, idempotency.NotDone, nil
}

func (m askedMover) Cancel(_ context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	m.of.cancelling = append(m.of.cancelling, moving)
	return reservations.View{}, idempotency.NotDone, nil
}

// TestMoveInOneStep checks which moves a store is asked to make in one step. Those that it does not
// make are made step by step.
func TestMoveInOneStep(t *testing.T) {
	for _, test := range []struct {
		joined           events.Type // "" for no subscriber
		accepts, cancels int         // which the store is asked for
		told             int         // events that the subscriber gets
	}{
		{joined: "", accepts: 1, cancels: 1},
		{joined: events.TypeReservationAccepted, cancels: 1, told: 1},
		{joined: events.TypeReservationCancelled, accepts: 1, told: 1},
		{joined: events.TypeWalletChanged, told: 2},
		{joined: events.TypeReservationDeclined, accepts: 1, cancels: 1},
	} {
		t.Run(fmt.Sprintf("a subscriber of %q", test.joined), func(t *testing.T) {
			store, told := &asked{Storage: memory.New()}, 0
			s := sceneIn(t, store.Storage)
			deps := s.deps()
			var runner uow.Runner[ports.Tx] = store
			if test.joined != "" {
				runner = joinedBy(t, store, s.World, test.joined, &told)
			}
			deps.Store = ports.ForReservations(uow.NewStore(runner, uow.Policy{}))
			service, err := reservations.NewService(deps)
			coretest.Is(t, err, nil)
			r := s.propose(t, s.voyager, s.walk())
			accepted, err := service.Accept(s.Ctx, s.local, r.ID, "a-key")
			coretest.Is(t, err, nil)
			cancelled, err := service.Cancel(s.Ctx, s.voyager, r.ID, "")
			coretest.Is(t, err, nil)
			if accepted.Status != reservations.Accepted || cancelled.Status != reservations.Cancelled {
				t.Errorf("the reservation was %s, then %s", accepted.Status, cancelled.Status)
			}
			if a, c := len(store.accepting), len(store.cancelling); a != test.accepts || c != test.cancels || told != test.told {
				t.Errorf("the store was asked for %d acceptances and %d cancellations, and the subscriber got %d events; want %+v", a, c, told, test)
			}
			for _, m := range store.accepting {
				s.check(t, m, r.ID, s.local, tokens.ActivityPayment, -1)
				said := events.ReservationAccepted{Reservation: events.Reservation{ByID: s.local, ReservationID: r.ID}}
				if m.Moved.Data != said {
					t.Errorf("the event is %+v, want %+v", m.Moved.Data, said)
				}
				if k := m.Record; k == nil || k.Owner != s.local.String() || k.Key != "a-key" {
					t.Errorf("the record is %+v", k)
				}
			}
			for _, m := range store.cancelling {
				s.check(t, m, r.ID, s.voyager, tokens.Refund, 1)
				said := events.ReservationCancelled{Reservation: events.Reservation{ByID: s.voyager, ReservationID: r.ID}}
				if m.Moved.Data != said {
					t.Errorf("the event is %+v, want %+v", m.Moved.Data, said)
				}
				if m.Record != nil {
					t.Errorf("a command without a key has the record %+v", m.Record)
				}
			}
		})
	}
}

// check checks what a store is asked for.
func (s scene) check(t *testing.T, m reservations.Moving, of id.Reservation, by id.User, as tokens.Type, each int64) {
	t.Helper()
	now := s.Clock.Now()
	if m.Reservation != of || m.By != by || !m.At.Equal(now) || m.Moved.Seq != 0 || m.Paid.Seq != 0 || m.Moved.ID == m.Paid.ID {
		t.Errorf("the store was asked for %+v", m)
	}
	p := m.Payment
	if p.Amount != each || p.Type != as || p.Metadata != tokens.Reference("reservation_id", of) || !p.UserID.IsZero() || !p.CreatedAt.Equal(now) {
		t.Errorf("the payment is %+v", p)
	}
	if paid := (events.WalletChanged{Amount: each, TransactionID: p.ID, Type: string(as)}); m.Paid.Data != paid {
		t.Errorf("the event of the payment is %+v, want %+v", m.Paid.Data, paid)
	}
}

// TestEventsOfMove checks what a store adds to the events that it was asked for.
func TestEventsOfMove(t *testing.T) {
	s := newScene(t)
	r := s.propose(t, s.voyager, s.walk())
	entry, paid, err := tokens.NewLedger(s.IDs).Prepare(s.Clock.Now(), tokens.Movement{Amount: 1, Type: tokens.Refund})
	coretest.Is(t, err, nil)
	said := events.Reservation{
		ByID: s.local, ConversationID: r.ConversationID, CreatorID: s.voyager, LocalID: s.local, ReservationID: r.ID, VoyagerID: s.voyager,
	}
	m := reservations.Moving{
		Reservation: r.ID, By: s.local, At: s.Clock.Now(), Payment: entry, Paid: paid,
		Moved: events.New(s.IDs, s.Clock.Now(), 0, events.ReservationAccepted{Reservation: events.Reservation{ByID: s.local, ReservationID: r.ID}}),
	}
	accepted := m.Moved
	accepted.Seq, accepted.Data = reservations.Pending.MovedSeq(), events.ReservationAccepted{Reservation: said}
	if got := m.Events(r, nil); !slices.Equal(got, []events.Event{accepted}) {
		t.Errorf("got %+v, want %+v", got, accepted)
	}

	m.Moved = events.New(s.IDs, s.Clock.Now(), 0, events.ReservationCancelled{Reservation: events.Reservation{ByID: s.local, ReservationID: r.ID}})
	r.Status = reservations.Accepted
	entry.UserID, entry.Amount = s.voyager, 12
	line, err := entry.Apply(5, 7)
	coretest.Is(t, err, nil)
	cancelled := m.Moved
	cancelled.Seq, cancelled.Data = reservations.Accepted.MovedSeq(), events.ReservationCancelled{Reservation: said}
	refunded := paid
	refunded.Seq, refunded.Aggregate = 8, events.Aggregate("wallet/"+s.voyager.String())
	refunded.Data = events.WalletChanged{Amount: 12, BalanceAfter: 17, TransactionID: entry.ID, Type: string(tokens.Refund), UserID: s.voyager}
	if got, want := m.Events(r, &line), []events.Event{cancelled, refunded}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// joinedBy returns the store with a joined subscriber of one type, which counts its events.
func joinedBy(t *testing.T, store ports.Storage, w *coretest.World, of events.Type, told *int) uow.Runner[ports.Tx] {
	t.Helper()
	runner, err := events.Join(events.JoinDeps[ports.Tx]{
		Runner: store, With: ports.WithEvents, Clock: w.Clock.Now, IDs: w.IDs, Policy: events.DefaultPolicy(),
		Report: func(err error) { t.Error(err) },
		Subscribers: []ports.JoinedSubscriber{{Name: "test", Types: []events.Type{of}, Handle: func(context.Context, ports.Tx, events.Event) error {
			*told++
			return nil
		}}},
	})
	coretest.Is(t, err, nil)
	return runner
}
