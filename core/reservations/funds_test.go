package reservations_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/reservations"
)

func TestFunds(t *testing.T) {
	s := newScene(t)
	check := func(when string, user id.User, want reservations.Funds) {
		t.Helper()
		if got := s.Funds(user); got != want {
			t.Errorf("%s: got %+v, want %+v", when, got, want)
		}
	}
	walk := s.walk()
	walk.Price = price("12.50")
	proposed := s.propose(t, s.voyager, walk)
	check("pending", s.voyager, reservations.Funds{Balance: 50})

	_, err := s.Reservations.Accept(s.Ctx, s.local, proposed.ID, "")
	coretest.Is(t, err, nil)
	check("accepted", s.voyager, reservations.Funds{Balance: 37, Held: 13})
	check("accepted, the local", s.local, reservations.Funds{Balance: 50})

	s.Clock.Set(walk.EndDate)
	_, err = s.Reservations.Settle(s.Ctx)
	coretest.Is(t, err, nil)
	check("completed", s.voyager, reservations.Funds{Balance: 37})
	check("completed, the local", s.local, reservations.Funds{Balance: 63})

	_, err = s.Reservations.Funds(s.Ctx, id.User(s.IDs.Next()))
	coretest.Is(t, err, fault.NotFound)
}
