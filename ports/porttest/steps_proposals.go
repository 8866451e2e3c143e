package porttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// propose makes a proposal on both lanes. The steps must return the error want.
func (p *pair) propose(
	what string, by users.User, in messaging.Conversation, of reservations.Proposal, key idempotency.Key, want error,
) (r reservations.Reservation) {
	p.Helper()
	p.try("the proposal of "+what, want, func(c *community) (any, error) {
		v, err := c.reservations.Propose(c.ctx, by.ID, in.ID, of, key)
		r = v.Reservation
		return v, err
	})
	return r
}

// proposes is propose for one that must succeed, in one step if the store has one.
func (p *pair) proposes(
	what string, by users.User, in messaging.Conversation, of reservations.Proposal, key idempotency.Key,
) reservations.Reservation {
	p.Helper()
	if p.proposer {
		p.want++
	}
	return p.propose(what, by, in, of, key, nil)
}

// walk returns a free proposal, for an hour after all the times of the clock of proposeAlike.
func walk(hours int) reservations.Proposal { return aWalk(0, 60*(100+hours)) }

func proposeAlike(f *fixture) {
	clock := newWatch(noon)
	strict := func(p *services.Policies) {
		p.Reservations.MaxProposed, p.Reservations.MaxPending, p.Reservations.MaxUnanswered = 6, 4, 2
	}
	c := f.communityAt(clock, strict)
	eve, ada, ben, cleo, gone := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo"), c.join("gone")
	talk, back, goneTalk := c.talk(ada, ben), c.talk(ben, ada), c.talk(gone, cleo)
	p := f.pairOf(clock, strict)

	p.proposes("the voyager", ada, talk, aWalk(20, 0), "")
	clock.set(noon.Add(time.Minute))
	ofLocal := aWalk(5, 60)
	p.proposes("the local, with a key", ben, talk, ofLocal, "key-1")
	p.propose("the local, with its key", ben, talk, ofLocal, "key-1", nil)
	p.propose("another, with a used key", ben, talk, aWalk(6, 60), "key-1", idempotency.ErrKeyReused)
	p.propose("one with a used key in another conversation", ben, back, ofLocal, "key-1", idempotency.ErrKeyReused)
	p.proposes("one with the key of another, with the roles swapped", ada, back, walk(1), "key-1")
	odd := walk(2)
	odd.Title, odd.Price = " \",0,\" \\ $1 @users {talk_id} '' "+strings.Repeat("é", 150), price("0.01")
	p.proposes("one with any characters", ben, back, odd, "")

	p.propose("an outsider", cleo, talk, walk(3), "", messaging.ErrNotFound)
	p.propose("an admin, with a key", eve, talk, walk(3), "key-1", messaging.ErrNotFound)
	p.propose("one without a conversation", ada, messaging.Conversation{ID: id.Conversation{1}}, walk(3), "", messaging.ErrNotFound)
	p.propose("an unknown user", users.User{ID: id.User{1}}, talk, walk(3), "", messaging.ErrNotFound)
	p.propose("one without a title", ada, talk, reservations.Proposal{Date: odd.Date, EndDate: odd.EndDate}, "key-2", fault.Invalid)
	p.propose("an outsider, without a title", cleo, talk, reservations.Proposal{}, "", fault.Invalid)

	p.proposes("a second one without an answer", ada, talk, walk(4), "key-2")
	p.propose("a third one without an answer", ada, talk, walk(5), "", messaging.ErrUnanswered)
	p.propose("a third one without an answer, with a key", ada, talk, walk(5), "key-3", messaging.ErrUnanswered)
	p.proposes("a second one of the other", ben, talk, walk(6), "")
	p.propose("one too many, without an answer", ada, talk, walk(7), "", reservations.ErrTooManyPending)
	p.propose("one too many", ben, talk, walk(7), "key-3", reservations.ErrTooManyPending)
	p.declined(talk, ben, ada)
	p.propose("one after a refusal, without an answer", ada, talk, walk(8), "key-3", messaging.ErrUnanswered)
	if p.sender {
		p.want++
	}
	p.send("the answer", ben, talk, says("yes"), "", nil)
	p.proposes("one after the answer, with the key of the one that was refused", ada, talk, walk(8), "key-3")

	p.proposes("the last one that may be pending", ben, talk, walk(9), "")
	p.propose("one too many after the answer", ada, talk, walk(9), "", reservations.ErrTooManyPending)
	p.proposeRefusals(eve, ada, ben, cleo, talk)
	p.proposes("a user who leaves", gone, goneTalk, walk(0), "key-1")
	p.try("the erasure", nil, func(c *community) (any, error) {
		return nil, c.privacy.Erase(c.ctx, gone.ID, password, users.Device{})
	})
	p.propose("an erased user", gone, goneTalk, walk(1), "", users.ErrNotSignedIn)
	p.propose("an erased user, with a used key", gone, goneTalk, walk(0), "key-1", users.ErrNotSignedIn)
	p.propose("one to an erased user", cleo, goneTalk, walk(1), "", messaging.ErrClosed)

	clock.set(ofLocal.Date)
	p.propose("one whose date has passed", ben, back, ofLocal, "", fault.Invalid)
	p.propose("one whose date has passed, with its key", ben, talk, ofLocal, "key-1", nil)
	p.end(p.proposer)
}

// proposeRefusals tests restrictions, quotas, blocks and inactive users, in the order in which the
// steps find them. talk has as many pending reservations as allowed.
func (p *pair) proposeRefusals(eve, ada, ben, cleo users.User, talk messaging.Conversation) {
	p.Helper()
	var other messaging.Conversation
	p.try("another conversation", nil, func(c *community) (any, error) {
		opened, err := c.messaging.Open(c.ctx, ada.ID, cleo.ID, "")
		other = opened.Overview.Conversation
		return opened, err
	})
	p.try("a profile", nil, func(c *community) (any, error) {
		return c.matching.SaveProfile(c.ctx, cleo.ID, matching.Profile{FirstName: "Cleopatra", ImageURL: "https://example.org/cleo"}, nil)
	})
	for _, blocks := range [][2]users.User{{ada, cleo}, {cleo, ada}} {
		_ = p.do("a block", block(blocks[0], blocks[1]))
		p.propose("one of two who block each other", ada, other, walk(9), "key-4", messaging.ErrClosed)
		_ = p.do("the end of the block", unblock(blocks[0], blocks[1]))
	}
	_ = p.do("a block", block(ben, ada))
	p.propose("one too many of two who block each other", ben, talk, walk(9), "", messaging.ErrClosed)
	p.propose("one with a used key, of two who block each other", ada, talk, walk(8), "key-3", nil)
	_ = p.do("the end of the block", unblock(ben, ada))
	_ = p.do("a deactivation", active(eve, cleo, false))
	p.propose("one to an inactive user", ada, other, walk(9), "", messaging.ErrClosed)
	p.propose("an inactive user", cleo, other, walk(9), "", users.ErrNotSignedIn)
	_ = p.do("a reactivation", active(eve, cleo, true))

	ends := noon.Add(time.Hour)
	p.try("a restriction", nil, func(c *community) (any, error) {
		return c.moderation.Impose(c.ctx, eve.ID, ada.ID, moderation.SanctionInput{Kind: moderation.Restriction, Reason: "swore", EndsAt: ends}, "")
	})
	p.clock.set(ends.Add(-time.Millisecond))
	p.propose("a restricted user", ada, other, walk(9), "key-4", users.ErrRestricted)
	p.propose("one of a restricted user, one too many", ada, talk, walk(9), "", users.ErrRestricted)
	p.proposes("one to a restricted user", cleo, other, walk(9), "")
	p.clock.set(ends)
	p.proposes("a user who was restricted", ada, other, walk(10), "key-4")
	searchable := matching.Profile{FirstName: "Cleopatra", ImageURL: "https://example.org/cleo", IsSearchable: true}
	p.try("a profile that all see", nil, func(c *community) (any, error) {
		return c.matching.SaveProfile(c.ctx, cleo.ID, searchable, nil)
	})
	p.proposes("the last one of a day", ada, other, walk(11), "")
	p.propose("one more than in a day", ada, other, walk(12), "", reservations.ErrTooManyProposed)
	_ = p.do("a block", block(cleo, ada))
	p.propose("one more than in a day, of two who block each other", ada, other, walk(12), "", reservations.ErrTooManyProposed)
	_ = p.do("the end of the block", unblock(cleo, ada))
	p.declined(other, ada, cleo)
	p.clock.set(noon.Add(messaging.QuotaPeriod - time.Millisecond))
	p.propose("one more than in a day, before it is over", ada, other, walk(12), "key-5", reservations.ErrTooManyProposed)
	p.clock.set(noon.Add(messaging.QuotaPeriod))
	p.proposes("one when a day is over", ada, other, walk(12), "key-5")
}

// declined declines the pending reservations of a conversation that a user proposed.
func (p *pair) declined(talk messaging.Conversation, creator, by users.User) {
	p.Helper()
	for _, r := range read(p.fixture, func(ctx context.Context, tx ports.Tx) ([]reservations.Reservation, error) {
		return tx.Reservations().InConversation(ctx, talk.ID, nil, 100)
	}) {
		if r.Status == reservations.Pending && r.CreatorID == creator.ID {
			p.try("a refusal", nil, func(c *community) (any, error) { return c.reservations.Decline(c.ctx, by.ID, r.ID, "") })
		}
	}
}

func proposePresent(f *fixture) {
	c := f.community()
	vera := f.user("vera")
	talk := f.conversation(vera, f.user("luca"))
	n := 0
	f.afterCheck(vera, func(ctx context.Context, key idempotency.Key) error {
		n++
		_, err := c.reservations.Propose(ctx, vera.ID, talk.ID, walk(n), key)
		return err
	})
}

// proposalsBesideOthers makes proposals in both directions of several conversations, with and
// without keys, beside acceptances, sends, blocks and an erasure. As many are added as succeed.
func proposalsBesideOthers(c *community) {
	eve, ada, ben, cleo := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo")
	for _, u := range []users.User{ada, ben} {
		c.must(c.grant(eve, u, tokens.Bonus, 10_000))
	}
	talk, back, other := c.talk(ada, ben), c.talk(ben, ada), c.talk(cleo, ben)
	before := len(c.dump()[ports.Reservations.Name])
	for round := range rounds(2, 40) {
		leaving := c.join(fmt.Sprint("leaving", round))
		toLeaving := c.talk(leaving, ben)
		accepted := c.propose(talk, aWalk(1, 60*round))
		before++
		const each = 4
		var made [10 * each]id.Reservation
		propose := func(i int, by users.User, in messaging.Conversation, key idempotency.Key) error {
			v, err := c.reservations.Propose(c.ctx, by.ID, in.ID, walk(round), key)
			made[i] = v.ID
			return orOneOf(err, messaging.ErrClosed, users.ErrNotSignedIn)
		}
		errs := concurrently(len(made), func(i int) error {
			key := func(n int) idempotency.Key { return idempotency.Key(fmt.Sprintf("key-%d-%d", round, n)) }
			switch i % 10 {
			case 0:
				return propose(i, ada, talk, "")
			case 1:
				return propose(i, ben, talk, key(i))
			case 2:
				return propose(i, ben, back, "")
			case 3:
				return propose(i, ada, back, key(i/20)) // of two proposals
			case 4:
				return propose(i, cleo, other, "")
			case 5:
				return propose(i, leaving, toLeaving, "")
			case 6:
				_, err := c.reservations.Accept(c.ctx, ben.ID, accepted.ID, key(i))
				return orOneOf(err, fault.Conflict, messaging.ErrClosed)
			case 7:
				return orOneOf(c.send(ben, talk, key(i)), messaging.ErrClosed)
			case 8:
				return errors.Join(c.moderation.Block(c.ctx, ben.ID, cleo.ID), c.moderation.Unblock(c.ctx, ben.ID, cleo.ID))
			default:
				if i > 10 {
					return propose(i, ben, toLeaving, "")
				}
				return c.privacy.Erase(c.ctx, leaving.ID, password, users.Device{})
			}
		})
		c.outcomes("commands beside proposals", errs, len(errs), nil)
		distinct := map[id.Reservation]bool{}
		for _, r := range made {
			if !r.IsZero() {
				distinct[r] = true
			}
		}
		before += len(distinct)
		c.same("the number of reservations", len(c.dump()[ports.Reservations.Name]), before)
	}
}
