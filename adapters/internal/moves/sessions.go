package moves

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// CheckSessions proposes, accepts and cancels reservations in units that begin with the check of a
// session, over an empty store.
func CheckSessions(t *testing.T, store ports.Storage) {
	t.Helper()
	ctx := context.Background()
	m := &movers{t: t, clock: community.NewClock()}
	s, err := community.NewScene(ctx, community.New(counter{store, &m.inOneStep}, m.clock, id.NewGenerator(nil), uow.Policy{}), m.clock)
	must(t, err)
	m.Community = s.Community
	locals, err := s.SignIn(ctx, s.Local, "local0@example.org")
	must(t, err)
	voyagers, err := s.SignIn(ctx, s.Voyager, "voyager0@example.org")
	must(t, err)
	live, later := users.SessionFilter{Live: true}, m.clock.Now().Add(1000*time.Hour)
	valid := users.Presence{User: s.Local, Session: locals, Open: live}
	cases := []struct {
		name     string
		presence users.Presence
		want     error
		steps    bool // the session is checked in a statement of its own
	}{
		{name: "valid", presence: valid},
		{name: "any session", presence: users.Presence{User: s.Local, Session: locals}, steps: true},
		{name: "opened long ago", presence: users.Presence{User: s.Local, Session: locals, Open: users.SessionFilter{Live: true, CreatedAfter: later}}, want: users.ErrNotSignedIn},
		{name: "used long ago", presence: users.Presence{User: s.Local, Session: locals, Open: users.SessionFilter{Live: true, UsedAfter: later}}, want: users.ErrNotSignedIn},
		{name: "of somebody else", presence: users.Presence{User: s.Local, Session: voyagers, Open: live}, want: users.ErrNotSignedIn},
		{name: "of another caller", presence: users.Presence{User: s.Voyager, Session: voyagers, Open: live}, steps: true},
		{name: "revoked", presence: valid, want: users.ErrNotSignedIn},
	}
	m.clock.Advance(10 * time.Hour) // when the reservations of the scene are over
	for _, c := range cases {
		if c.name == "revoked" {
			must(t, s.Users.EndSession(ctx, s.Local, locals))
		}
		for _, key := range []idempotency.Key{"", idempotency.Key(strings.ReplaceAll("key-"+c.name, " ", "-"))} {
			before, there := m.inOneStep.proposed.Load(), m.reservations()
			guarded, passed := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, c.presence) })
			_, err := m.propose(guarded, s.Local, s.Talk, key)
			if !errors.Is(err, c.want) || c.want == nil && err != nil || passed() != (c.want == nil) {
				t.Errorf("%s, a proposal, key %q: %v, and the check passed: %v; want %v", c.name, key, err, passed(), c.want)
			}
			if got, want := m.inOneStep.proposed.Load() > before, c.want == nil && !c.steps; got != want {
				t.Errorf("%s, a proposal, key %q: made in one step: %v, want %v", c.name, key, got, want)
			}
			if got, want := m.reservations() > there, c.want == nil; got != want {
				t.Errorf("%s, a proposal, key %q: it is there: %v, want %v", c.name, key, got, want)
			}
		}
		for _, to := range []reservations.Status{reservations.Accepted, reservations.Cancelled} {
			by := s.Local // who moves it
			if to == reservations.Accepted {
				by = s.Voyager
			}
			for _, key := range []idempotency.Key{"", idempotency.Key(strings.ReplaceAll("key-"+c.name, " ", "-") + "-" + string(to))} {
				m.clock.Advance(2 * time.Hour)
				r, err := m.propose(ctx, by, s.Talk, "")
				must(t, err)
				before := m.inOneStep.moved.Load()
				guarded, passed := s.Store.Guarded(ctx, func(ctx context.Context, tx ports.Tx) error { return users.CheckPresence(ctx, tx, c.presence) })
				if to == reservations.Accepted {
					err = m.accept(guarded, r, key)
				} else {
					_, err = s.Reservations.Cancel(guarded, s.Local, r.ID, key)
				}
				if !errors.Is(err, c.want) || c.want == nil && err != nil || passed() != (c.want == nil) {
					t.Errorf("%s, %s, key %q: %v, and the check passed: %v; want %v", c.name, to, key, err, passed(), c.want)
				}
				if got, want := m.inOneStep.moved.Load() > before, c.want == nil && !c.steps; got != want {
					t.Errorf("%s, %s, key %q: moved in one step: %v, want %v", c.name, to, key, got, want)
				}
				want := to
				if c.want != nil {
					want = reservations.Pending
				}
				if now, err := s.Reservations.Reservation(ctx, s.Voyager, r.ID); err != nil || now.Status != want {
					t.Errorf("%s, %s, key %q: the reservation is %s, error %v; want %s", c.name, to, key, now.Status, err, want)
				}
			}
		}
	}
}
