package porttest

import (
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

func exactPrices(c *community) {
	talk := c.talk(c.join("ada"), c.join("ben"))
	begin := noon.Add(24 * time.Hour)
	for typed, want := range map[string]struct {
		price  string
		tokens int64
	}{
		"0": {"0.00", 0}, "0.01": {"0.01", 1}, "0.1": {"0.10", 1}, "1.10": {"1.10", 2}, "8.00": {"8.00", 8},
		"4503599.63": {"4503599.63", 4503600}, "99999999.99": {"99999999.99", 100000000},
	} {
		r := c.propose(talk, reservations.Proposal{Title: "a walk", Price: price(typed), Date: begin, EndDate: begin.Add(time.Hour)})
		r = c.reservationOf(r)
		c.same("the price and tokens of "+typed, fmt.Sprint(r.Price, " ", r.Tokens), fmt.Sprint(want.price, " ", want.tokens))
	}
}

func pastProposals(c *community) {
	talk := c.talk(c.join("ada"), c.join("ben"))
	p := aWalk(1, 0)
	c.clock.set(p.Date)
	_, err := c.reservations.Propose(c.ctx, talk.VoyagerID, talk.ID, p, "")
	c.invalid("a proposal that begins now", err)
	c.clock.set(p.Date.Add(-time.Millisecond))
	r := c.propose(talk, p)
	c.clock.set(p.Date)
	if _, err := c.reservations.Accept(c.ctx, talk.LocalID, r.ID, ""); !errors.Is(err, reservations.ErrStatus) {
		c.Errorf("accepting what has begun returned %v, want ErrStatus", err)
	}
}

// summerTime accepts the hours before and after the clocks of Paris go forward, as a client there
// writes them: 01:00+01:00 to 03:00+02:00 is one hour, and the next begins at its end.
func summerTime(c *community) {
	talk := c.talk(c.join("ada"), c.join("ben"))
	c.clock.set(time.Date(2031, 3, 29, 12, 0, 0, 0, time.UTC))
	winter, summer := time.FixedZone("CET", 3600), time.FixedZone("CEST", 7200)
	at := func(hour int, zone *time.Location) time.Time { return time.Date(2031, 3, 30, hour, 0, 0, 0, zone) }
	for _, hours := range [][2]time.Time{{at(1, winter), at(3, summer)}, {at(3, summer), at(4, summer)}} {
		p := reservations.Proposal{Title: "a walk", Price: price("1.00"), Date: hours[0], EndDate: hours[1]}
		r := c.accept(c.propose(talk, p))
		c.same("the length", r.EndDate.Sub(r.Date), time.Hour)
	}
	p := reservations.Proposal{Title: "a walk", Price: price("1.00"), Date: at(2, winter), EndDate: at(4, summer)}
	again := c.propose(talk, p)
	if _, err := c.reservations.Accept(c.ctx, talk.LocalID, again.ID, ""); !errors.Is(err, reservations.ErrOverlap) {
		c.Errorf("the second hour again returned %v, want ErrOverlap", err)
	}
}

func refundedOnce(c *community) {
	admin, talk := c.admin("admin"), c.talk(c.join("ada"), c.join("ben"))
	r := c.accept(c.propose(talk, aWalk(20, 0)))
	end := func(to reservations.Status) error {
		_, err := c.reservations.End(c.ctx, admin.ID, r.ID, reservations.Ending{Status: to, Reason: "for the test"})
		return err
	}
	cancel := func() error { _, err := c.reservations.Cancel(c.ctx, talk.VoyagerID, r.ID, ""); return err }
	c.must(cancel())
	for what, err := range map[string]error{
		"the voyager cancels again": cancel(), "an admin cancels": end(reservations.Cancelled),
		"an admin completes": end(reservations.Completed),
	} {
		if !errors.Is(err, reservations.ErrStatus) {
			c.Errorf("%s: %v, want ErrStatus", what, err)
		}
	}
	c.balanced(talk.VoyagerID, 50)
	c.balanced(talk.LocalID, 50)
}

func everythingFreed(c *community) {
	admin, talk := c.admin("admin"), c.talk(c.join("ada"), c.join("ben"))
	local, byAdmin, done := c.propose(talk, aWalk(5, 0)), c.propose(talk, aWalk(7, 60)), c.propose(talk, aWalk(11, 120))
	lapsed := c.propose(talk, aWalk(1, 150)) // begins before the last one ends
	for _, r := range []reservations.Reservation{local, byAdmin, done} {
		c.accept(r)
	}
	c.held(talk.VoyagerID, 27, 23)
	c.clock.set(byAdmin.Date.Add(time.Minute)) // two have begun
	if _, err := c.reservations.Cancel(c.ctx, talk.VoyagerID, local.ID, ""); !errors.Is(err, reservations.ErrStatus) {
		c.Errorf("the voyager cancels what has begun: %v, want ErrStatus", err)
	}
	_, err := c.reservations.Cancel(c.ctx, talk.LocalID, local.ID, "")
	c.must(err)
	c.held(talk.VoyagerID, 32, 18)
	_, err = c.reservations.End(c.ctx, admin.ID, byAdmin.ID, reservations.Ending{Status: reservations.Cancelled, Reason: "ill"})
	c.must(err)
	c.held(talk.VoyagerID, 39, 11)
	c.clock.set(done.EndDate)
	_, err = c.reservations.Settle(c.ctx)
	c.must(err)
	c.held(talk.VoyagerID, 39, 0)
	c.balanced(talk.LocalID, 61)
	c.same("the status of a proposal whose date has passed", c.statusOf(lapsed), reservations.Expired)
}

// held checks what a user can spend, and what accepted reservations hold.
func (c *community) held(user id.User, balance, held int64) {
	c.Helper()
	funds, err := c.reservations.Funds(c.ctx, user)
	c.must(err)
	c.same("the funds", funds, reservations.Funds{Balance: balance, Held: held})
}

func oneMomentPages(c *community) {
	local := c.join("local")
	want := map[id.Conversation]bool{}
	for i := range 5 {
		want[c.talk(c.join(fmt.Sprint("voyager", i)), local).ID] = true
	}
	var after *page.Moment
	for {
		p, err := c.messaging.Conversations(c.ctx, local.ID, page.Request[page.Moment]{After: after, Limit: 2})
		c.must(err)
		for _, o := range p.Items {
			if !want[o.Conversation.ID] {
				c.Errorf("%s is listed twice", o.Conversation.ID)
			}
			delete(want, o.Conversation.ID)
		}
		if after = p.Next; after == nil {
			break
		}
	}
	c.same("the conversations that no page has", len(want), 0)
}

func unreadCounts(c *community) {
	ada, ben := c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	var last messaging.Message
	for range 3 {
		var err error
		last, err = c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: "hello"}, "")
		c.must(err)
	}
	unread := func(of users.User, want int) {
		c.Helper()
		o, err := c.messaging.Conversation(c.ctx, of.ID, talk.ID)
		c.must(err)
		c.same("unread messages of "+of.Name, o.Unread, want)
	}
	unread(ben, 3)
	unread(ada, 0)
	n, err := c.messaging.Read(c.ctx, ada.ID, talk.ID, last.ID, "")
	c.must(err)
	c.same("own messages that are marked", n, 0)
	unread(ben, 3)
	for i, want := range []int{3, 0, 0} {
		n, err := c.messaging.Read(c.ctx, ben.ID, talk.ID, last.ID, "")
		c.must(err)
		c.same(fmt.Sprintf("marked at reading %d", i+1), n, want)
	}
	unread(ben, 0)
	unread(ada, 0)
}

func afterLeaving(c *community) {
	admin, ada, ben := c.admin("admin"), c.join("ada"), c.join("ben")
	talk := c.talk(ada, ben)
	sent, err := c.messaging.Send(c.ctx, ben.ID, talk.ID, messaging.Draft{Content: "I leave"}, "")
	c.must(err)
	report, err := c.moderation.Report(c.ctx, ada.ID, moderation.ReportInput{ReportedUserID: ben.ID, Reason: "rude"}, "")
	c.must(err)
	r := c.accept(c.propose(talk, aWalk(20, 0)))
	c.must(c.privacy.Erase(c.ctx, ben.ID, password, users.Device{}))

	history, err := c.messaging.Messages(c.ctx, ada.ID, talk.ID, page.Request[page.Moment]{})
	c.must(err)
	c.same("the history", len(history.Items), 1)
	n, err := c.messaging.Read(c.ctx, ada.ID, talk.ID, sent.ID, "")
	c.must(err)
	c.same("marked as read after that", n, 1)
	if _, err := c.messaging.Send(c.ctx, ada.ID, talk.ID, messaging.Draft{Content: "Why?"}, ""); !errors.Is(err, messaging.ErrClosed) {
		c.Errorf("sending to somebody who left returned %v, want ErrClosed", err)
	}
	c.same("the status of the reservation", c.statusOf(r), reservations.Cancelled)
	c.held(ada.ID, 50, 0)
	change := moderation.ReportChange{Status: ptr(moderation.Resolved), Notes: ptr("left")}
	moved, err := c.moderation.ChangeReport(c.ctx, admin.ID, report.ID, change)
	c.must(err)
	c.same("the reported user", moved.ReportedUserID, ben.ID)
	if err := c.grant(admin, ben, tokens.Bonus, 5); err != nil {
		c.Errorf("a credit for somebody who left returned %v", err)
	}
}
