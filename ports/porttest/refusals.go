package porttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// refusals tests that a refused request changes no row and leaves its key free.
var refusals = []test{
	{"refused requests of accounts change nothing", inCommunity(refusedAccounts)},
	{"refused requests of matching change nothing", inCommunity(refusedMatching)},
	{"refused requests of messaging change nothing", inCommunity(refusedMessaging)},
	{"refused proposals change nothing", inCommunity(refusedProposals)},
	{"refused moves of reservations change nothing", inCommunity(refusedMoves)},
	{"refused requests of moderation change nothing", inCommunity(refusedModeration)},
	{"refused acts of admins change nothing", inCommunity(refusedAdmins)},
	{"a second use of a refresh token is refused, and ends the session", inCommunity(refusedRefresh)},
}

// refusal is a request and the error with which it must be refused.
type refusal struct {
	what string
	want error
	do   func(key idempotency.Key) error
}

func (c *community) refuse(list []refusal) {
	c.Helper()
	before := c.dumpWithoutTries()
	for i, r := range list {
		for _, key := range []idempotency.Key{"", idempotency.Key(fmt.Sprint("refused-", i))} {
			if err := r.do(key); !errors.Is(err, r.want) {
				c.Errorf("%s returned %v, want %v", r.what, err, r.want)
			}
			if d := diff(before, c.dumpWithoutTries()); d != "" {
				c.Errorf("%s changed rows:\n%s", r.what, d)
			}
		}
	}
}

// dumpWithoutTries leaves out the counts of tries, which a refused try changes, and the keys, of
// which the first try makes one.
func (c *community) dumpWithoutTries() contents {
	c.Helper()
	all := c.dump()
	delete(all, ports.Tries.Name)
	delete(all, ports.StoreKeys.Name)
	return all
}

func refusedAccounts(c *community) {
	ada, eve, out := c.join("ada"), c.admin("eve"), c.join("out")
	left, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: out.Email, Password: password})
	if err != nil {
		c.Fatal(err)
	}
	c.must(c.change(eve.ID, out.ID, moderation.AccountChange{IsActive: ptr(false)}))
	up := func(in users.SignUp) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.accounts.SignUp(c.ctx, in, key)
			return err
		}
	}
	in := func(email, password string) func(idempotency.Key) error {
		return func(idempotency.Key) error {
			_, err := c.accounts.SignIn(c.ctx, users.SignIn{Email: email, Password: password})
			return err
		}
	}
	c.refuse([]refusal{
		{"a sign-up with an address that is taken", users.ErrEmailTaken,
			up(users.SignUp{Name: "b", Email: "ADA@example.org", Password: password})},
		{"a sign-up without a name", fault.Invalid, up(users.SignUp{Email: "b@example.org", Password: password})},
		{"a sign-up without an address", fault.Invalid, up(users.SignUp{Name: "b", Email: "b", Password: password})},
		{"a sign-up with a short password", fault.Invalid,
			up(users.SignUp{Name: "b", Email: "b@example.org", Password: "short"})},
		{"a wrong password", users.ErrSignIn, in(ada.Email, "wrong horse")},
		{"an unknown address", users.ErrSignIn, in("unknown@example.org", password)},
		{"an unknown refresh token", users.ErrRefresh, func(idempotency.Key) error {
			_, err := c.accounts.Refresh(c.ctx, "unknown")
			return err
		}},
		{"a refresh token of an inactive user", users.ErrRefresh, func(idempotency.Key) error {
			_, err := c.accounts.Refresh(c.ctx, left.RefreshToken)
			return err
		}},
		{"a sign-in of an inactive user", users.ErrSignIn, in(out.Email, password)},
		{"an unknown reset", fault.Invalid, func(idempotency.Key) error {
			return c.accounts.ResetPassword(c.ctx, "unknown", password, users.Device{})
		}},
		{"a wrong current password", fault.Invalid, func(idempotency.Key) error {
			return c.accounts.ChangePassword(c.ctx, ada.ID, "wrong horse", "another horse", users.Device{})
		}},
		{"an empty name", fault.Invalid, func(idempotency.Key) error {
			_, err := c.accounts.ChangeMe(c.ctx, ada.ID, users.Change{Name: ptr(""), Bio: ptr("kept?")})
			return err
		}},
		{"an erasure with a wrong password", fault.Invalid, func(idempotency.Key) error {
			return c.privacy.Erase(c.ctx, ada.ID, "wrong horse", users.Device{})
		}},
		{"an erasure of the last admin", users.ErrLastAdmin, func(idempotency.Key) error {
			return c.privacy.Erase(c.ctx, eve.ID, password, users.Device{})
		}},
	})
}

func refusedMatching(c *community) {
	ada, eve := c.join("ada"), c.admin("eve")
	create := func(by users.User, change matching.InterestChange) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.matching.CreateInterest(c.ctx, by.ID, change, key)
			return err
		}
	}
	change := func(by users.User, interest id.Interest, change matching.InterestChange) func(idempotency.Key) error {
		return func(idempotency.Key) error {
			_, err := c.matching.ChangeInterest(c.ctx, by.ID, interest, change)
			return err
		}
	}
	save := func(p matching.Profile, interests ...id.Interest) func(idempotency.Key) error {
		return func(idempotency.Key) error {
			_, err := c.matching.SaveProfile(c.ctx, ada.ID, p, interests)
			return err
		}
	}
	chess, bridge := c.interest("chess"), c.interest("bridge")
	bridge.IsActive = false
	c.saveInterest(bridge)
	c.refuse([]refusal{
		{"an age of 17", fault.Invalid, save(matching.Profile{Age: 17})},
		{"an inactive interest", fault.Invalid, save(matching.Profile{Age: 40}, chess.ID, bridge.ID)},
		{"an unknown interest", fault.Invalid, save(matching.Profile{Age: 40}, id.Interest(c.ids.Next()))},
		{"an interest by a user who is no admin", users.ErrAdminsOnly,
			create(ada, matching.InterestChange{Name: ptr("opera")})},
		{"an interest without a name", fault.Invalid, create(eve, matching.InterestChange{})},
		{"an interest whose name is taken", matching.ErrInterestTaken,
			create(eve, matching.InterestChange{Name: ptr("CHESS")})},
		{"a change by a user who is no admin", users.ErrAdminsOnly,
			change(ada, chess.ID, matching.InterestChange{Name: ptr("opera")})},
		{"a change of an interest that does not exist", matching.ErrInterestNotFound,
			change(eve, id.Interest(c.ids.Next()), matching.InterestChange{Name: ptr("opera")})},
		{"a change to a name that is taken", matching.ErrInterestTaken,
			change(eve, bridge.ID, matching.InterestChange{Name: ptr("Chess")})},
		{"a change to no name", fault.Invalid,
			change(eve, bridge.ID, matching.InterestChange{Name: ptr(" "), IsActive: ptr(true)})},
	})
}

func refusedMessaging(c *community) {
	ada, ben, cleo, eve := c.join("ada"), c.join("ben"), c.join("cleo"), c.admin("eve")
	shy, out, foe, poor := c.join("shy"), c.join("out"), c.join("foe"), c.join("poor")
	talk, toFoe, toOut, fromPoor := c.talk(ada, ben), c.talk(ada, foe), c.talk(ada, out), c.talk(poor, ben)
	elsewhere, err := c.messaging.Send(c.ctx, poor.ID, fromPoor.ID, messaging.Draft{Content: "hello"}, "")
	if err != nil {
		c.Fatal(err)
	}
	if _, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: "hello"}, "taken"); err != nil {
		c.Fatal(err)
	}
	c.must(c.moderation.Block(c.ctx, foe.ID, ada.ID))
	c.must(c.moderation.Block(c.ctx, cleo.ID, ben.ID))
	c.must(c.change(eve.ID, out.ID, moderation.AccountChange{IsActive: ptr(false)}))
	c.must(c.grant(eve, poor, tokens.Penalty, -50))
	if _, err := c.matching.SaveProfile(c.ctx, shy.ID, matching.Profile{FirstName: "shy"}, nil); err != nil {
		c.Fatal(err)
	}
	open := func(by, local users.User) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.messaging.Open(c.ctx, by.ID, local.ID, key)
			return err
		}
	}
	send := func(by users.User, talk messaging.Conversation, d messaging.Draft) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.messaging.Send(c.ctx, by.ID, talk.ID, d, key)
			return err
		}
	}
	hello := messaging.Draft{Content: "hello"}
	c.refuse([]refusal{
		{"opening with oneself", fault.Invalid, open(ada, ada)},
		{"opening with a user who is not searchable", messaging.ErrNobody, open(ada, shy)},
		{"opening with an inactive user", messaging.ErrNobody, open(cleo, out)},
		{"opening after a block", messaging.ErrNobody, open(ben, cleo)},
		{"opening while inactive", users.ErrNotSignedIn, open(out, ben)},
		{"sending to a conversation of others", messaging.ErrNotFound, send(cleo, talk, hello)},
		{"sending to a conversation of others as an admin", messaging.ErrNotFound, send(eve, talk, hello)},
		{"sending to a conversation that does not exist", messaging.ErrNotFound,
			send(ada, c.newConversation(ada.ID, ben.ID), hello)},
		{"sending nothing", fault.Invalid, send(ada, talk, messaging.Draft{})},
		{"sending an attachment that is no image", fault.Invalid,
			send(ada, talk, messaging.Draft{Content: "look", Attachment: dataURL([]byte("GIF89a"))})},
		{"sending without tokens", tokens.ErrTooFewTokens,
			send(poor, fromPoor, messaging.Draft{Content: "look", Attachment: dataURL(png)})},
		{"sending after a block", messaging.ErrClosed, send(ada, toFoe, hello)},
		{"sending to an inactive user", messaging.ErrClosed, send(ada, toOut, hello)},
		{"sending while inactive", users.ErrNotSignedIn, send(out, toOut, hello)},
		{"sending another message under a used key", idempotency.ErrKeyReused, func(idempotency.Key) error {
			return send(ada, talk, messaging.Draft{Content: "else"})("taken")
		}},
		{"opening under the key of a message", idempotency.ErrKeyReused, func(idempotency.Key) error {
			return open(ada, cleo)("taken")
		}},
		{"reading up to a message of another conversation", fault.Invalid, func(key idempotency.Key) error {
			_, err := c.messaging.Read(c.ctx, ada.ID, talk.ID, elsewhere.ID, key)
			return err
		}},
		{"reading in a conversation of others", messaging.ErrNotFound, func(key idempotency.Key) error {
			_, err := c.messaging.Read(c.ctx, cleo.ID, fromPoor.ID, elsewhere.ID, key)
			return err
		}},
	})
}

func refusedProposals(c *community) {
	ada, ben, cleo, foe := c.join("ada"), c.join("ben"), c.join("cleo"), c.join("foe")
	talk, toFoe := c.talk(ada, ben), c.talk(ada, foe)
	c.must(c.moderation.Block(c.ctx, ada.ID, foe.ID))
	propose := func(
		by users.User, talk messaging.Conversation, change func(*reservations.Proposal),
	) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			p := aWalk(10, 0)
			change(&p)
			_, err := c.reservations.Propose(c.ctx, by.ID, talk.ID, p, key)
			return err
		}
	}
	as := func(p *reservations.Proposal) {}
	c.refuse([]refusal{
		{"a proposal for the past", fault.Invalid, propose(ada, talk, func(p *reservations.Proposal) {
			p.Date = noon
		})},
		{"a proposal that ends as it begins", fault.Invalid, propose(ada, talk, func(p *reservations.Proposal) {
			p.EndDate = p.Date
		})},
		{"a proposal without a title", fault.Invalid, propose(ada, talk, func(p *reservations.Proposal) {
			p.Title = ""
		})},
		{"a proposal by a user outside the conversation", messaging.ErrNotFound, propose(cleo, talk, as)},
		{"a proposal in a conversation that does not exist", messaging.ErrNotFound,
			propose(ada, c.newConversation(ada.ID, ben.ID), as)},
		{"a proposal to a user whom the caller blocks", messaging.ErrClosed, propose(ada, toFoe, as)},
		{"a proposal to a user who blocks the caller", messaging.ErrClosed, propose(foe, toFoe, as)},
	})
}

func refusedMoves(c *community) {
	ada, ben, cleo, eve, foe := c.join("ada"), c.join("ben"), c.join("cleo"), c.admin("eve"), c.join("foe")
	talk, toFoe := c.talk(ada, ben), c.talk(ada, foe)
	past := c.propose(talk, aWalk(1, -1000))
	running := c.accept(c.propose(talk, aWalk(1, -500)))
	accepted := c.accept(c.propose(talk, aWalk(1, 60)))
	clash, costly := c.propose(talk, aWalk(1, 30)), c.propose(talk, aWalk(1000, 500))
	declined, closed := c.propose(talk, aWalk(1, 0)), c.propose(toFoe, aWalk(1, 0))
	if _, err := c.reservations.Decline(c.ctx, ben.ID, declined.ID, ""); err != nil {
		c.Fatal(err)
	}
	c.must(c.moderation.Block(c.ctx, foe.ID, ada.ID))
	c.clock.set(running.Date)
	accept := func(by users.User, r reservations.Reservation) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.reservations.Accept(c.ctx, by.ID, r.ID, key)
			return err
		}
	}
	decline := func(by users.User, r reservations.Reservation) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.reservations.Decline(c.ctx, by.ID, r.ID, key)
			return err
		}
	}
	cancel := func(by users.User, r reservations.Reservation) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.reservations.Cancel(c.ctx, by.ID, r.ID, key)
			return err
		}
	}
	c.refuse([]refusal{
		{"accepting one's own", reservations.ErrStatus, accept(ada, clash)},
		{"accepting as a user outside the conversation", reservations.ErrNotFound, accept(cleo, clash)},
		{"accepting as an admin", reservations.ErrNotFound, accept(eve, clash)},
		{"accepting a reservation that does not exist", reservations.ErrNotFound,
			accept(ben, c.newReservation(talk, 0))},
		{"accepting one that overlaps", reservations.ErrOverlap, accept(ben, clash)},
		{"accepting a reservation that the voyager cannot pay", tokens.ErrTooFewTokens, accept(ben, costly)},
		{"accepting a past reservation", reservations.ErrStatus, accept(ben, past)},
		{"accepting a declined reservation", reservations.ErrStatus, accept(ben, declined)},
		{"accepting an accepted reservation", reservations.ErrStatus, accept(ben, accepted)},
		{"accepting after a block", messaging.ErrClosed, accept(foe, closed)},
		{"declining one's own", reservations.ErrStatus, decline(ada, clash)},
		{"declining as a user outside the conversation", reservations.ErrNotFound, decline(cleo, clash)},
		{"declining an accepted reservation", reservations.ErrStatus, decline(ben, accepted)},
		{"withdrawing another's", reservations.ErrStatus, cancel(ben, clash)},
		{"cancelling as a user outside the conversation", reservations.ErrNotFound, cancel(cleo, accepted)},
		{"cancelling a reservation that has begun", reservations.ErrStatus, cancel(ada, running)},
		{"cancelling a declined reservation", reservations.ErrStatus, cancel(ada, declined)},
	})
}

func refusedModeration(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	unknown := id.User(c.ids.Next())
	report := func(whom id.User, reason string) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			_, err := c.moderation.Report(c.ctx, ada.ID, moderation.ReportInput{ReportedUserID: whom, Reason: reason},
				key)
			return err
		}
	}
	c.must(report(ben.ID, "rude")(""))
	c.refuse([]refusal{
		{"a report of oneself", fault.Invalid, report(ada.ID, "rude")},
		{"a report without a reason", fault.Invalid, report(ben.ID, "")},
		{"a report of an unknown user", users.ErrNotFound, report(unknown, "rude")},
		{"a second report", moderation.ErrReportPending, report(ben.ID, "rude again")},
		{"a block of oneself", fault.Invalid, func(idempotency.Key) error {
			return c.moderation.Block(c.ctx, ada.ID, ada.ID)
		}},
		{"a block of an unknown user", users.ErrNotFound, func(idempotency.Key) error {
			return c.moderation.Block(c.ctx, ada.ID, unknown)
		}},
		{"a block by an unknown user", users.ErrNotSignedIn, func(idempotency.Key) error {
			return c.moderation.Block(c.ctx, unknown, ada.ID)
		}},
	})
}

func refusedAdmins(c *community) {
	ada, ben, eve, gone := c.join("ada"), c.join("ben"), c.admin("eve"), c.join("gone")
	c.must(c.privacy.Erase(c.ctx, gone.ID, password, users.Device{}))
	c.must(c.grant(eve, ben, tokens.Penalty, -50))
	filed, err := c.moderation.Report(c.ctx, ada.ID, moderation.ReportInput{ReportedUserID: ben.ID, Reason: "rude"}, "")
	if err != nil {
		c.Fatal(err)
	}
	resolve := moderation.ReportChange{Status: ptr(moderation.Resolved)}
	if _, err := c.moderation.ChangeReport(c.ctx, eve.ID, filed.ID, resolve); err != nil {
		c.Fatal(err)
	}
	post := func(by, user users.User, kind tokens.Type, amount int64) func(idempotency.Key) error {
		return func(key idempotency.Key) error {
			a := moderation.Adjustment{Type: kind, Amount: amount, Reason: "for the test"}
			_, err := c.moderation.PostTokens(c.ctx, by.ID, user.ID, a, key)
			return err
		}
	}
	change := func(by, user users.User, change moderation.AccountChange) func(idempotency.Key) error {
		return func(idempotency.Key) error { return c.change(by.ID, user.ID, change) }
	}
	report := func(by users.User, report id.Report, change moderation.ReportChange) func(idempotency.Key) error {
		return func(idempotency.Key) error {
			_, err := c.moderation.ChangeReport(c.ctx, by.ID, report, change)
			return err
		}
	}
	off := moderation.AccountChange{IsActive: ptr(false)}
	c.refuse([]refusal{
		{"posting as a user who is no admin", users.ErrAdminsOnly, post(ada, ben, tokens.Bonus, 5)},
		{"posting to oneself", moderation.ErrOwnTokens, post(eve, eve, tokens.Bonus, 5)},
		{"posting to an unknown user", users.ErrNotFound, post(eve, c.newUser("unknown"), tokens.Bonus, 5)},
		{"posting a type that admins cannot post", fault.Invalid, post(eve, ada, tokens.Refund, 5)},
		{"a penalty with a positive amount", fault.Invalid, post(eve, ada, tokens.Penalty, 5)},
		{"a debit beyond the balance", tokens.ErrTooFewTokens, post(eve, ada, tokens.Withdrawal, -51)},
		{"a penalty on an empty wallet", tokens.ErrTooFewTokens, post(eve, ben, tokens.Penalty, -1)},
		{"more than a wallet holds", tokens.ErrTooManyTokens, post(eve, ada, tokens.Deposit, tokens.MaxAmount)},
		{"changing a user as a user who is no admin", users.ErrAdminsOnly, change(ada, ben, off)},
		{"changing an unknown user", users.ErrNotFound, change(eve, c.newUser("unknown"), off)},
		{"changing one's own role", users.ErrOwnRole,
			change(eve, eve, moderation.AccountChange{Role: ptr(users.RoleUser)})},
		{"deactivating the last admin", users.ErrLastAdmin, change(eve, eve, off)},
		{"reactivating an erased user", users.ErrErased,
			change(eve, gone, moderation.AccountChange{IsActive: ptr(true)})},
		{"a role that does not exist", fault.Invalid,
			change(eve, ada, moderation.AccountChange{Role: ptr(users.Role("king"))})},
		{"moving a report as a user who is no admin", users.ErrAdminsOnly,
			report(ada, filed.ID, moderation.ReportChange{Notes: ptr("x")})},
		{"moving a report back", moderation.ErrReportMove,
			report(eve, filed.ID, moderation.ReportChange{Status: ptr(moderation.Reviewed), Notes: ptr("x")})},
		{"moving a report that does not exist", moderation.ErrReportNotFound,
			report(eve, id.Report(c.ids.Next()), moderation.ReportChange{Notes: ptr("x")})},
	})
}

// refusedRefresh tests the one refusal that commits a change: a late second use of a refresh token
// revokes its session.
func refusedRefresh(c *community) {
	in, err := c.accounts.SignUp(c.ctx, signUp("ada"), "")
	if err != nil {
		c.Fatal(err)
	}
	second, err := c.accounts.Refresh(c.ctx, in.RefreshToken)
	if err != nil {
		c.Fatal(err)
	}
	c.clock.set(noon.Add(time.Minute))
	if _, err := c.accounts.Refresh(c.ctx, in.RefreshToken); !errors.Is(err, users.ErrRefresh) {
		c.Errorf("a second use of a refresh token returned %v", err)
	}
	if _, err := c.accounts.Authenticate(c.ctx, second.AccessToken); !errors.Is(err, users.ErrNotSignedIn) {
		c.Errorf("authenticating with the session after that returned %v", err)
	}
	if _, err := c.accounts.Refresh(c.ctx, second.RefreshToken); !errors.Is(err, users.ErrRefresh) {
		c.Errorf("using the newest refresh token after that returned %v", err)
	}
}
