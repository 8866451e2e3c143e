package reservations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
)

func withoutQuotas(p *coretest.Policies) {
	p.Reservations.MaxProposed, p.Reservations.MaxPending, p.Reservations.MaxUnanswered = 1000, 1000, 1000
}

// Settle completes more reservations than one batch.
func TestSettleMany(t *testing.T) {
	s := newScene(t, withoutQuotas)
	const n = 230
	s.Fund(s.voyager, n)
	begin := s.Clock.Now()
	for i := range n {
		r := s.propose(t, s.voyager, reservations.Proposal{
			Title: "A minute", Price: price("1"),
			Date: begin.Add(time.Duration(i+1) * time.Hour), EndDate: begin.Add(time.Duration(i+1)*time.Hour + time.Minute),
		})
		_, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
		coretest.Is(t, err, nil)
	}
	s.Clock.Advance(100*time.Hour + time.Minute)
	settle(t, s, 100)
	s.Clock.Advance(1000 * time.Hour)
	settle(t, s, n-100)
	if f := s.Funds(s.voyager); f.Held != 0 || f.Balance != 0 {
		t.Errorf("the voyager has %+v, want 0 and 0 held", f)
	}
	if b := s.Balance(s.local); b != 50+n {
		t.Errorf("the local has %d, want %d", b, 50+n)
	}
}

// Settle expires every pending reservation whose date has passed, also more than one batch, and no
// others.
func TestExpireMany(t *testing.T) {
	s := newScene(t, withoutQuotas)
	const n = 230
	p := s.walk()
	var all []reservations.Reservation
	for range n {
		p.Date, p.EndDate = p.Date.Add(time.Hour), p.EndDate.Add(time.Hour)
		all = append(all, s.propose(t, s.voyager, p))
	}
	_, err := s.Reservations.Decline(s.Ctx, s.local, all[0].ID, "")
	coretest.Is(t, err, nil)
	_, err = s.Reservations.Accept(s.Ctx, s.local, all[1].ID, "")
	coretest.Is(t, err, nil)
	s.Clock.Set(all[2].Date.Add(-time.Millisecond))
	settle(t, s, 0)
	s.Clock.Set(all[2].Date)
	settle(t, s, 1)
	expired, err := s.Reservations.Reservation(s.Ctx, s.voyager, all[2].ID)
	coretest.Is(t, err, nil)
	if expired.Status != reservations.Expired || !expired.UpdatedAt.Equal(all[2].Date) {
		t.Errorf("got %+v, want it to be expired at its date", expired)
	}
	s.Clock.Set(all[n-1].Date)
	settle(t, s, n-2) // all but the declined and the expired one: the accepted one has ended
	if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 30}) {
		t.Errorf("the voyager has %+v, want 30 and nothing held", f)
	}
}

func TestConcurrentSettle(t *testing.T) {
	s := newScene(t)
	r := s.accepted(t)
	s.Clock.Set(r.EndDate)
	errs := coretest.AtOnce(8, func(int) error {
		_, err := s.Reservations.Settle(s.Ctx)
		return err
	})
	if coretest.Count(errs, nil) != len(errs) {
		t.Errorf("got errors: %v", errs)
	}
	if b := s.Balance(s.local); b != 70 {
		t.Errorf("the local has %d, want 70 after one payment", b)
	}
}

// A reservation that cannot be settled does not stop the others, and its error is returned.
func TestSettleContinues(t *testing.T) {
	s := newScene(t)
	broken := s.accepted(t)
	p := s.walk()
	p.Date, p.EndDate = broken.EndDate, broken.EndDate.Add(time.Hour)
	second := s.propose(t, s.voyager, p)
	_, err := s.Reservations.Accept(s.Ctx, s.local, second.ID, "")
	coretest.Is(t, err, nil)

	deps := s.deps()
	deps.Store = uow.NewStore[reservations.Tx](failing{deps.Store, broken.ID}, uow.Policy{})
	service, err := reservations.NewService(deps)
	coretest.Is(t, err, nil)
	s.Clock.Set(p.EndDate)
	n, err := service.Settle(s.Ctx)
	if n != 1 || !errors.Is(err, errDisk) {
		t.Errorf("settled %d, %v; want 1 and the error of the other", n, err)
	}
	settle(t, s, 1)
}

var errDisk = errors.New("disk failure")

// failing is a store in which one reservation cannot be held.
type failing struct {
	*uow.Store[reservations.Tx]
	broken id.Reservation
}

func (f failing) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, reservations.Tx) error) error {
	run := f.Store.Do
	if mode != uow.Write {
		run = f.Store.View
	}
	return run(ctx, func(ctx context.Context, tx reservations.Tx) error { return fn(ctx, failingTx{tx, f.broken}) })
}

type failingTx struct {
	reservations.Tx
	broken id.Reservation
}

func (tx failingTx) Reservations() reservations.Repository {
	return failingRepository{tx.Tx.Reservations(), tx.broken}
}

type failingRepository struct {
	reservations.Repository
	broken id.Reservation
}

func (r failingRepository) Hold(ctx context.Context, reservation id.Reservation) (reservations.Reservation, error) {
	if reservation == r.broken {
		return reservations.Reservation{}, errDisk
	}
	return r.Repository.Hold(ctx, reservation)
}

func TestRunSettler(t *testing.T) {
	s := newScene(t, func(p *coretest.Policies) { p.Reservations.SettleEvery = time.Millisecond })
	r := s.accepted(t)
	ctx, stop := context.WithCancel(s.Ctx)
	ended := make(chan error)
	go func() { ended <- s.Reservations.RunSettler(ctx, func(err error) { t.Error(err) }) }()
	s.Clock.Set(r.EndDate)
	deadline := time.After(30 * time.Second)
	for s.Balance(s.local) != 70 {
		select {
		case <-deadline:
			t.Fatal("not settled within 30 s")
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the settler ended with %v", err)
	}
}
