package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// privacyTests tests that an erasure leaves nothing behind, whatever other users do meanwhile.
var privacyTests = []test{
	{"an erasure removes the person and keeps the history", inCommunity(erasure)},
	{"of sign-ups during an erasure, at most one gets the address", inCommunity(addressAfterErasure)},
	{"answers are kept without texts, and replayed", inCommunity(answersReplayed)},
	{"answers that an earlier version kept are replayed", inCommunity(oldAnswersReplayed)},
	{"answers that are kept have nothing of an erased person", inCommunity(answersAfterErasure)},
	{"an export has what was stored when it was made", inCommunity(exportWhileBusy)},
	{"erasing while the other proposes", erasing(func(s *scene) error { return s.propose(s.talk.VoyagerID) })},
	{"erasing while proposing", erasing(func(s *scene) error { return s.propose(s.talk.LocalID) })},
	{"erasing the local while they accept", erasing((*scene).accept)},
	{"erasing the voyager while the local accepts", erasingVoyager((*scene).accept)},
	{"erasing while the other withdraws", erasing((*scene).withdraw)},
	{"erasing the local while their reservations settle", erasing((*scene).settle)},
	{"erasing the voyager while their reservations settle", erasingVoyager((*scene).settle)},
	{"erasing the voyager while an accepted reservation is cancelled", erasingVoyager((*scene).cancel)},
	{"erasing while an admin credits", erasing(func(s *scene) error {
		return s.c.grant(s.admin, s.leaving, tokens.Bonus, 7)
	})},
	{"erasing while an admin debits", erasing(func(s *scene) error {
		return s.c.grant(s.admin, s.leaving, tokens.Penalty, -7)
	})},
	{"erasing while an admin promotes", erasing(func(s *scene) error {
		return s.c.change(s.admin.ID, s.leaving.ID, moderation.AccountChange{Role: ptr(users.RoleAdmin)})
	})},
	{"erasing while signing in", erasing((*scene).signIn)},
	{"erasing while refreshing", erasing((*scene).refresh)},
	{"erasing while a password is forgotten", erasing(func(s *scene) error {
		return s.c.accounts.ForgotPassword(s.c.ctx, s.leaving.Email, users.Device{})
	})},
	{"erasing while sending", erasing((*scene).send)},
	{"erasing while opening a conversation", erasingVoyager((*scene).open)},
	{"erasing while saving a profile", erasing((*scene).saveProfile)},
	{"erasing while changing the account", erasing((*scene).rename)},
	{"erasing while erasing", erasing(func(s *scene) error {
		return s.c.privacy.Erase(s.c.ctx, s.leaving.ID, password, users.Device{})
	})},
}

// scene is a voyager and a local with reservations of every kind. One of the two will be erased.
type scene struct {
	c                          *community
	admin, leaving             users.User
	session                    users.SignedIn
	talk                       messaging.Conversation
	pending, accepted, running reservations.Reservation // running has begun and not ended
	ended                      reservations.Reservation // has ended and is not settled

}

func (c *community) scene(round int, admin users.User, voyagerLeaves bool) *scene {
	c.clock.set(noon)
	voyager, local := c.join(fmt.Sprint("voyager", round)), c.join(fmt.Sprint("local", round))
	s := &scene{c: c, admin: admin, leaving: local}
	if voyagerLeaves {
		s.leaving = voyager
	}
	s.talk = c.talk(voyager, local)
	s.ended = c.accept(c.propose(s.talk, aWalk(3, 0)))
	s.running = c.accept(c.propose(s.talk, aWalk(5, 60)))
	s.accepted = c.accept(c.propose(s.talk, aWalk(7, 600)))
	s.pending = c.propose(s.talk, aWalk(11, 900))
	c.clock.set(s.running.Date.Add(time.Minute))
	var err error
	if s.session, err = c.accounts.SignIn(c.ctx, users.SignIn{Email: s.leaving.Email, Password: password}); err != nil {
		c.Fatal(err)
	}
	return s
}

func (s *scene) propose(by id.User) error {
	_, err := s.c.reservations.Propose(s.c.ctx, by, s.talk.ID, aWalk(1, 1200), "")
	return err
}

func (s *scene) accept() error {
	_, err := s.c.reservations.Accept(s.c.ctx, s.talk.LocalID, s.pending.ID, "")
	return err
}

func (s *scene) withdraw() error {
	_, err := s.c.reservations.Cancel(s.c.ctx, s.talk.VoyagerID, s.pending.ID, "")
	return err
}

func (s *scene) cancel() error {
	_, err := s.c.reservations.Cancel(s.c.ctx, s.talk.LocalID, s.accepted.ID, "")
	return err
}

func (s *scene) settle() error {
	_, err := s.c.reservations.Settle(s.c.ctx)
	return err
}

func (s *scene) signIn() error {
	_, err := s.c.accounts.SignIn(s.c.ctx, users.SignIn{Email: s.leaving.Email, Password: password})
	return err
}

func (s *scene) refresh() error {
	_, err := s.c.accounts.Refresh(s.c.ctx, s.session.RefreshToken)
	return err
}

func (s *scene) send() error {
	_, err := s.c.messaging.Send(s.c.ctx, s.leaving.ID, s.talk.ID, messaging.Draft{Content: "goodbye"}, "key")
	return err
}

// open opens a conversation with the admin.
func (s *scene) open() error {
	_, err := s.c.messaging.Open(s.c.ctx, s.leaving.ID, s.admin.ID, "key")
	return err
}

func (s *scene) saveProfile() error {
	_, err := s.c.matching.SaveProfile(s.c.ctx, s.leaving.ID, matching.Profile{FirstName: "late", IsSearchable: true},
		nil)
	return err
}

func (s *scene) rename() error {
	_, err := s.c.accounts.ChangeMe(s.c.ctx, s.leaving.ID, users.Change{Name: ptr("late")})
	return err
}

// erasing returns a test that erases the local while two concurrent calls do something else.
func erasing(meanwhile func(s *scene) error) func(f *fixture) {
	return raceAgainstErasure(false, meanwhile)
}

// erasingVoyager is erasing with the voyager erased.
func erasingVoyager(meanwhile func(s *scene) error) func(f *fixture) {
	return raceAgainstErasure(true, meanwhile)
}

func raceAgainstErasure(voyagerLeaves bool, meanwhile func(s *scene) error) func(f *fixture) {
	return inCommunity(func(c *community) {
		admin := c.admin("admin")
		for round := range rounds(2, 40) {
			s := c.scene(round, admin, voyagerLeaves)
			errs := concurrently(3, func(i int) error {
				if i == 1 {
					return c.privacy.Erase(c.ctx, s.leaving.ID, password, users.Device{})
				}
				return meanwhile(s)
			})
			// The error is ErrNotSignedIn if a concurrent call has erased the account.
			if err := errs[1]; err != nil && !errors.Is(err, users.ErrNotSignedIn) {
				c.Fatalf("erase: %v", err)
			}
			c.onlyErrors("a call during the erasure", errs, users.ErrNotSignedIn, users.ErrSignIn, users.ErrRefresh,
				users.ErrErased,
				messaging.ErrClosed, reservations.ErrStatus, fault.InsufficientTokens)
			c.gone(s)
			c.clock.set(noon.Add(1000 * time.Hour)) // the running reservation is settled, and must leave nothing either
			if _, err := c.reservations.Settle(c.ctx); err != nil {
				c.Fatal(err)
			}
			c.gone(s)
		}
	})
}

// gone fails the test if anything is left of the erased person that the audit does not check.
func (c *community) gone(s *scene) {
	c.Helper()
	u := c.accountOf(s.leaving.ID)
	c.same("an erased person", []any{u.Name, u.Email, u.Role, u.IsActive, u.Erased},
		[]any{users.DeletedName, "", users.RoleUser, false, true})
	w := c.wallet(s.leaving.ID)
	c.same("the wallet of an erased person", []any{w.Balance, w.Closed}, []any{0, true})
	if _, err := c.accounts.Authenticate(c.ctx, s.session.AccessToken); !errors.Is(err, users.ErrNotSignedIn) {
		c.Errorf("authenticating as an erased person returned %v", err)
	}
	if err := s.signIn(); !errors.Is(err, users.ErrSignIn) {
		c.Errorf("signing in as an erased person returned %v", err)
	}
	for _, r := range []reservations.Reservation{s.pending, s.accepted} {
		if status := c.statusOf(r); status == reservations.Pending || status == reservations.Accepted {
			c.Errorf("a reservation that had not begun is %s after an erasure", status)
		}
	}
	if records := c.records(s.leaving.ID); len(records) > 0 {
		c.Errorf("an erased person has records of idempotency keys: %+v", records)
	}
	left := read(c.fixture, func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
		return tx.Reservations().Of(ctx, s.leaving.ID, reservations.Pending, nil, 100)
	})
	c.same("pending reservations of an erased person", len(left), 0)
	sessions := c.sessionsOf(s.leaving.ID)
	c.same("sessions of an erased person", len(sessions), 0)
	err := c.in(c.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
		_, _, err := tx.Matching().Profile(ctx, s.leaving.ID)
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		c.Errorf("reading the profile of an erased person returned %v, want not found", err)
	}
}

func erasure(c *community) {
	admin := c.admin("admin")
	for i, voyagerLeaves := range []bool{true, false} {
		s := c.scene(i, admin, voyagerLeaves)
		if err := s.send(); err != nil {
			c.Fatal(err)
		}
		if err := c.privacy.Erase(c.ctx, s.leaving.ID, password, users.Device{}); err != nil {
			c.Fatal(err)
		}
		c.gone(s)
		c.same("the reservations", []reservations.Status{c.statusOf(s.pending), c.statusOf(s.accepted),
			c.statusOf(s.running), c.statusOf(s.ended)},
			[]reservations.Status{reservations.Cancelled, reservations.Cancelled, reservations.Accepted,
				reservations.Accepted})
		stays := s.talk.Other(s.leaving.ID)
		got, err := c.messaging.Messages(c.ctx, stays, s.talk.ID, page.Request[page.Moment]{})
		c.kept("messages that the other can read", len(got.Items), 1, err)
		o, err := c.messaging.Conversation(c.ctx, stays, s.talk.ID)
		c.kept("the erased person as the other sees it", o.Other,
			matching.Person{UserID: s.leaving.ID, FirstName: users.DeletedName}, err)
		c.rowCount(ports.IdempotencyRecords, 0)
		c.audited()
	}
}

func addressAfterErasure(c *community) {
	c.admin("admin")
	for round := range rounds(3, 60) {
		ada := c.join(fmt.Sprint("ada", round))
		errs := concurrently(8, func(i int) error {
			if i == 0 {
				return c.privacy.Erase(c.ctx, ada.ID, password, users.Device{})
			}
			_, err := c.accounts.SignUp(c.ctx, users.SignUp{Name: "next", Email: ada.Email, Password: password}, "")
			return err
		})
		c.kept("the erasure", errs[0] == nil, true, errs[0])
		c.onlyErrors("concurrent sign-ups", errs, users.ErrEmailTaken)
		if n := count(errs[1:], nil); n > 1 {
			c.Errorf("%d accounts got one address", n)
		}
	}
}

func exportWhileBusy(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	sending := inBackground(func() error {
		for range 40 {
			if _, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: "hello"}, ""); err != nil {
				return err
			}
		}
		return nil
	})
	const lates = 20
	made := 0
	for over := false; !over; made++ {
		select {
		case <-sending.done:
			over = true // after one more export
		default:
		}
		e, err := c.privacy.Export(c.ctx, users.Caller{UserID: ada.ID})
		if err != nil {
			c.Fatal(err)
		}
		if made < lates { // is in later exports, and not in this one
			if _, err := c.messaging.Send(c.ctx, ben.ID, talk.ID, messaging.Draft{Content: "late"}, ""); err != nil {
				c.Fatal(err)
			}
		}
		var sum, entries int64
		for t, err := range e.Transactions {
			if err != nil {
				c.Fatal(err)
			}
			sum, entries = sum+t.Amount, entries+1
		}
		sent := map[id.User]int64{}
		for talk, err := range e.Conversations {
			if err != nil {
				c.Fatal(err)
			}
			for m, err := range talk.Messages {
				if err != nil {
					c.Fatal(err)
				}
				sent[m.Message.UserID]++
			}
		}
		if e.Wallet.Balance != sum || sum != 51-entries || sent[ada.ID] < entries-1 || sent[ben.ID] != int64(min(made, lates)) {
			c.Fatalf("export %d has a balance of %d, %d transactions that sum up to %d, and %d and %d messages",
				made, e.Wallet.Balance, entries, sum, sent[ada.ID], sent[ben.ID])
		}
	}
	if err := sending.wait(c.ctx); err != nil {
		c.Fatal(err)
	}
}
