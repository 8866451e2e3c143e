package reservations_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// A move that is cancelled at any point changes nothing: the status and the tokens change together.
func TestCancellation(t *testing.T) {
	s := newScene(t)
	var r reservations.View
	for _, useCase := range []func(ctx context.Context) error{
		func(ctx context.Context) (err error) {
			r, err = s.Reservations.Propose(ctx, s.local, s.talk, s.walk(), "propose")
			return err
		},
		func(ctx context.Context) error {
			_, err := s.Reservations.Accept(ctx, s.voyager, r.ID, "accept")
			return err
		},
		func(ctx context.Context) error {
			_, err := s.Reservations.Cancel(ctx, s.local, r.ID, "cancel")
			return err
		},
	} {
		coretest.Is(t, s.Cancelled(useCase), nil)
	}
	r.Reservation = s.propose(t, s.local, s.walk())
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		_, err := s.Reservations.Decline(ctx, s.voyager, r.ID, "")
		return err
	}), nil)
	r.Reservation = s.accepted(t)
	s.Clock.Set(r.EndDate)
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		_, err := s.Reservations.Settle(ctx)
		return err
	}), nil)
	coretest.Is(t, s.Cancelled(func(ctx context.Context) error {
		_, err := s.Reservations.Funds(ctx, s.voyager)
		return err
	}), nil)
	if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 30}) {
		t.Errorf("the voyager has %+v, want 30 after one payment", f)
	}
}
