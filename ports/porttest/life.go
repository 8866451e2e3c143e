package porttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// life tests whole communities.
var life = []test{
	{"an audit finds exactly the rules that are broken", townAudit},
	{"a busy community passes the audit", inCommunity(busy)},
}

func townAudit(f *fixture) {
	w := f.town()
	f.numberAll()
	v, err := audit.New(ports.ForAudit(f.store)).Audit(f.ctx)
	if err != nil {
		f.Fatal(err)
	}
	var found []string
	for _, broken := range v.Violations {
		found = append(found, broken.Rule+" "+broken.Subject)
	}
	f.same("the violations", found, []string{"wallet_user " + w.dora.ID.String()})
	f.same("wallets, transactions and held tokens", []int64{v.Wallets, v.Transactions, v.Held},
		[]int64{8, 7, w.accepted.Tokens})
}

// crowd is a community whose members act at random.
type crowd struct {
	*community
	eve    users.User
	people []users.User
	talks  []messaging.Conversation
}

// busy runs concurrent actors that act at random, and advances the clock meanwhile.
func busy(c *community) {
	crowd := &crowd{community: c, eve: c.admin("eve")}
	for i := range 6 {
		crowd.people = append(crowd.people, c.join(fmt.Sprint("person", i)))
	}
	for i, voyager := range crowd.people {
		for k := 1; k <= 2; k++ {
			crowd.talks = append(crowd.talks, c.talk(voyager, crowd.people[(i+k)%len(crowd.people)]))
		}
	}
	const actors = 8
	steps := rounds(60, 20_000)
	c.allConcurrently(actors, func(actor int) error {
		dice := rand.New(rand.NewPCG(uint64(actor), 1)) // #nosec G115 -- small and positive
		for step := range steps {
			key := idempotency.Key(fmt.Sprint("key-", dice.IntN(20*steps))) // some keys are used again
			err := crowd.act(dice, key)
			switch fault.KindOf(err) {
			case fault.Internal, fault.Unavailable:
				return fmt.Errorf("step %d of actor %d: %w", step, actor, err)
			}
		}
		return nil
	})
	c.clock.set(noon.Add(10_000 * time.Hour))
	if _, err := c.reservations.Settle(c.ctx); err != nil {
		c.Fatal(err)
	}
	for _, u := range crowd.people {
		c.balanced(u.ID, c.wallet(u.ID).Balance)
	}
}

// act makes one random call.
func (c *crowd) act(dice *rand.Rand, key idempotency.Key) (err error) {
	talk := c.talks[dice.IntN(len(c.talks))]
	who := []id.User{talk.VoyagerID, talk.LocalID}[dice.IntN(2)]
	switch dice.IntN(20) {
	case 0, 1, 2, 3, 4:
		_, err = c.messaging.Send(c.ctx, who, talk.ID, messaging.Draft{Content: "hello"}, key)
	case 5, 6, 7, 8, 9:
		p := aWalk(dice.IntN(9), 20*dice.IntN(100))
		_, err = c.reservations.Propose(c.ctx, who, talk.ID, p, key)
	case 10, 11, 12, 13, 14:
		return c.moveOne(dice, talk, who)
	case 15, 16:
		_, err = c.reservations.Settle(c.ctx)
		c.clock.ms.Add(dice.Int64N(2 * time.Hour.Milliseconds()))
	case 17:
		whom := c.people[dice.IntN(len(c.people))]
		return c.grant(c.eve, whom, []tokens.Type{tokens.Bonus, tokens.Deposit}[dice.IntN(2)], 1+dice.Int64N(9))
	case 18:
		whom := c.people[dice.IntN(len(c.people))]
		return c.grant(c.eve, whom, []tokens.Type{tokens.Penalty, tokens.Withdrawal}[dice.IntN(2)], -1-dice.Int64N(9))
	case 19:
		return c.comeAndGo(dice, talk, who)
	}
	return err
}

// moveOne moves a random reservation of a conversation.
func (c *crowd) moveOne(dice *rand.Rand, talk messaging.Conversation, who id.User) error {
	list, err := c.reservations.InConversation(c.ctx, who, talk.ID, page.Request[page.Moment]{Limit: 5})
	if err != nil || len(list.Items) == 0 {
		return err
	}
	r := list.Items[dice.IntN(len(list.Items))]
	moves := []func() (reservations.View, error){
		func() (reservations.View, error) { return c.reservations.Accept(c.ctx, who, r.ID, "") },
		func() (reservations.View, error) { return c.reservations.Accept(c.ctx, r.LocalID, r.ID, "") },
		func() (reservations.View, error) { return c.reservations.Decline(c.ctx, who, r.ID, "") },
		func() (reservations.View, error) { return c.reservations.Cancel(c.ctx, who, r.ID, "") },
	}
	_, err = moves[dice.IntN(len(moves))]()
	return err
}

// comeAndGo blocks, unblocks, deactivates, reactivates or erases at random.
func (c *crowd) comeAndGo(dice *rand.Rand, talk messaging.Conversation, who id.User) error {
	switch dice.IntN(8) {
	case 0:
		return c.privacy.Erase(c.ctx, who, password, users.Device{})
	case 1, 2:
		return c.change(c.eve.ID, who, moderation.AccountChange{IsActive: ptr(false)})
	case 3:
		return c.moderation.Block(c.ctx, who, talk.Other(who))
	case 4:
		return c.moderation.Unblock(c.ctx, who, talk.Other(who))
	default:
		return errors.Join(
			c.change(c.eve.ID, talk.VoyagerID, moderation.AccountChange{IsActive: ptr(true)}),
			c.change(c.eve.ID, talk.LocalID, moderation.AccountChange{IsActive: ptr(true)}))
	}
}
