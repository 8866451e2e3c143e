package porttest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// read marks messages as read on both lanes. The steps must return the error want.
func (p *pair) read(what string, by users.User, upTo messaging.Message, key idempotency.Key, want error) (n int) {
	p.Helper()
	p.try("the marking of "+what, want, func(c *community) (_ any, err error) {
		n, err = c.messaging.Read(c.ctx, by.ID, upTo.ConversationID, upTo.ID, key)
		return n, err
	})
	return n
}

// marked is read for messages of which so many were unread, in one step if the store has one.
func (p *pair) marked(what string, by users.User, upTo messaging.Message, key idempotency.Key, unread int) {
	p.Helper()
	p.want++
	if n := p.read(what, by, upTo, key, nil); n != unread {
		p.Errorf("the marking of %s found %d unread messages, want %d", what, n, unread)
	}
}

func markAlike(f *fixture) {
	clock := newWatch(noon)
	c := f.communityAt(clock)
	eve, ada, ben, cleo, gone := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo"), c.join("gone")
	talk, back, goneTalk := c.talk(ada, ben), c.talk(ben, ada), c.talk(gone, ben)
	var hers, his []messaging.Message // each time has two of both
	for i := range 8 {
		hers = append(hers, f.write(talk, ada, noon.Add(time.Duration(i/2)*time.Second)))
		his = append(his, f.write(talk, ben, noon.Add(time.Duration(i/2)*time.Second)))
	}
	elsewhere, left := f.write(back, ada, noon), f.write(goneTalk, ben, noon)
	ofGone := f.write(goneTalk, gone, noon)
	clock.set(noon.Add(time.Hour))
	p := f.pairOf(clock, func(*services.Policies) {})

	p.marked("a first message", ben, hers[0], "", 1)
	p.marked("the same message again", ben, hers[0], "", 0)
	p.marked("messages up to the reader's own", ben, his[2], "", 2)
	p.marked("an earlier message", ben, hers[1], "key-0", 0)
	p.marked("messages by the other", ada, hers[2], "", 2)
	p.marked("messages with a key", ben, hers[4], "key-1", 2)
	p.read("the same messages with their key", ben, hers[4], "key-1", nil)
	p.read("another message with a used key", ben, hers[5], "key-1", idempotency.ErrKeyReused)
	p.read("no message with its key", ben, hers[1], "key-0", nil)
	p.read("a message of another conversation with a used key", ben, elsewhere, "key-1", idempotency.ErrKeyReused)
	p.marked("messages with the key of another user", ada, his[4], "key-1", 3)

	stray := hers[7]
	stray.ConversationID = back.ID
	p.read("a message of another conversation", ben, stray, "", fault.Invalid)
	p.read("a message of another conversation, with a key", ben, stray, "key-2", fault.Invalid)
	p.read("a message that there is not", ben, messaging.Message{ID: id.Message{1}, ConversationID: talk.ID}, "", fault.Invalid)
	p.read("a message in no conversation", ben, messaging.Message{ID: hers[7].ID, ConversationID: id.Conversation{1}}, "", messaging.ErrNotFound)
	p.read("an outsider", cleo, hers[7], "", messaging.ErrNotFound)
	p.read("an outsider, of a message that there is not", cleo, messaging.Message{ID: id.Message{1}, ConversationID: talk.ID}, "", messaging.ErrNotFound)
	p.read("an admin", eve, hers[7], "key-1", messaging.ErrNotFound)
	p.read("an unknown user", users.User{ID: id.User{1}}, hers[7], "", messaging.ErrNotFound)
	p.marked("a message in the conversation with the roles swapped, with the key that was refused", ben, elsewhere, "key-2", 1)

	_ = p.do("a block", block(ada, ben))
	p.marked("a message of one who blocks the reader", ben, hers[5], "", 1)
	_ = p.do("the end of the block", unblock(ada, ben))
	_ = p.do("a deactivation", active(eve, ben, false))
	p.marked("a message of an inactive user", ada, his[5], "key-3", 1)
	p.read("an inactive user", ben, hers[6], "", users.ErrNotSignedIn)
	p.read("an inactive user, of a message of another conversation", ben, stray, "", users.ErrNotSignedIn)
	p.read("an inactive user with a used key", ben, hers[4], "key-1", users.ErrNotSignedIn)
	_ = p.do("a reactivation", active(eve, ben, true))
	p.marked("all that is left", ben, hers[7], "key-4", 2)

	p.marked("a message of a user who leaves", gone, left, "key-1", 1)
	_ = p.do("the erasure", func(c *community) (any, error) {
		return nil, c.privacy.Erase(c.ctx, gone.ID, password, users.Device{})
	})
	p.read("an erased user", gone, left, "", users.ErrNotSignedIn)
	p.read("an erased user with a key", gone, left, "key-1", users.ErrNotSignedIn)
	p.marked("a message of an erased user", ben, ofGone, "", 1)

	p.end(p.marker)
}

func markPresent(f *fixture) {
	c := f.community()
	vera, luca := f.rich("vera", 100), f.user("luca")
	talk := f.conversation(vera, luca)
	first, second := f.message(talk, luca, noon), f.message(talk, luca, noon.Add(time.Second))
	f.afterCheck(vera, func(ctx context.Context, key idempotency.Key) error {
		m := first
		if key != "" {
			m = second
		}
		_, err := c.messaging.Read(ctx, vera.ID, talk.ID, m.ID, key)
		return err
	})
}

// marksBesideOthers marks messages as read, on two devices of each participant, with and without
// keys, while more are sent in both directions and step by step.
func marksBesideOthers(c *community) {
	eve, ada, ben := c.admin("eve"), c.join("ada"), c.join("ben")
	for _, u := range []users.User{ada, ben} {
		c.must(c.grant(eve, u, tokens.Bonus, 10_000))
	}
	talk, back := c.talk(ada, ben), c.talk(ben, ada)
	var sent, marked atomic.Int64
	for round := range rounds(2, 40) {
		const each = 8
		errs := concurrently(10*each, func(i int) error {
			by, in := ada, talk
			if i%2 == 0 {
				by = ben
			}
			if i%20 >= 10 {
				in = back
			}
			if i%10 < 4 {
				sent.Add(1)
				return c.send(by, in, "")
			}
			newest, err := c.messaging.Messages(c.ctx, by.ID, in.ID, page.Request[page.Moment]{Limit: 1})
			if err != nil || len(newest.Items) == 0 {
				return err
			}
			key := idempotency.Key("")
			if i%10 >= 8 {
				key = idempotency.Key(fmt.Sprintf("key-%d-%d", round, i))
			}
			n, err := c.messaging.Read(c.ctx, by.ID, in.ID, newest.Items[0].ID, key)
			marked.Add(int64(n))
			return err
		})
		c.outcomes("commands beside markings", errs, len(errs), nil)
		left := 0
		for _, by := range []users.User{ada, ben} {
			n, err := c.messaging.Unread(c.ctx, by.ID)
			c.must(err)
			left += n
		}
		c.same("the messages that were marked or are left", int(marked.Load())+left, int(sent.Load()))
	}
}
