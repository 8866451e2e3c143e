package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// sightTests tests who sees whom, everywhere where a user sees another one.
var sightTests = []test{
	{"a correspondent is recorded once", correspondentOnce},
	{"unread messages are counted up to a maximum", unreadCounted},
	{"of every user, a viewer sees what the facts allow", inCommunity(everySight)},
}

func correspondentOnce(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	add := func(user, reader id.User) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			return tx.Matching().AddCorrespondent(ctx, matching.Correspondent{UserID: user, ReaderID: reader})
		})
	}
	wrote := func(user, viewer id.User) bool {
		return read(f, func(ctx context.Context, tx ports.Tx) (matching.Sight, error) {
			return tx.Matching().Sight(ctx, viewer, user)
		}).Wrote
	}
	f.allConcurrently(8, func(int) error { return add(ada.ID, ben.ID) })
	if err := add(ada.ID, ben.ID); err != nil {
		f.Errorf("adding a correspondent again returned %v", err)
	}
	f.rowCount(ports.Correspondents, 1)
	f.same("that a user has written: ada to ben, ben to ada, ada to cleo",
		[]bool{wrote(ada.ID, ben.ID), wrote(ben.ID, ada.ID), wrote(ada.ID, cleo.ID)}, []bool{true, false, false})
	unknown := id.User(f.ids.Next())
	f.same("what is seen of an unknown user", read(f, func(ctx context.Context, tx ports.Tx) (matching.Sight, error) {
		return tx.Matching().Sight(ctx, ada.ID, unknown)
	}), matching.Sight{})
	f.same("the number of people that exist", len(read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Person, error) {
		return tx.Matching().People(ctx, ada.ID, ben.ID, unknown, cleo.ID)
	})), 2)
}

func unreadCounted(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	talk, other := f.conversation(ada, ben), f.conversation(cleo, ada)
	unread := func() []int {
		total := read(f, func(ctx context.Context, tx ports.Tx) (int, error) { return tx.Messaging().Unread(ctx, ada.ID) })
		return []int{total, f.overview(talk, ada).Unread, f.overview(other, ada).Unread}
	}
	f.message(talk, ada, noon)
	f.message(other, cleo, noon)
	f.same("the unread messages in all, with Ben and with Cleo", unread(), []int{1, 0, 1})
	f.do(func(ctx context.Context, tx ports.Tx) error {
		for i := range messaging.MaxUnread + 1 {
			m := f.newMessage(talk, ben.ID, noon.Add(time.Duration(i)*time.Millisecond))
			if err := tx.Messaging().AddMessage(ctx, m, nil); err != nil {
				return err
			}
		}
		return nil
	})
	f.same("the unread messages of one more than the maximum", unread(), []int{messaging.MaxUnread, messaging.MaxUnread, 1})
	f.block(cleo.ID, ada.ID)
	f.block(ada.ID, ben.ID)
	f.same("the unread messages without those of a blocked user", unread(), []int{1, 0, 1})
}

// encounter is a user whom the viewer may see, and what the two have to do with each other.
type encounter struct {
	user                id.User
	state               string // active, inactive, suspended or erased
	shared              string // a conversation: none, silent, theyWrote or iWrote
	iBlock, theyBlock   bool
	searchable, voyager bool // voyager is the viewer's role in the conversation
	talk                messaging.Conversation
	booked              reservations.Reservation
}

// encounters returns every combination.
func encounters() (all []*encounter) {
	for _, state := range []string{"active", "inactive", "suspended", "erased"} {
		for _, shared := range []string{"none", "silent", "theyWrote", "iWrote"} {
			for blocks := range 4 {
				for _, searchable := range []bool{true, false} {
					all = append(all, &encounter{
						state: state, shared: shared, iBlock: blocks&1 > 0, theyBlock: blocks&2 > 0, searchable: searchable,
						voyager: len(all)%5 == 0,
					})
				}
			}
		}
	}
	return all
}

func (e *encounter) String() string {
	return fmt.Sprintf("user (%s, conversation %s, I block %t, they block %t, searchable %t)",
		e.state, e.shared, e.iBlock, e.theyBlock, e.searchable)
}

// sight returns what decides what the viewer sees. An erasure removes the profile and the blocks
// that the user made.
func (e *encounter) sight() matching.Sight {
	there := e.state != "erased"
	return matching.Sight{
		Active: e.state == "active", Blocked: e.iBlock || e.theyBlock && there, Searchable: e.searchable && there,
		Wrote: e.shared == "theyWrote",
	}
}

func (e *encounter) person() matching.Person {
	p := matching.Profile{FirstName: "Somebody", ImageURL: "https://example.org/face"}
	if e.state == "erased" {
		p.FirstName = users.DeletedName
	}
	return e.sight().Person(users.User{ID: e.user}, p)
}

func (e *encounter) unread() int {
	if e.shared == "theyWrote" && !e.iBlock {
		return 1
	}
	return 0
}

// meet makes the encounter happen, through the services.
func (c *community) meet(viewer, admin users.User, e *encounter, n int) {
	c.Helper()
	u := c.join(fmt.Sprint("person", n))
	e.user = u.ID
	if e.shared != "none" {
		voyager, local := u, viewer
		if e.voyager {
			voyager, local = viewer, u
		}
		e.talk = c.talk(voyager, local)
		v, err := c.reservations.Propose(c.ctx, viewer.ID, e.talk.ID, aWalk(0, n), "")
		c.must(err)
		e.booked = v.Reservation
	}
	if sender := map[string]id.User{"theyWrote": u.ID, "iWrote": viewer.ID}[e.shared]; !sender.IsZero() {
		_, err := c.messaging.Send(c.ctx, sender, e.talk.ID, messaging.Draft{Content: "hello"}, "")
		c.must(err)
	}
	_, err := c.matching.SaveProfile(c.ctx, u.ID, matching.Profile{
		FirstName: "Somebody", LastName: "Secret", ImageURL: "https://example.org/face", IsSearchable: e.searchable,
	}, nil)
	c.must(err)
	if e.iBlock {
		c.must(c.moderation.Block(c.ctx, viewer.ID, u.ID))
	}
	if e.theyBlock {
		c.must(c.moderation.Block(c.ctx, u.ID, viewer.ID))
	}
	switch e.state {
	case "inactive":
		c.must(c.change(admin.ID, u.ID, moderation.AccountChange{IsActive: ptr(false)}))
	case "suspended":
		_, err := c.moderation.Impose(c.ctx, admin.ID, u.ID, moderation.SanctionInput{Kind: moderation.Suspension, Reason: "rude"}, "")
		c.must(err)
	case "erased":
		c.must(c.privacy.Erase(c.ctx, u.ID, password, users.Device{}))
	}
}

func everySight(c *community) {
	admin, viewer := c.admin("admin"), c.join("viewer")
	all := encounters()
	byUser := map[id.User]*encounter{}
	for i, e := range all {
		c.meet(viewer, admin, e, i)
		byUser[e.user] = e
	}
	c.seesFacts(viewer, all)
	c.seesInSearch(viewer, all)
	c.seesProfiles(viewer, all)
	c.seesConversations(viewer, all)
	c.seesReservations(viewer, all)
	c.seesBlocks(viewer, all)
	c.seesReports(viewer, all)
	c.seesInExport(viewer, byUser)
	c.seenByOthers(viewer, all)
	c.must(c.change(admin.ID, viewer.ID, moderation.AccountChange{IsActive: ptr(false)}))
	c.seesNothing(viewer, all)
}

func (c *community) seesFacts(viewer users.User, all []*encounter) {
	ids := make([]id.User, len(all))
	for i, e := range all {
		ids[i] = e.user
		c.same(e.String(), read(c.fixture, func(ctx context.Context, tx ports.Tx) (matching.Sight, error) {
			return tx.Matching().Sight(ctx, viewer.ID, e.user)
		}), e.sight())
	}
	people := read(c.fixture, func(ctx context.Context, tx ports.Tx) (map[id.User]matching.Person, error) {
		return matching.PeopleSeen(ctx, tx, viewer.ID, ids...)
	})
	for _, e := range all {
		c.same(e.String()+" among people", people[e.user], e.person())
	}
}

func (c *community) seesInSearch(viewer users.User, all []*encounter) {
	found, err := page.All(matching.PlaceOfMatch, func(after *matching.Rank, limit int) ([]matching.Match, error) {
		p, err := c.matching.Matches(c.ctx, viewer.ID, matching.Search{}, page.Request[matching.Rank]{After: after, Limit: limit})
		return p.Items, err
	})
	c.must(err)
	there := map[id.User]bool{}
	for _, m := range found {
		there[m.Profile.UserID] = true
	}
	for _, e := range all {
		c.same(e.String()+" in a search", there[e.user], e.sight().Findable())
	}
}

func (c *community) seesProfiles(viewer users.User, all []*encounter) {
	for _, e := range all {
		p, err := c.matching.ProfileOf(c.ctx, viewer.ID, e.user)
		switch {
		case !e.sight().Profile() && errors.Is(err, matching.ErrProfileNotFound):
		case !e.sight().Profile() || err != nil:
			c.Errorf("the profile of a %v: got %+v, error %v", e, p.Profile, err)
		default:
			c.same("the names in the profile of a "+e.String(), []string{p.Profile.FirstName, p.Profile.LastName}, []string{"Somebody", ""})
		}
	}
}

func (c *community) seesConversations(viewer users.User, all []*encounter) {
	listed, err := page.All(messaging.PlaceOfOverview, func(after *page.Moment, limit int) ([]messaging.Overview, error) {
		p, err := c.messaging.Conversations(c.ctx, viewer.ID, page.Request[page.Moment]{After: after, Limit: limit})
		return p.Items, err
	})
	c.must(err)
	sum, there := 0, map[id.User]messaging.Overview{}
	for _, o := range listed {
		there[o.Other.UserID] = o
		sum += o.Unread
	}
	for _, e := range all {
		o, found := there[e.user]
		c.same("a conversation with a "+e.String()+" in the list", found, e.shared != "none")
		if !found {
			continue
		}
		seen := []any{o.Other, o.Unread, o.Closed}
		c.same("a conversation with a "+e.String(), seen, []any{e.person(), e.unread(), !e.sight().Reachable()})
		o, err := c.messaging.Conversation(c.ctx, viewer.ID, o.Conversation.ID)
		c.kept("the page of that conversation", []any{o.Other, o.Unread, o.Closed}, seen, err)
		if o.Closed {
			_, err = c.messaging.Send(c.ctx, viewer.ID, e.talk.ID, messaging.Draft{Content: "hello?"}, "")
			c.same("that a message to a "+e.String()+" is refused", errors.Is(err, messaging.ErrClosed), true)
		}
		if !e.voyager {
			continue
		}
		opened, err := c.messaging.Open(c.ctx, viewer.ID, e.user, "")
		c.kept("that conversation opened again", []any{opened.Overview.Other, opened.Overview.Unread, opened.Overview.Closed}, seen, err)
	}
	n, err := c.messaging.Unread(c.ctx, viewer.ID)
	c.kept("the number of unread messages", n, sum, err)
}

func (c *community) seesReservations(viewer users.User, all []*encounter) {
	mine, err := c.reservations.Mine(c.ctx, viewer.ID, reservations.Agenda{}, page.Request[page.Moment]{Limit: page.MaxLimit})
	c.must(err)
	listed := map[id.Reservation]matching.Person{}
	for _, v := range mine.Items {
		listed[v.ID] = v.Other
	}
	for _, e := range all {
		if e.shared == "none" {
			continue
		}
		c.same("a reservation with a "+e.String(), listed[e.booked.ID], e.person())
		v, err := c.reservations.Reservation(c.ctx, viewer.ID, e.booked.ID)
		c.kept("the page of that reservation", v.Other, e.person(), err)
		in, err := c.reservations.InConversation(c.ctx, viewer.ID, e.talk.ID, page.Request[page.Moment]{})
		c.must(err)
		c.same("that reservation in its conversation", in.Items[0].Other, e.person())
		if e.state == "erased" { // the erasure has cancelled it
			continue
		}
		v, err = c.reservations.Cancel(c.ctx, viewer.ID, e.booked.ID, "")
		c.kept("that reservation withdrawn", v.Other, e.person(), err)
	}
}

func (c *community) seesBlocks(viewer users.User, all []*encounter) {
	blocks, err := c.matching.Blocks(c.ctx, viewer.ID, page.Request[page.Moment]{Limit: page.MaxLimit})
	c.must(err)
	there := map[id.User]matching.Person{}
	for _, b := range blocks.Items {
		there[b.Block.BlockedUserID] = b.Person
	}
	for _, e := range all {
		if p, found := there[e.user]; found || e.iBlock {
			c.same("a block of a "+e.String(), p, e.person())
		}
	}
}

// seesReports files a report about each user: whom a user sees does not matter, and a report shows
// no more than the id.
func (c *community) seesReports(viewer users.User, all []*encounter) {
	for _, e := range all {
		r, err := c.moderation.Report(c.ctx, viewer.ID, moderation.ReportInput{ReportedUserID: e.user, Reason: "rude"}, "")
		want := moderation.Report{
			ID: r.ID, ReporterID: viewer.ID, ReportedUserID: e.user, Reason: "rude", Status: moderation.Pending, CreatedAt: noon,
		}
		c.kept("a report about a "+e.String(), r, want, err)
	}
}

func (c *community) seesInExport(viewer users.User, byUser map[id.User]*encounter) {
	export, err := c.privacy.Export(c.ctx, users.Caller{UserID: viewer.ID})
	c.must(err)
	conversations, err := page.Collect(export.Conversations)
	c.must(err)
	reserved, err := page.Collect(export.Reservations)
	c.must(err)
	blocks, err := page.Collect(export.Blocks)
	c.must(err)
	reports, err := page.Collect(export.Reports)
	c.must(err)
	for _, talk := range conversations {
		e, o := byUser[talk.Overview.Other.UserID], talk.Overview
		c.same("an exported conversation with a "+e.String(), []any{o.Other, o.Unread, o.Closed},
			[]any{e.person(), e.unread(), !e.sight().Reachable()})
	}
	for _, v := range reserved {
		c.same("an exported reservation with a "+byUser[v.Other.UserID].String(), v.Other, byUser[v.Other.UserID].person())
	}
	for _, b := range blocks {
		c.same("an exported block of a "+byUser[b.Person.UserID].String(), b.Person, byUser[b.Person.UserID].person())
	}
	c.same("the number of exported conversations, reservations, blocks and reports",
		[]int{len(conversations), len(reserved), len(blocks), len(reports)}, []int{96, 96, 64, 128})
}

// seenByOthers lets the active users look at the viewer, whose profile is not searchable.
func (c *community) seenByOthers(viewer users.User, all []*encounter) {
	_, err := c.matching.SaveProfile(c.ctx, viewer.ID, matching.Profile{FirstName: "Viewer", ImageURL: "https://example.org/me"}, nil)
	c.must(err)
	for _, e := range all {
		if e.state != "active" {
			continue
		}
		sight := matching.Sight{Active: true, Blocked: e.iBlock || e.theyBlock, Wrote: e.shared == "iWrote"}
		_, err := c.matching.ProfileOf(c.ctx, e.user, viewer.ID)
		c.same("that a "+e.String()+" sees the viewer's profile", err == nil, sight.Profile())
		if e.shared == "none" {
			continue
		}
		o, err := c.messaging.Conversation(c.ctx, e.user, e.talk.ID)
		want := sight.Person(viewer, matching.Profile{FirstName: "Viewer", ImageURL: "https://example.org/me"})
		c.kept("the viewer in a conversation with a "+e.String(), []any{o.Other, o.Closed, o.Unread},
			[]any{want, !sight.Reachable(), map[bool]int{true: 1}[e.shared == "iWrote" && !e.theyBlock]}, err)
		if !sight.Reachable() {
			continue
		}
		proposed, err := c.reservations.Propose(c.ctx, viewer.ID, e.talk.ID, aWalk(0, 5000), "")
		c.kept("a "+e.String()+" in the answer to a proposal", proposed.Other, e.person(), err)
		declined, err := c.reservations.Decline(c.ctx, e.user, proposed.ID, "")
		c.kept("the viewer in the answer when a "+e.String()+" declines", declined.Other, want, err)
	}
}

// seesNothing checks that an inactive viewer sees nobody.
func (c *community) seesNothing(viewer users.User, all []*encounter) {
	e := all[2*4*2] // active, who shares a conversation
	for name, err := range map[string]error{
		"search":        second(c.matching.Matches(c.ctx, viewer.ID, matching.Search{}, page.Request[matching.Rank]{})),
		"profile":       second(c.matching.ProfileOf(c.ctx, viewer.ID, e.user)),
		"conversations": second(c.messaging.Conversations(c.ctx, viewer.ID, page.Request[page.Moment]{})),
		"conversation":  second(c.messaging.Conversation(c.ctx, viewer.ID, e.talk.ID)),
		"unread":        second(c.messaging.Unread(c.ctx, viewer.ID)),
		"reservations":  second(c.reservations.Mine(c.ctx, viewer.ID, reservations.Agenda{}, page.Request[page.Moment]{})),
		"reservation":   second(c.reservations.Reservation(c.ctx, viewer.ID, e.booked.ID)),
		"blocks":        second(c.matching.Blocks(c.ctx, viewer.ID, page.Request[page.Moment]{})),
		"export":        second(c.privacy.Export(c.ctx, users.Caller{UserID: viewer.ID})),
	} {
		if !errors.Is(err, users.ErrNotSignedIn) {
			c.Errorf("%s of an inactive viewer returned %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
