package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// guards tests what keeps two units of work apart: one waits, or one fails with a conflict.
var guards = []test{
	{"two units never hold the same thing", neverBothHold},
	{"units that pin one account do not disturb each other", pinsTogether},
	{"guards are free again after a rollback", guardsFreed},
	{"a pinned account cannot be erased meanwhile", pinAgainstErase},
	{"units that take guards in opposite orders end", oppositeOrders},
}

// guard is a call that holds something until its unit ends.
type guard struct {
	hold   unit
	writes bool // the call may be sent with the commit, so a unit is past it only when it has committed
}

func (w *town) guards(f *fixture) map[string]guard {
	g := map[string]guard{
		"Idempotency.Claim of a free key": {hold: func(ctx context.Context, tx ports.Tx) error {
			return claimFree(ctx, tx, "an owner", "a-key")
		}},
		"Users.HoldWithAdmins of another": {hold: func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Users().HoldWithAdmins(ctx, w.ben.ID)
			return err
		}},
		"Users.Save": {writes: true, hold: func(ctx context.Context, tx ports.Tx) error {
			u, err := tx.Users().User(ctx, w.ada.ID)
			if err != nil {
				return err
			}
			return tx.Users().Save(ctx, u)
		}},
		"Users.SetPassword": {writes: true, hold: func(ctx context.Context, tx ports.Tx) error {
			return tx.Users().SetPassword(ctx, w.ada.ID, hashOf("changed"), noon)
		}},
		"Tokens.Post": {hold: func(ctx context.Context, tx ports.Tx) error {
			return post(ctx, tx, f.newEntry(w.ben.ID, 1, tokens.Bonus))
		}},
		"Tokens.Close": {hold: func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Close(ctx, w.ben.ID)
			return err
		}},
	}
	for _, c := range w.holds() {
		g[c.name] = guard{hold: c.run}
	}
	return g
}

func neverBothHold(f *fixture) {
	w := f.town()
	guards := w.guards(f)
	for _, pair := range [][2]string{
		{"Idempotency.Claim", "Idempotency.Claim"},
		{"Idempotency.Claim of a free key", "Idempotency.Claim of a free key"},
		{"Users.Hold", "Users.Hold"}, {"Users.Hold", "Users.Pin"}, {"Users.Pin", "Users.Hold"},
		{"Users.Pin", "Users.Save"}, {"Users.Pin", "Users.SetPassword"}, {"Users.Hold", "Users.Save"},
		{"Users.HoldWithAdmins", "Users.HoldWithAdmins of another"}, {"Users.HoldWithAdmins", "Users.Hold"},
		{"Matching.HoldInterest", "Matching.HoldInterest"},
		{"Reservations.Hold", "Reservations.Hold"},
		{"Messaging.HoldConversation", "Messaging.HoldConversation"},
		{"Tokens.Post", "Tokens.Post"}, {"Tokens.Post", "Tokens.Close"}, {"Tokens.Close", "Tokens.Post"},
		{"Tokens.Close", "Tokens.Close"},
	} {
		f.keptApart(pair, guards[pair[0]], guards[pair[1]])
	}
}

// keptApart fails the test if a second unit gets past a guard while the first one still holds it,
// and both units commit.
func (f *fixture) keptApart(pair [2]string, first, second guard) {
	f.Helper()
	var over, past atomic.Bool
	var contender *task
	holding := func(ctx context.Context, tx ports.Tx) error {
		if err := first.hold(ctx, tx); err != nil {
			return err
		}
		contender = inBackground(func() error {
			err := f.once(func(ctx context.Context, tx ports.Tx) error {
				err := second.hold(ctx, tx)
				if err == nil && !second.writes && !over.Load() {
					past.Store(true)
				}
				return err
			})
			if err == nil && !over.Load() {
				past.Store(true)
			}
			return err
		})
		contender.endsSoon()
		over.Store(true)
		return nil
	}
	one := f.once(holding)
	for contender == nil && errors.Is(one, uow.ErrConflict) && f.ctx.Err() == nil { // it lost before it held the guard
		one = f.once(holding)
	}
	if contender == nil {
		f.Errorf("%s failed: %v", pair[0], one)
		return
	}
	two := contender.wait(f.ctx)
	switch {
	case !lostOrNil(one) || !lostOrNil(two):
		f.Errorf("%s and a concurrent %s returned %v and %v", pair[0], pair[1], one, two)
	case past.Load() && one == nil && two == nil:
		f.Errorf("%s did not keep out %s of another unit", pair[0], pair[1])
	}
}

func pinsTogether(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	f.allConcurrently(8, func(int) error {
		for range rounds(5, 200) {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				got, err := tx.Users().Pin(ctx, ben.ID, ada.ID, ben.ID)
				if err != nil {
					return err
				}
				if len(got) != 2 || got[0] != ada || got[1] != ben {
					return fmt.Errorf("pinned %+v, want Ada and Ben once each, by id", got)
				}
				s, first := f.newSession(ada.ID)
				return tx.Users().AddSession(ctx, s, first)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	sessions := f.sessionsOf(ada.ID)
	f.same("the sessions added under a pin", len(sessions), 8*rounds(5, 200))
}

func guardsFreed(f *fixture) {
	w := f.town()
	ctx, cancel := context.WithTimeout(f.ctx, promptly)
	defer cancel()
	for name, g := range w.guards(f) {
		err := f.try(func(ctx context.Context, tx ports.Tx) error {
			if err := g.hold(ctx, tx); err != nil {
				return err
			}
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			f.Errorf("%s: %v", name, err)
		}
		if err := f.store.Do(ctx, g.hold); err != nil {
			f.Errorf("%s after a rollback of the unit that held it: %v", name, err)
		}
	}
}

// pinAgainstErase adds a session to an account while the account is erased: no session may be left.
func pinAgainstErase(f *fixture) {
	for i := range rounds(5, 100) {
		ada := f.user(fmt.Sprintf("ada%d", i))
		var erasing *task
		f.do(func(ctx context.Context, tx ports.Tx) error {
			if erasing != nil { // an earlier run of this unit lost against the erasure
				return nil
			}
			if _, err := tx.Users().Pin(ctx, ada.ID); err != nil {
				return err
			}
			erasing = inBackground(func() error { return f.try(f.erase(ada.ID)) })
			erasing.endsSoon()
			s, first := f.newSession(ada.ID)
			return tx.Users().AddSession(ctx, s, first)
		})
		if err := erasing.wait(f.ctx); err != nil {
			f.Fatal(err)
		}
		left := f.sessionsOf(ada.ID)
		if len(left) > 0 {
			f.Fatalf("an erased account still has the sessions %+v", left)
		}
	}
}

// erase returns a unit that erases an account by Users.Erase alone.
func (f *fixture) erase(user id.User) unit {
	return func(ctx context.Context, tx ports.Tx) error {
		u, err := tx.Users().Hold(ctx, user)
		if err != nil {
			return err
		}
		return tx.Users().Erase(ctx, erased(u))
	}
}

func erased(u users.User) users.User {
	u.Name, u.Email, u.Bio, u.Location = users.DeletedName, "", "", ""
	u.Role, u.IsActive, u.Erased, u.UpdatedAt = users.RoleUser, false, true, noon.Add(time.Hour)
	return u
}

// oppositeOrders runs units that take the same two guards in opposite orders. They may wait for
// each other or conflict, but all must end.
func oppositeOrders(f *fixture) {
	w := f.town()
	a, b := w.guards(f)["Users.Hold"].hold, w.guards(f)["Tokens.Post"].hold
	f.allConcurrently(4, func(i int) error {
		for range rounds(5, 100) {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				if i%2 == 0 {
					return inOrder(func() error { return a(ctx, tx) }, func() error { return b(ctx, tx) })
				}
				return inOrder(func() error { return b(ctx, tx) }, func() error { return a(ctx, tx) })
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.same("the balance after all units", f.wallet(w.ben.ID).Balance, 49+4*rounds(5, 100))
}
