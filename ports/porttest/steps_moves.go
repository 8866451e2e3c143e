package porttest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// proposed makes a proposal on both lanes.
func (p *pair) proposed(by users.User, in messaging.Conversation, what reservations.Proposal) reservations.Reservation {
	p.Helper()
	return p.proposes(what.Title, by, in, what, "")
}

// accept accepts a reservation on both lanes. The steps must return the error want.
func (p *pair) accept(what string, by users.User, r reservations.Reservation, key idempotency.Key, want error) {
	p.Helper()
	p.try("the acceptance of "+what, want, func(c *community) (any, error) { return c.reservations.Accept(c.ctx, by.ID, r.ID, key) })
}

// accepted is accept for one that must succeed, in one step if the store has one.
func (p *pair) accepted(what string, by users.User, r reservations.Reservation, key idempotency.Key) {
	p.Helper()
	p.want++
	p.accept(what, by, r, key, nil)
}

// cancel and cancelled are like accept and accepted.
func (p *pair) cancel(what string, by users.User, r reservations.Reservation, key idempotency.Key, want error) {
	p.Helper()
	p.try("the cancellation of "+what, want, func(c *community) (any, error) { return c.reservations.Cancel(c.ctx, by.ID, r.ID, key) })
}

func (p *pair) cancelled(what string, by users.User, r reservations.Reservation, key idempotency.Key) {
	p.Helper()
	p.want++
	p.cancel(what, by, r, key, nil)
}

func moveAlike(f *fixture) {
	clock := newWatch(noon)
	c := f.communityAt(clock)
	eve, ada, ben, cleo, gone := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo"), c.join("gone")
	talk, back, goneTalk := c.talk(ada, ben), c.talk(ben, ada), c.talk(gone, cleo)
	p := f.pairOf(clock, func(*services.Policies) {})

	first := p.proposed(ada, talk, aWalk(20, 0))
	p.accept("one's own proposal", ada, first, "", reservations.ErrStatus)
	p.accept("an outsider", cleo, first, "", reservations.ErrNotFound)
	p.accept("an admin with a key", eve, first, "key-1", reservations.ErrNotFound)
	p.accept("nothing", ben, reservations.Reservation{ID: id.Reservation{1}}, "key-1", reservations.ErrNotFound)
	p.accept("an unknown user", users.User{ID: id.User{1}}, first, "", reservations.ErrNotFound)
	clock.set(noon.Add(time.Minute))
	p.accepted("the first proposal", ben, first, "")
	p.accept("the first proposal, again", ben, first, "", reservations.ErrStatus)

	ofLocal := p.proposed(ben, talk, aWalk(5, 60))
	p.accepted("the local's proposal, with a key", ada, ofLocal, "key-1")
	p.accept("the local's proposal, with its key", ada, ofLocal, "key-1", nil)
	p.accept("another, with a used key", ada, first, "key-1", idempotency.ErrKeyReused)
	p.cancel("one, with a used key", ada, ofLocal, "key-1", idempotency.ErrKeyReused)
	inBack := p.proposed(ben, back, aWalk(7, 0))
	p.accepted("a proposal at the same time with the roles swapped, with the key of another", ada, inBack, "key-2")

	p.moveRefusals(eve, ada, ben, talk, ofLocal)
	p.moveSeen(ada, ben, talk)

	p.cancel("an outsider", cleo, first, "", reservations.ErrNotFound)
	p.cancelled("an accepted one, by the voyager", ada, first, "key-3")
	p.cancel("an accepted one, with its key", ada, first, "key-3", nil)
	p.accept("a cancelled one", ben, first, "", reservations.ErrStatus)
	p.cancel("a cancelled one", ben, first, "", reservations.ErrStatus)
	p.accept("an accepted one that was cancelled, with its key", ada, ofLocal, "key-1", nil)
	pending := p.proposed(ada, talk, aWalk(20, 0))
	p.cancel("a pending one of the other", ben, pending, "", reservations.ErrStatus)
	p.cancelled("a pending one", ada, pending, "key-4")
	free := p.proposed(ben, talk, aWalk(0, 0))
	p.accepted("a free one", ada, free, "")
	p.cancelled("a free one", ben, free, "")

	left := p.proposed(gone, goneTalk, aWalk(20, 0))
	p.accepted("one of a user who leaves", cleo, left, "key-1")
	clock.set(ofLocal.Date) // which has begun, and so has left
	p.cancel("one that has begun, by the voyager", ada, ofLocal, "", reservations.ErrStatus)
	p.cancelled("one that has begun, by the local", ben, ofLocal, "")
	p.try("the erasure", nil, func(c *community) (any, error) {
		return nil, c.privacy.Erase(c.ctx, gone.ID, password, users.Device{})
	})
	p.cancel("one that has begun, by a user who was erased", gone, left, "", users.ErrNotSignedIn)
	p.cancel("one whose tokens leave the wallet again", cleo, left, "key-5", nil)
	p.try("the settlement", nil, func(c *community) (any, error) {
		clock.set(inBack.EndDate)
		return c.reservations.Settle(c.ctx)
	})
	p.cancel("a completed one", ada, inBack, "", reservations.ErrStatus)
	p.end(p.mover)
}

// moveRefusals tests refusals and their order. The local of accepted is ben, who is busy then.
func (p *pair) moveRefusals(eve, ada, ben users.User, talk messaging.Conversation, accepted reservations.Reservation) {
	p.Helper()
	late, soon := p.proposed(ada, talk, aWalk(20, 600)), p.proposed(ada, talk, aWalk(20, -23*60))
	overlaps, dear := p.proposed(ada, talk, aWalk(100, 90)), p.proposed(ada, talk, aWalk(26, 700))
	p.accept("one that overlaps, and is too dear", ben, overlaps, "key-6", reservations.ErrOverlap)
	p.accept("one that is too dear", ben, dear, "key-6", tokens.ErrTooFewTokens)

	for i, blocks := range [][2]users.User{{ada, ben}, {ben, ada}} {
		_ = p.do("a block", block(blocks[0], blocks[1]))
		p.accept("one of two who block each other", ben, late, "", messaging.ErrClosed)
		p.accept("one's own of two who block each other", ada, late, "", reservations.ErrStatus)
		p.accept("one that overlaps of two who block each other", ben, overlaps, "", messaging.ErrClosed)
		p.accept("one with a used key of two who block each other", ada, accepted, "key-1", nil)
		again := p.proposedBeside(blocks, ada, talk, aWalk(1, 800+100*i))
		p.cancelled("one of two who block each other", ada, again, "")
		_ = p.do("the end of the block", unblock(blocks[0], blocks[1]))
	}
	_ = p.do("a deactivation", active(eve, ada, false))
	p.accept("one of an inactive user", ben, late, "", messaging.ErrClosed)
	p.accept("one by an inactive user", ada, late, "", users.ErrNotSignedIn)
	p.accept("one with a used key by an inactive user", ada, accepted, "key-1", users.ErrNotSignedIn)
	p.cancel("one by an inactive user", ada, late, "", users.ErrNotSignedIn)
	_ = p.do("a reactivation", active(eve, ada, true))

	p.clock.set(soon.Date)
	_ = p.do("another block", block(ben, ada))
	p.accept("one whose date has passed, of two who block each other", ben, soon, "", reservations.ErrStatus)
	_ = p.do("the end of the other block", unblock(ben, ada))
	p.accept("one whose date has passed", ben, soon, "", reservations.ErrStatus)
	p.try("a credit", nil, func(c *community) (any, error) { return nil, c.grant(eve, ada, tokens.Bonus, 1) })
	p.accepted("one for the last token", ben, dear, "key-6")
	p.cancelled("one that took the last token", ada, dear, "")
}

// moveSeen tests what ada sees of ben, who has a profile with an image that ada sees, then one that
// she does not see until he has written to her, and at last one that a block hides.
func (p *pair) moveSeen(ada, ben users.User, talk messaging.Conversation) {
	p.Helper()
	profile := func(searchable bool) {
		p.try("a profile", nil, func(c *community) (any, error) {
			return c.matching.SaveProfile(c.ctx, ben.ID, matching.Profile{
				FirstName: "Benjamin", ImageURL: "https://example.org/ben", IsSearchable: searchable,
			}, nil)
		})
	}
	minute := 3000
	moved := func(what string) {
		minute += 60
		r := p.proposed(ben, talk, aWalk(0, minute))
		p.accepted("one with a user "+what, ada, r, "")
		p.cancelled("one with a user "+what, ada, r, "")
	}
	profile(true)
	moved("whose profile she sees")
	profile(false)
	moved("whose profile she does not see")
	if p.sender {
		p.want++
	}
	p.send("ben", ben, talk, says("hello"), "", nil)
	moved("whose profile she sees because he has written to her")
	r := p.proposed(ada, talk, aWalk(0, minute))
	_ = p.do("a block", block(ben, ada))
	p.cancelled("one with a user who blocks her", ada, r, "")
	_ = p.do("the end of the block", unblock(ben, ada))
	profile(true)
}

// proposedBeside makes a proposal between two blocks.
func (p *pair) proposedBeside(
	blocks [2]users.User, by users.User, in messaging.Conversation, what reservations.Proposal,
) reservations.Reservation {
	p.Helper()
	_ = p.do("the end of the block", unblock(blocks[0], blocks[1]))
	r := p.proposed(by, in, what)
	_ = p.do("a block", block(blocks[0], blocks[1]))
	return r
}

// movePresent accepts and cancels reservations in units that begin with the check of a session. A
// store may make the check in the step that moves.
func movePresent(f *fixture) {
	c := f.community()
	luca := f.user("luca")
	talk, walks := f.conversation(f.rich("vera", 1000), luca), 0
	propose := func() reservations.Reservation {
		walks++
		return c.propose(talk, aWalk(5, 60*walks))
	}
	pending, accepted := propose(), c.accept(propose())
	accept := func(ctx context.Context, key idempotency.Key) error {
		_, err := c.reservations.Accept(ctx, luca.ID, pending.ID, key)
		if err == nil {
			pending = propose()
		}
		return err
	}
	cancel := func(ctx context.Context, key idempotency.Key) error {
		_, err := c.reservations.Cancel(ctx, luca.ID, accepted.ID, key)
		if err == nil {
			accepted = c.accept(propose())
		}
		return err
	}
	f.afterCheck(luca, accept, cancel)
}

// movesBesideOthers accepts and cancels reservations that overlap, beside sends and blocks of
// their participants. Each is accepted once and cancelled once at most, and tokens are where they
// must be.
func movesBesideOthers(c *community) {
	eve, ada, ben, cleo := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo")
	for _, u := range []users.User{ada, ben, cleo} {
		c.must(c.grant(eve, u, tokens.Bonus, 10_000))
	}
	talk, other, back := c.talk(ada, ben), c.talk(cleo, ben), c.talk(ben, ada)
	for round := range rounds(3, 60) {
		all := []reservations.Reservation{
			c.propose(talk, aWalk(20, 60*round)), c.propose(other, aWalk(30, 60*round)), c.propose(back, aWalk(40, 60*round)),
		}
		var accepted, cancelled [3]atomic.Int64
		const each = 6
		errs := concurrently(8*each, func(i int) error {
			n := i / 8 % len(all)
			r, key := all[n], idempotency.Key("")
			if i%2 == 0 {
				key = idempotency.Key(fmt.Sprintf("key-%d-%d", round, i))
			}
			switch i % 8 {
			case 0, 1, 2:
				_, err := c.reservations.Accept(c.ctx, r.LocalID, r.ID, key)
				if err == nil {
					accepted[n].Add(1)
				}
				return orOneOf(err, fault.Conflict, messaging.ErrClosed)
			case 3, 4:
				_, err := c.reservations.Cancel(c.ctx, r.VoyagerID, r.ID, key)
				if err == nil {
					cancelled[n].Add(1)
				}
				return orOneOf(err, fault.Conflict)
			case 5:
				return orOneOf(c.send(ada, talk, key), messaging.ErrClosed)
			case 6:
				return orOneOf(c.send(ben, back, key), messaging.ErrClosed)
			default:
				return errors.Join(c.moderation.Block(c.ctx, ben.ID, ada.ID), c.moderation.Unblock(c.ctx, ben.ID, ada.ID))
			}
		})
		c.outcomes("commands beside acceptances", errs, len(errs), nil)
		for n, r := range all {
			if accepted[n].Load() > 1 || cancelled[n].Load() > 1 {
				c.Errorf("a reservation was accepted %d times and cancelled %d times", accepted[n].Load(), cancelled[n].Load())
			}
			want := reservations.Pending
			switch {
			case cancelled[n].Load() == 1:
				want = reservations.Cancelled
			case accepted[n].Load() == 1:
				want = reservations.Accepted
			}
			c.same("the status of a reservation", c.statusOf(r), want)
		}
	}
}
