package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// inStrictCommunity is inCommunity with quotas of 3.
func inStrictCommunity(test func(c *community)) func(f *fixture) {
	return func(f *fixture) {
		f.Helper()
		c := f.communityAt(newWatch(noon), func(p *services.Policies) {
			p.Messaging.MaxOpened, p.Reservations.MaxProposed, p.Reservations.MaxPending = 3, 3, 3
		})
		test(c)
		c.audited()
	}
}

// waits fails the test if a refusal has another RetryAfter.
func (c *community) waits(what string, err error, want time.Duration) {
	c.Helper()
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok || refused.Kind != fault.TooManyRequests || refused.RetryAfter != want {
		c.Errorf("%s: got %v, want too many requests and a retry after %v", what, err, want)
	}
}

func openQuota(c *community) {
	for round := range rounds(2, 60) {
		c.clock.set(noon)
		ada := c.join(fmt.Sprint("ada", round))
		var locals []users.User
		for i := range 8 {
			locals = append(locals, c.join(fmt.Sprint("local", round, "-", i)))
		}
		open := func(i int) error {
			_, err := c.messaging.Open(c.ctx, ada.ID, locals[i].ID, idempotency.Key(fmt.Sprint("key-", i)))
			return err
		}
		errs := concurrently(len(locals), open)
		c.outcomes("concurrent opens", errs, 3, messaging.ErrTooManyOpened)
		c.clock.set(noon.Add(messaging.QuotaPeriod - time.Millisecond))
		var refused []int
		for i, err := range errs {
			if err != nil {
				refused = append(refused, i)
				c.waits("an open over the quota", open(i), time.Millisecond)
				continue
			}
			if err := open(i); err != nil {
				c.Errorf("an open that is repeated with its key returned %v", err)
			}
			if _, err := c.messaging.Open(c.ctx, ada.ID, locals[i].ID, ""); err != nil {
				c.Errorf("opening a conversation that exists returned %v", err)
			}
		}
		c.talk(locals[0], ada) // the quota is of the one who opens
		c.clock.set(noon.Add(messaging.QuotaPeriod))
		errs = concurrently(len(refused), func(i int) error { return open(refused[i]) })
		c.outcomes("concurrent opens a day later", errs, 3, messaging.ErrTooManyOpened)
	}
}

func proposalQuota(c *community) {
	for round := range rounds(2, 60) {
		c.clock.set(noon)
		ada, ben := c.join(fmt.Sprint("ada", round)), c.join(fmt.Sprint("ben", round))
		talks := []messaging.Conversation{c.talk(ada, ben), c.talk(ben, ada), c.talk(ada, c.join(fmt.Sprint("cleo", round)))}
		propose := func(by users.User, i int) error {
			talk := talks[i%len(talks)]
			_, err := c.reservations.Propose(c.ctx, by.ID, talk.ID, aWalk(0, 60*(i+1)), idempotency.Key(fmt.Sprint("key-", i)))
			return err
		}
		errs := concurrently(9, func(i int) error { return propose(ada, i) })
		c.outcomes("concurrent proposals", errs, 3, reservations.ErrTooManyProposed)
		c.clock.set(noon.Add(time.Hour))
		for i, err := range errs {
			if err != nil {
				c.waits("a proposal over the quota", propose(ada, i), messaging.QuotaPeriod-time.Hour)
			} else if err := propose(ada, i); err != nil {
				c.Errorf("a proposal that is repeated with its key returned %v", err)
			}
		}
		c.clock.set(noon.Add(messaging.QuotaPeriod))
		for _, r := range c.pendingOf(ada) {
			if _, err := c.reservations.Cancel(c.ctx, ada.ID, r.ID, ""); err != nil {
				c.Fatal(err)
			}
		}
		if err := propose(ada, 9); err != nil {
			c.Errorf("a proposal a day later returned %v", err)
		}
	}
}

func (c *community) pendingOf(user users.User) []reservations.Reservation {
	c.Helper()
	return read(c.fixture, func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
		return tx.Reservations().Of(ctx, user.ID, reservations.Pending, nil, 100)
	})
}

// pendingQuota lets both participants propose.
func pendingQuota(c *community) {
	for round := range rounds(2, 60) {
		talk := c.talk(c.join(fmt.Sprint("ada", round)), c.join(fmt.Sprint("ben", round)))
		pair := []id.User{talk.VoyagerID, talk.LocalID}
		propose := func(i int) error {
			_, err := c.reservations.Propose(c.ctx, pair[i%2], talk.ID, aWalk(0, 60*i), "")
			return err
		}
		errs := concurrently(4, propose)
		c.outcomes("concurrent proposals in a conversation", errs, 3, reservations.ErrTooManyPending)
		pending := c.pendingOf(users.User{ID: talk.VoyagerID})
		r := pending[0]
		other := talk.Other(r.CreatorID)
		if _, err := c.reservations.Decline(c.ctx, other, r.ID, ""); err != nil {
			c.Fatal(err)
		}
		errs = concurrently(2, func(int) error {
			_, err := c.reservations.Propose(c.ctx, other, talk.ID, aWalk(0, 600), "")
			return err
		})
		made := 0
		for _, p := range pending {
			if p.CreatorID == other {
				made++
			}
		}
		if made == 3 { // the other one has reached the other quota, too, which comes first
			c.outcomes("proposals by one who made all of them", errs, 0, reservations.ErrTooManyProposed)
			continue
		}
		c.onlyErrors("proposals after one was declined", errs, reservations.ErrTooManyPending, reservations.ErrTooManyProposed)
		c.same("proposals after one was declined that succeeded", count(errs, nil), 1)
	}
}

func nthOpened(f *fixture) {
	ada := f.user("ada")
	var all []time.Time
	for i := range paged {
		talk := f.newConversation(ada.ID, f.user(fmt.Sprint("user", i)).ID)
		talk.CreatedAt = tie(i)
		f.openConversation(talk)
		all = append(all, talk.CreatedAt)
	}
	f.conversation(f.user("ben"), ada)
	f.nths("conversation", all, func(ctx context.Context, tx ports.Tx, n int) (time.Time, error) {
		return tx.Messaging().NthOpened(ctx, ada.ID, n)
	})
}

func nthProposed(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	there, back := f.conversation(ada, ben), f.conversation(ben, ada)
	var all []time.Time
	for i := range paged {
		r := f.newReservation([]messaging.Conversation{there, back}[i%2], i)
		r.CreatorID, r.CreatedAt = ada.ID, tie(i)
		if i%3 == 0 {
			r.Status = reservations.Declined
		}
		f.addReservation(r)
		all = append(all, r.CreatedAt)
	}
	other := f.newReservation(there, 100)
	other.CreatorID = ben.ID
	f.addReservation(other)
	f.nths("reservation", all, func(ctx context.Context, tx ports.Tx, n int) (time.Time, error) {
		return tx.Reservations().NthProposed(ctx, ada.ID, n)
	})
}

// nths fails the test if nth does not return the times from the latest to the first, and then not
// found.
func (f *fixture) nths(thing string, all []time.Time, nth func(ctx context.Context, tx ports.Tx, n int) (time.Time, error)) {
	f.Helper()
	latest := newestFirst(all, func(t time.Time) time.Time { return t }, func(time.Time) id.User { return id.User{} })
	for i, want := range latest {
		got := read(f, func(ctx context.Context, tx ports.Tx) (time.Time, error) { return nth(ctx, tx, i+1) })
		f.same(fmt.Sprintf("the time of the %s %d", thing, i+1), got, want)
	}
	err := f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
		_, err := nth(ctx, tx, len(all)+1)
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		f.Errorf("the time of the %s after the last: got %v, want not found", thing, err)
	}
}

func pendingCounted(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, other := f.conversation(ada, ben), f.conversation(ben, ada)
	count := func(limit int) int {
		return read(f, func(ctx context.Context, tx ports.Tx) (int, error) {
			all, _, err := tx.Reservations().PendingIn(ctx, talk.ID, ada.ID, limit)
			return all, err
		})
	}
	f.same("pending in an empty conversation", count(10), 0)
	f.reservation(other, 0)
	first := f.reservation(talk, 1)
	for hour := range 3 {
		f.reservation(talk, 2+hour)
	}
	for _, limit := range []int{1, 3, 4, 10} {
		f.same(fmt.Sprintf("pending of four, up to %d", limit), count(limit), min(limit, 4))
	}
	f.move(first, reservations.Pending, reservations.Declined)
	f.same("pending after one was declined", count(10), 3)
}
