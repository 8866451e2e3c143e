package porttest

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// inShyCommunity is inCommunity with quotas for those who have no answer: ten messages and two
// proposals.
func inShyCommunity(test func(c *community)) func(f *fixture) {
	return func(f *fixture) {
		f.Helper()
		c := f.communityAt(newWatch(noon), func(p *services.Policies) {
			p.Messaging.MaxUnanswered, p.Reservations.MaxUnanswered = 10, 2
		})
		test(c)
		c.audited()
	}
}

// write stores a message as a service does: with its correspondent.
func (f *fixture) write(c messaging.Conversation, sender users.User, at time.Time) messaging.Message {
	f.Helper()
	m := f.message(c, sender, at)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: sender.ID, ReaderID: c.Other(sender.ID)})
	})
	return m
}

func (f *fixture) unanswered(c messaging.Conversation, sender users.User, limit int) bool {
	f.Helper()
	var held messaging.Held
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		held, err = tx.Messaging().HoldConversation(ctx, c.ID, sender.ID, limit)
		return err
	})
	return held.Unanswered
}

// unansweredHeld lets the voyager write three messages and then the local answer, and the local
// write first in the conversation with the roles swapped and with somebody else.
func unansweredHeld(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talk, back, other := f.conversation(ada, ben), f.conversation(ben, ada), f.conversation(ada, cleo)
	check := func(when string, c messaging.Conversation, sender users.User, limit int, want bool) {
		f.Helper()
		f.same(fmt.Sprintf("unanswered messages %s, with a limit of %d", when, limit), f.unanswered(c, sender, limit), want)
	}
	check("without a message", talk, ada, 1, false)
	for i := range 3 {
		f.write(talk, ada, noon.Add(time.Duration(i)*time.Second))
		check(fmt.Sprintf("after %d", i+1), talk, ada, i+1, true)
		check(fmt.Sprintf("after %d", i+1), talk, ada, i+2, false)
		check("of the one who was written to", talk, ben, 1, false)
	}
	check("in another conversation", other, ada, 1, false)
	check("in the conversation with the roles swapped", back, ada, 1, false)

	f.write(other, cleo, noon)
	check("after another's answer", talk, ada, 3, true)
	check("of the local, who wrote first", other, cleo, 1, true)
	f.write(other, ada, noon.Add(time.Second))
	check("of the local, after an answer", other, cleo, 1, false)

	f.write(back, ben, noon)
	check("after an answer in the other conversation", talk, ada, 3, false)
	check("of one who was written to before", back, ben, 1, false)
}

// manyUnanswered lets the one who writes first, the voyager or the local, write until the other
// answers.
func manyUnanswered(c *community) {
	for round := range rounds(2, 40) {
		first, other := c.join(fmt.Sprint("ada", round)), c.join(fmt.Sprint("ben", round))
		talk := c.talk(first, other)
		if round%2 == 1 {
			first, other = other, first
		}
		send := func(i int) error { return c.send(first, talk, idempotency.Key(fmt.Sprint("key-", i))) }
		errs := concurrently(200, send)
		c.outcomes("sends without an answer", errs, 10, messaging.ErrUnanswered)
		c.balanced(first.ID, 40)
		for i, err := range errs {
			if err == nil {
				if err := send(i); err != nil {
					c.Errorf("a send that is repeated with its key returned %v", err)
				}
			} else if i%20 == 0 {
				c.outcomes("a refused send that is repeated", []error{send(i)}, 0, messaging.ErrUnanswered)
			}
		}
		c.rowCount(ports.Messages, 31*round+10)
		if err := c.send(other, talk, ""); err != nil {
			c.Errorf("an answer returned %v", err)
		}
		c.outcomes("sends after an answer", concurrently(20, func(i int) error { return send(200 + i) }), 20, nil)
	}
}

func unansweredProposals(c *community) {
	for round := range rounds(2, 40) {
		ada, ben := c.join(fmt.Sprint("ada", round)), c.join(fmt.Sprint("ben", round))
		talk := c.talk(ada, ben)
		propose := func(by users.User, n int) []error {
			return concurrently(n, func(i int) error {
				_, err := c.reservations.Propose(c.ctx, by.ID, talk.ID, aWalk(0, 60*i), "")
				return err
			})
		}
		c.outcomes("concurrent proposals without an answer", propose(ada, 6), 2, messaging.ErrUnanswered)
		c.outcomes("the other's proposals", propose(ben, 3), 2, messaging.ErrUnanswered)
		for _, r := range c.pendingOf(ada) {
			if r.CreatorID == ada.ID {
				if _, err := c.reservations.Decline(c.ctx, ben.ID, r.ID, ""); err != nil {
					c.Fatal(err)
				}
				break
			}
		}
		c.outcomes("proposals after one was declined", propose(ada, 3), 1, messaging.ErrUnanswered)
		if err := c.send(ben, talk, ""); err != nil {
			c.Errorf("an answer returned %v", err)
		}
		c.outcomes("proposals after an answer", propose(ada, 3), 3, nil)
		c.outcomes("proposals of the one who answered", propose(ben, 1), 0, messaging.ErrUnanswered)
	}
}

// ownPending counts with a limit that the reservations of the other do not reach.
func ownPending(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	talk, back := f.conversation(ada, ben), f.conversation(ben, ada)
	add := func(c messaging.Conversation, creator users.User, hour int) reservations.Reservation {
		r := f.newReservation(c, hour)
		r.CreatorID = creator.ID
		f.addReservation(r)
		return r
	}
	first := add(talk, ada, 0)
	add(talk, ben, 1)
	add(talk, ada, 2)
	add(back, ada, 3)
	check := func(user users.User, limit, all, own int) {
		f.Helper()
		var got [2]int
		f.do(func(ctx context.Context, tx ports.Tx) (err error) {
			got[0], got[1], err = tx.Reservations().PendingIn(ctx, talk.ID, user.ID, limit)
			return err
		})
		f.same(fmt.Sprintf("pending, and those of %s, up to %d", user.Name, limit), got, [2]int{all, own})
	}
	check(ada, 10, 3, 2)
	check(ben, 10, 3, 1)
	f.move(first, reservations.Pending, reservations.Declined)
	check(ada, 10, 2, 1)
	check(ben, 2, 2, 1)
}
