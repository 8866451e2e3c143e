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
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// stepsTests tests use cases that a store may do in one step: the answers, the refusals and the
// rows are those of the steps. A store without such a form passes.
var stepsTests = []test{
	{"a send in one step is a send step by step", sendAlike},
	{"a send in one step begins with the check of a session", sendPresent},
	{"sends in one step beside other commands leave exact balances", inCommunity(sendsBesideOthers)},
	{"an acceptance and a cancellation in one step are those step by step", moveAlike},
	{"an acceptance and a cancellation in one step begin with the check of a session", movePresent},
	{"acceptances in one step beside other commands hold tokens once", inCommunity(movesBesideOthers)},
	{"a proposal in one step is one step by step", proposeAlike},
	{"a proposal in one step begins with the check of a session", proposePresent},
	{"proposals in one step beside other commands are made once", inCommunity(proposalsBesideOthers)},
	{"a marking in one step is a marking step by step", markAlike},
	{"a marking in one step begins with the check of a session", markPresent},
	{"markings in one step beside other commands count each message once", inCommunity(marksBesideOthers)},
}

// pair runs commands on two lanes.
type pair struct {
	*fixture
	lanes *lanes
	both  [2]*community
	clock *watch
	want  int // commands that must have been done in one step

	// Whether the store has these forms of one step.
	sender, marker, mover, proposer bool
}

// pairOf copies the store, and returns a lane on each of the two.
func (f *fixture) pairOf(clock *watch, change func(*services.Policies)) *pair {
	f.Helper()
	p := &pair{fixture: f, lanes: &lanes{}, clock: clock}
	f.view(func(_ context.Context, tx ports.Tx) error {
		_, p.sender = tx.Messaging().(messaging.Sender)
		_, p.mover = tx.Reservations().(reservations.Mover)
		_, p.proposer = tx.Reservations().(reservations.Proposer)
		_, p.marker = tx.Messaging().(messaging.Marker)
		return nil
	})
	f.numberAll() // a copy does not keep the order of events without a position
	target := f.another()
	f.copyTo(target)
	for i, s := range []ports.Storage{f.storage, target} {
		c := *f
		c.storage = laneStorage{s, p.lanes, i == 0}
		c.store = ports.NewStore(c.storage, policy)
		p.both[i] = c.communityWith(clock, p.lanes, change)
	}
	return p
}

// do runs a command on both lanes, and ends the test unless both answer the same and have the same
// rows.
func (p *pair) do(what string, command func(c *community) (any, error)) (err error) {
	p.Helper()
	var answers [2]string
	p.lanes.command++
	for i, c := range p.both {
		p.lanes.next, p.lanes.kept = 0, 0
		var answer any
		answer, err = command(c)
		answers[i] = fmt.Sprintf("%+v, error %s", answer, codeOf(err))
	}
	p.same(what+", in one step and step by step", answers[0], answers[1])
	p.alike(what)
	return err
}

// alike ends the test unless both lanes have the same rows.
func (p *pair) alike(after string) {
	p.Helper()
	if d := diff(p.both[1].dump(), p.both[0].dump()); d != "" {
		p.Fatalf("after %s the rows differ from those of the steps:\n%s", after, d)
	}
}

// end audits both lanes. If the store has the form of one step, it must have taken it, unless all
// units are parts of a host's transaction.
func (p *pair) end(able bool) {
	p.Helper()
	for _, c := range p.both {
		c.audited()
	}
	p.alike("numbering the events")
	if inHost := p.lanes.unable > 0 && p.lanes.done == 0; able && !inHost {
		p.same("the commands that were done in one step", p.lanes.done, p.want)
	}
}

// codeOf names an error by its kind and code.
func codeOf(err error) string {
	if failed, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Sprint(failed.Kind, " ", failed.Code)
	}
	return fmt.Sprint(err)
}

// send sends a message on both lanes. The steps must return the error want.
func (p *pair) send(what string, by users.User, in messaging.Conversation, d messaging.Draft, key idempotency.Key, want error) {
	p.Helper()
	p.try("the send of "+what, want, func(c *community) (any, error) { return c.messaging.Send(c.ctx, by.ID, in.ID, d, key) })
}

// try is do for a command of which the steps must return the error want.
func (p *pair) try(what string, want error, command func(c *community) (any, error)) {
	p.Helper()
	before := p.lanes.done
	if err := p.do(what, command); !errors.Is(err, want) {
		p.Errorf("%s returned %v, want %v", what, err, want)
	}
	if want != nil && p.lanes.done != before {
		p.Errorf("%s was refused, and done in one step", what)
	}
}

// sent is send for a message that must be sent, in one step if the store has one.
func (p *pair) sent(what string, by users.User, in messaging.Conversation, d messaging.Draft, key idempotency.Key) {
	p.Helper()
	p.want++
	p.send(what, by, in, d, key, nil)
}

func says(content string) messaging.Draft { return messaging.Draft{Content: content} }

func sendAlike(f *fixture) {
	clock := newWatch(noon)
	shy := func(p *services.Policies) { p.Messaging.MaxUnanswered = 3 }
	c := f.communityAt(clock, shy)
	eve, ada, ben, cleo := c.admin("eve"), c.join("ada"), c.join("ben"), c.join("cleo")
	poor, gone := c.join("poor"), c.join("gone")
	c.must(c.grant(eve, poor, tokens.Penalty, -48))
	talk, back := c.talk(ada, ben), c.talk(ben, ada)
	shyTalk, poorTalk, goneTalk := c.talk(ada, cleo), c.talk(poor, ben), c.talk(gone, ben)
	p := f.pairOf(clock, shy)

	p.sent("the first message", ada, talk, says("hello"), "")
	p.sent("an answer at the same time", ben, talk, says("hello"), "")
	clock.set(noon.Add(-time.Hour))
	p.sent("a message by a clock that was set back", ada, talk, says("again"), "")
	clock.set(noon.Add(time.Hour))
	p.sent("a message with any characters", ben, talk, says("\",0,\" \\ $1 @users 'x' \U0001F600 "+strings.Repeat("é", 2000)), "")
	p.sent("a message in the conversation with the roles swapped", ada, back, says("here, too"), "")

	p.sent("a message with a key", ada, talk, says("once"), "key-1")
	p.send("the same message with its key", ada, talk, says("once"), "key-1", nil)
	p.send("another message with a used key", ada, talk, says("twice"), "key-1", idempotency.ErrKeyReused)
	p.send("a message with a used key in another conversation", ada, back, says("once"), "key-1", idempotency.ErrKeyReused)
	p.sent("a message with the key of another user", ben, talk, says("once"), "key-1")

	p.send("an outsider", cleo, talk, says("hello"), "", messaging.ErrNotFound)
	p.send("an admin", eve, talk, says("hello"), "key-1", messaging.ErrNotFound)
	p.send("a message without a conversation", ada, messaging.Conversation{ID: id.Conversation{1}}, says("hello"), "", messaging.ErrNotFound)
	p.send("an unknown user", users.User{ID: id.User{1}}, talk, says("hello"), "", messaging.ErrNotFound)
	p.send("a picture", ada, talk, messaging.Draft{Content: "look", Attachment: dataURL(png)}, "key-2", nil)

	p.sent("a first message without an answer", ada, shyTalk, says("1"), "")
	p.sent("a second message without an answer", ada, shyTalk, says("2"), "key-3")
	p.sent("a third message without an answer", ada, shyTalk, says("3"), "")
	p.send("a fourth message without an answer", ada, shyTalk, says("4"), "", messaging.ErrUnanswered)
	p.send("a fourth message with a key", ada, shyTalk, says("4"), "key-4", messaging.ErrUnanswered)
	p.send("the second message with its key", ada, shyTalk, says("2"), "key-3", nil)
	p.sent("the answer", cleo, shyTalk, says("yes"), "")
	p.sent("a message after the answer, with the key of the one that was refused", ada, shyTalk, says("5"), "key-4")

	p.sent("the last token but one", poor, poorTalk, says("1"), "")
	p.sent("the last token", poor, poorTalk, says("2"), "key-1")
	p.send("no token", poor, poorTalk, says("3"), "", tokens.ErrTooFewTokens)
	p.send("no token, with a key", poor, poorTalk, says("3"), "key-2", tokens.ErrTooFewTokens)
	p.send("no token, with the key of the last one", poor, poorTalk, says("2"), "key-1", nil)
	p.sendRefusals(eve, ada, ben, talk, back)

	p.sent("the message of a user who leaves", gone, goneTalk, says("bye"), "key-1")
	_ = p.do("the erasure", func(c *community) (any, error) {
		return nil, c.privacy.Erase(c.ctx, gone.ID, password, users.Device{})
	})
	p.send("an erased user", gone, goneTalk, says("still here"), "", users.ErrNotSignedIn)
	p.send("an erased user with a key", gone, goneTalk, says("bye"), "key-1", users.ErrNotSignedIn)
	p.send("a message to an erased user", ben, goneTalk, says("hello?"), "", messaging.ErrClosed)

	p.end(p.sender)
}

// sendRefusals tests blocks and inactive users, which are found before an empty wallet is.
func (p *pair) sendRefusals(eve, ada, ben users.User, talk, back messaging.Conversation) {
	p.Helper()
	emptied := func(c *community) (any, error) {
		return nil, c.grant(eve, ben, tokens.Penalty, -c.wallet(ben.ID).Balance)
	}
	for i, blocks := range [][2]users.User{{ada, ben}, {ben, ada}} {
		_ = p.do("a block", block(blocks[0], blocks[1]))
		p.send("one of two who block each other", ada, talk, says("hello"), "", messaging.ErrClosed)
		p.send("one of two who block each other, with a key", ada, talk, says("hello"), "key-5", messaging.ErrClosed)
		p.send("a used key of one of two who block each other", ada, talk, says("once"), "key-1", nil)
		_ = p.do("the end of the block", unblock(blocks[0], blocks[1]))
		p.sent("a message after the block", ada, talk, says("hello"), idempotency.Key(fmt.Sprint("key-after-", i)))
	}
	_ = p.do("a deactivation", active(eve, ben, false))
	p.send("a message to an inactive user", ada, back, says("hello"), "", messaging.ErrClosed)
	p.send("an inactive user", ben, back, says("hello"), "", users.ErrNotSignedIn)
	p.send("an inactive user with a used key", ben, talk, says("once"), "key-1", users.ErrNotSignedIn)
	_ = p.do("a reactivation", active(eve, ben, true))
	_ = p.do("the end of the tokens", emptied)
	_ = p.do("another block", block(ada, ben))
	p.send("one who is blocked and has no token", ben, back, says("hello"), "", messaging.ErrClosed)
	_ = p.do("the end of the other block", unblock(ada, ben))
	p.send("one who has no token", ben, back, says("hello"), "", tokens.ErrTooFewTokens)
	_ = p.do("a credit", func(c *community) (any, error) { return nil, c.grant(eve, ben, tokens.Bonus, 5) })
	p.sent("a message after the credit", ben, back, says("hello"), "")
}

// afterCheck runs commands of a caller, without keys and with them, in units that begin with the
// check of a session. A store may make the check in the step of the command.
func (f *fixture) afterCheck(caller users.User, commands ...func(ctx context.Context, key idempotency.Key) error) {
	f.Helper()
	n := 0
	for what, p := range f.presences(caller) {
		for _, isKeyed := range []bool{false, true} {
			for _, command := range commands {
				var key idempotency.Key
				if n++; isKeyed {
					key = idempotency.Key(fmt.Sprint("key-", n))
				}
				before := f.dump()
				guarded, passed := f.store.Guarded(f.ctx, p.check)
				if err := command(guarded, key); !errors.Is(err, p.want) || p.want == nil && err != nil {
					f.Errorf("%s: a command with the key %q returned %v, want %v", what, key, err, p.want)
				}
				if passed() != (p.want == nil) {
					f.Errorf("%s: the check of a command with the key %q passed: %v", what, key, passed())
				}
				if p.want != nil {
					f.unchanged(what+": a command that was refused", before)
				}
			}
		}
	}
}

func sendPresent(f *fixture) {
	c := f.community()
	vera := f.rich("vera", 100)
	talk := f.conversation(vera, f.user("luca"))
	f.afterCheck(vera, func(ctx context.Context, key idempotency.Key) error {
		_, err := c.messaging.Send(ctx, vera.ID, talk.ID, says("hello"), key)
		return err
	})
}

// active returns a command of an admin.
func active(admin, u users.User, is bool) func(c *community) (any, error) {
	return func(c *community) (any, error) {
		return nil, c.change(admin.ID, u.ID, moderation.AccountChange{IsActive: &is, Reason: "for the test"})
	}
}

func block(by, other users.User) func(c *community) (any, error) {
	return func(c *community) (any, error) { return nil, c.moderation.Block(c.ctx, by.ID, other.ID) }
}

func unblock(by, other users.User) func(c *community) (any, error) {
	return func(c *community) (any, error) { return nil, c.moderation.Unblock(c.ctx, by.ID, other.ID) }
}

// sendsBesideOthers sends messages in both directions of several conversations, with and without
// keys, while reservations are accepted and cancelled and two users leave.
func sendsBesideOthers(c *community) {
	eve, ada, ben := c.admin("eve"), c.join("ada"), c.join("ben")
	for _, u := range []users.User{ada, ben} {
		c.must(c.grant(eve, u, tokens.Bonus, 10_000))
	}
	talk, back := c.talk(ada, ben), c.talk(ben, ada)
	for round := range rounds(2, 60) {
		leaving, left := c.join(fmt.Sprint("leaving", round)), c.join(fmt.Sprint("left", round))
		toLeaving, fromLeft := c.talk(ada, leaving), c.talk(left, ben)
		r := c.propose(talk, aWalk(20, 60*round))
		const each = 12
		errs := concurrently(14*each, func(i int) error {
			key := func(n int) idempotency.Key { return idempotency.Key(fmt.Sprintf("key-%d-%d", round, n)) }
			switch i % 14 {
			case 0, 1, 2:
				return c.send(ada, talk, "")
			case 3, 4:
				return c.send(ben, talk, key(i))
			case 5:
				return c.send(ada, back, "")
			case 6, 7:
				return c.send(ben, back, "")
			case 8:
				return c.send(ada, talk, key(i/28)) // of two sends
			case 9:
				return orOneOf(c.send(ada, toLeaving, ""), messaging.ErrClosed)
			case 10:
				return orOneOf(c.send(leaving, toLeaving, ""), users.ErrNotSignedIn, tokens.ErrTooFewTokens)
			case 11:
				return orOneOf(c.send(left, fromLeft, ""), users.ErrNotSignedIn, tokens.ErrTooFewTokens)
			case 12:
				_, err := c.reservations.Accept(c.ctx, ben.ID, r.ID, "")
				return orOneOf(err, fault.Conflict)
			default:
				if i == 13+14*(each/2) {
					return errors.Join(c.privacy.Erase(c.ctx, leaving.ID, password, users.Device{}),
						c.privacy.Erase(c.ctx, left.ID, password, users.Device{}))
				}
				_, err := c.reservations.Cancel(c.ctx, ada.ID, r.ID, "")
				return orOneOf(err, fault.Conflict)
			}
		})
		c.outcomes("commands beside sends", errs, len(errs), nil)
		c.balanced(ben.ID, 10_050-int64(4*each*(round+1)))
	}
}

// orOneOf returns err, or nil if it is one of those that may occur.
func orOneOf(err error, allowed ...error) error {
	for _, one := range allowed {
		if errors.Is(err, one) {
			return nil
		}
	}
	return err
}
