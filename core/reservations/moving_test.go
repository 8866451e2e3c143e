package reservations_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// asked is a store with a reservations.Mover and a reservations.Proposer that do nothing, and keep
// what they were asked for.
type asked struct {
	ports.Storage
	accepting, cancelling []reservations.Moving
	proposing             []reservations.Proposing
}

func (a *asked) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return a.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, askedTx{tx, a}) })
}

type askedTx struct {
	ports.Tx
	of *asked
}

func (tx askedTx) Reservations() reservations.Repository {
	return askedRepository{tx.Tx.Reservations(), tx.of}
}

type askedRepository struct {
	reservations.Repository
	of *asked
}

func (r askedRepository) Accept(_ context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	r.of.accepting = append(r.of.accepting, moving)
	return reservations.View{}, idempotency.NotDone, nil
}

func (r askedRepository) Cancel(_ context.Context, moving reservations.Moving) (reservations.View, idempotency.Outcome, error) {
	r.of.cancelling = append(r.of.cancelling, moving)
	return reservations.View{}, idempotency.NotDone, nil
}

func (r askedRepository) Propose(_ context.Context, one reservations.Proposing) (reservations.View, idempotency.Outcome, error) {
	r.of.proposing = append(r.of.proposing, one)
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

// TestMovingOfStored checks what a store is told about a move of what it has stored.
func TestMovingOfStored(t *testing.T) {
	noon := time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	ids := id.NewGenerator(nil)
	voyager, local := id.User(ids.Next()), id.User(ids.Next())
	begins := noon.Add(time.Hour)
	stored := reservations.Reservation{
		ID: id.Reservation(ids.Next()), ConversationID: id.Conversation(ids.Next()), VoyagerID: voyager, LocalID: local, CreatorID: voyager,
		Tokens: 7, Date: begins, EndDate: begins.Add(time.Hour), Status: reservations.Pending,
	}
	said := events.Reservation{
		ConversationID: stored.ConversationID, CreatorID: voyager, LocalID: local, ReservationID: stored.ID, VoyagerID: voyager,
	}
	for what, test := range map[string]struct {
		accepts bool
		by      id.User
		at      time.Time
		status  reservations.Status
		tokens  int64
		closed  bool // one of the two has blocked the other

		allowed bool
		amount  int64 // 0 if no tokens are moved
		seq     int64
	}{
		"an acceptance":                            {true, local, noon, reservations.Pending, 7, false, true, -7, 2},
		"an acceptance of a free one":              {true, local, noon, reservations.Pending, 0, false, true, 0, 2},
		"an acceptance of one's own":               {true, voyager, noon, reservations.Pending, 7, false, false, -7, 2},
		"an acceptance of a stranger":              {true, id.User(ids.Next()), noon, reservations.Pending, 7, false, false, -7, 2},
		"an acceptance beside a block":             {true, local, noon, reservations.Pending, 7, true, false, -7, 2},
		"an acceptance when it has begun":          {true, local, begins, reservations.Pending, 7, false, false, -7, 2},
		"a second acceptance":                      {true, local, noon, reservations.Accepted, 7, false, false, -7, 4},
		"a cancellation":                           {false, voyager, noon, reservations.Accepted, 7, true, true, 7, 4},
		"a cancellation when it has begun":         {false, voyager, begins, reservations.Accepted, 7, false, false, 7, 4},
		"a cancellation by the local in the midst": {false, local, begins, reservations.Accepted, 7, false, true, 7, 4},
		"a cancellation of a pending one":          {false, voyager, noon, reservations.Pending, 7, true, true, 0, 2},
		"a cancellation of another's pending one":  {false, local, noon, reservations.Pending, 7, false, false, 0, 2},
	} {
		lacking := events.Reservation{ByID: test.by, ReservationID: stored.ID}
		m := reservations.Moving{
			Reservation: stored.ID, By: test.by, At: test.at, Payment: tokens.Entry{ID: id.Transaction(ids.Next()), Amount: 1},
			Moved: events.New(ids, test.at, 0, events.ReservationCancelled{Reservation: lacking}),
			Paid:  events.New(ids, test.at, 0, events.WalletChanged{Amount: 1}),
		}
		said := said
		said.ByID = test.by
		want := []events.Event{m.Moved.With(test.seq, events.ReservationCancelled{Reservation: said})}
		if test.accepts {
			m.Payment.Amount = -1
			m.Moved = events.New(ids, test.at, 0, events.ReservationAccepted{Reservation: lacking})
			want[0] = m.Moved.With(test.seq, events.ReservationAccepted{Reservation: said})
		}
		r := stored
		r.Status, r.Tokens = test.status, test.tokens
		standing := messaging.Standing{
			Conversation:  messaging.Conversation{ID: r.ConversationID, VoyagerID: voyager, LocalID: local},
			VoyagerActive: true, LocalActive: true, Blocked: test.closed,
		}
		if got := m.Allows(r, standing); got != test.allowed {
			t.Errorf("%s: allowed = %v", what, got)
		}
		standing.VoyagerActive, standing.LocalActive = test.by != voyager, test.by != local
		if m.Allows(r, standing) {
			t.Errorf("%s: allowed to an inactive user", what)
		}
		e, moves := m.Entry(r)
		if moves != (test.amount != 0) || moves && (e.Amount != test.amount || e.UserID != voyager || e.ID != m.Payment.ID) {
			t.Errorf("%s: the entry is %+v, %v; want %d tokens", what, e, moves, test.amount)
		}
		var payment *tokens.Transaction
		if moves {
			payment = &tokens.Transaction{UserID: voyager, Amount: e.Amount, BalanceAfter: 30, Seq: 5}
			want = append(want, m.Paid.With(5, events.WalletChanged{Amount: e.Amount, BalanceAfter: 30, UserID: voyager}))
		}
		if got := m.Events(r, payment); !slices.Equal(got, want) {
			t.Errorf("%s: the events are %+v, want %+v", what, got, want)
		}
	}
}
