package porttest

import (
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// told tests that what one process was told is seen by the next unit of another: a unit that begins
// after Run returned sees the commit. The kit opens one storage; a storage that runs its units in
// several processes in turn makes these tests strict.
var told = []test{
	{"a block is seen by the next message, with a key or without", inCommunity(blockTold)},
	{"a message is in the next page, and can be marked as read", inCommunity(messageTold)},
	{"tokens that were received can be spent", inCommunity(tokensTold)},
	{"a wallet shows what was paid and held", inCommunity(walletTold)},
	{"an account that was deactivated does nothing more", inCommunity(deactivationTold)},
	{"an admin who was appointed acts as one", inCommunity(adminTold)},
	{"the time of a reservation that was cancelled is free", inCommunity(cancellationTold)},
}

// keyed calls do without a key and with several, so that each process gets each kind of unit.
func (c *community) keyed(what string, do func(key idempotency.Key) error) {
	c.Helper()
	for i := range 4 {
		key := idempotency.Key("")
		if i > 0 {
			key = idempotency.Key(fmt.Sprintf("key-%x", c.ids.Next()))
		}
		if err := do(key); err != nil {
			c.Errorf("%s, with the key %q: %v", what, key, err)
		}
	}
}

func (c *community) send(by users.User, in messaging.Conversation, key idempotency.Key) error {
	_, err := c.messaging.Send(c.ctx, by.ID, in.ID, messaging.Draft{Content: "hello"}, key)
	return err
}

// want returns an error unless err is target.
func want(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return fmt.Errorf("the error is %w, want %w", err, target)
}

func blockTold(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	c.must(c.send(ada, talk, ""))
	c.keyed("a message after a block", func(key idempotency.Key) error {
		c.must(c.moderation.Block(c.ctx, ben.ID, ada.ID))
		return want(c.send(ada, talk, key), messaging.ErrClosed)
	})
	c.keyed("a message after the block was removed", func(key idempotency.Key) error {
		c.must(c.moderation.Block(c.ctx, ben.ID, ada.ID))
		c.must(c.moderation.Unblock(c.ctx, ben.ID, ada.ID))
		return c.send(ada, talk, key)
	})
}

func messageTold(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	c.keyed("a message", func(key idempotency.Key) error {
		m, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: "hello"}, key)
		c.must(err)
		for _, reader := range []users.User{ada, ben} {
			p, err := c.messaging.Conversations(c.ctx, reader.ID, page.Request[page.Moment]{})
			c.must(err)
			if len(p.Items) != 1 || p.Items[0].LastMessage == nil || p.Items[0].LastMessage.ID != m.ID {
				return errors.New("it is not in the next page")
			}
		}
		n, err := c.messaging.Read(c.ctx, ben.ID, talk.ID, m.ID, key)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d messages were marked as read, want 1", n)
		}
		return err
	})
}

func tokensTold(c *community) {
	boss, ada, ben := c.admin("boss"), c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	c.must(c.grant(boss, ada, tokens.Penalty, -50)) // all that ada has
	c.keyed("a message that costs the only token", func(key idempotency.Key) error {
		c.must(c.grant(boss, ada, tokens.Bonus, 1))
		if err := c.send(ada, talk, key); err != nil {
			return err
		}
		return want(c.send(ada, talk, ""), tokens.ErrTooFewTokens)
	})
}

func walletTold(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	balance := int64(50)
	for i := range 4 {
		r := c.accept(c.propose(talk, aWalk(3, 120*i)))
		balance -= r.Tokens
		funds, err := c.reservations.Funds(c.ctx, ada.ID)
		c.must(err)
		c.same("the balance after a payment", funds.Balance, balance)
		c.same("the tokens that are held after a payment", funds.Held, 50-balance)
	}
}

func deactivationTold(c *community) {
	boss, ben := c.admin("boss"), c.join("ben")
	for i := range 4 {
		ada := c.join(fmt.Sprint("ada", i))
		talk := c.talk(ada, ben)
		inactive, active := false, true
		c.must(c.change(boss.ID, ada.ID, moderation.AccountChange{IsActive: &inactive}))
		if err := want(c.send(ada, talk, idempotency.Key(fmt.Sprint("after-", i))), users.ErrNotSignedIn); err != nil {
			c.Errorf("a message of a deactivated account: %v", err)
		}
		c.must(c.change(boss.ID, ada.ID, moderation.AccountChange{IsActive: &active}))
		if err := c.send(ada, talk, idempotency.Key(fmt.Sprint("again-", i))); err != nil {
			c.Errorf("a message of a reactivated account: %v", err)
		}
	}
}

func adminTold(c *community) {
	ben := c.join("ben")
	for i := range 4 {
		boss := c.admin(fmt.Sprint("boss", i))
		role := []users.Role{users.RoleAdmin, users.RoleUser}[i%2]
		if err := c.change(boss.ID, ben.ID, moderation.AccountChange{Role: &role}); err != nil {
			c.Errorf("a change by an admin who was just appointed: %v", err)
		}
	}
}

func cancellationTold(c *community) {
	ada, ben, cora := c.join("ada"), c.join("ben"), c.join("cora")
	first, second := c.talk(ada, ben), c.talk(cora, ben)
	c.keyed("accepting for a time that was freed", func(key idempotency.Key) error {
		r := c.accept(c.propose(first, aWalk(3, 0)))
		rival := c.propose(second, aWalk(3, 0))
		if _, err := c.reservations.Cancel(c.ctx, ada.ID, r.ID, ""); err != nil {
			return err
		}
		accepted, err := c.reservations.Accept(c.ctx, ben.ID, rival.ID, key)
		if err == nil {
			_, err = c.reservations.Cancel(c.ctx, cora.ID, accepted.ID, "")
		}
		return err
	})
}
