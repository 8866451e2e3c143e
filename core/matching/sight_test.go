package matching_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestSight(t *testing.T) {
	for _, test := range []struct {
		sight                        matching.Sight
		reachable, findable, profile bool
	}{
		{matching.Sight{}, false, false, false},
		{matching.Sight{Active: true}, true, false, false},
		{matching.Sight{Active: true, Searchable: true}, true, true, true},
		{matching.Sight{Active: true, Wrote: true}, true, false, true},
		{matching.Sight{Active: true, Searchable: true, Wrote: true}, true, true, true},
		{matching.Sight{Active: true, Blocked: true, Searchable: true, Wrote: true}, false, false, false},
		{matching.Sight{Searchable: true, Wrote: true}, false, false, false},
	} {
		s := test.sight
		if s.Reachable() != test.reachable || s.Findable() != test.findable || s.Profile() != test.profile {
			t.Errorf("%+v: reachable %t, findable %t, profile %t", s, s.Reachable(), s.Findable(), s.Profile())
		}
		got := s.Person(users.User{Name: "Luca Rossi"}, matching.Profile{ImageURL: "https://example.org/luca"})
		if want := map[bool]string{true: "https://example.org/luca"}[test.profile]; got.FirstName != "Luca" || got.ImageURL != want {
			t.Errorf("%+v: sees %+v", s, got)
		}
	}
}

func TestProfileOf(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	viewer := w.Local("Viewer")
	luca := w.Person("Luca")
	save := func(p matching.Profile) {
		_, err := w.Matching.SaveProfile(w.Ctx, luca, p, nil)
		coretest.Is(t, err, nil)
	}
	see := func() error {
		p, err := w.Matching.ProfileOf(w.Ctx, viewer, luca)
		if err == nil && (p.Profile.FirstName != "Luca" || p.Profile.LastName != "") {
			t.Errorf("the viewer sees %+v", p.Profile)
		}
		return err
	}
	coretest.Is(t, see(), matching.ErrProfileNotFound) // never saved
	profile := matching.Profile{FirstName: "Luca", LastName: "Secret"}
	save(profile)
	coretest.Is(t, see(), matching.ErrProfileNotFound) // not searchable
	talk := w.Conversation(luca, viewer)
	coretest.Is(t, see(), matching.ErrProfileNotFound) // opened a conversation, but has not written
	profile.IsSearchable = true
	save(profile)
	coretest.Is(t, see(), nil)
	profile.IsSearchable = false
	save(profile)
	_, err := w.Messaging.Send(w.Ctx, luca, talk, messaging.Draft{Content: "Good evening!"}, "")
	coretest.Is(t, err, nil)
	coretest.Is(t, see(), nil) // has written
	for _, pair := range [][2]id.User{{luca, viewer}, {viewer, luca}} {
		w.Block(pair[0], pair[1])
		coretest.Is(t, see(), matching.ErrProfileNotFound)
		coretest.Is(t, w.Moderation.Unblock(w.Ctx, pair[0], pair[1]), nil)
	}
	w.SetActive(luca, false)
	coretest.Is(t, see(), matching.ErrProfileNotFound)
	own, err := w.Matching.ProfileOf(w.Ctx, viewer, viewer)
	coretest.Is(t, err, nil)
	if own.Profile.FirstName != "Viewer" {
		t.Errorf("the own profile is %+v", own.Profile)
	}
	_, err = w.Matching.ProfileOf(w.Ctx, luca, viewer)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Matching.ProfileOf(w.Ctx, viewer, id.User(w.IDs.Next()))
	coretest.Is(t, err, matching.ErrProfileNotFound)
}

func TestBlocks(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, eve, idle := w.Person("Ada"), w.Person("Luca"), w.Person("Eve"), w.Person("Idle")
	w.SetActive(idle, false)
	m := w.Moderation
	w.Block(ada, luca)
	blockedAt := w.Clock.Now()
	w.Clock.Advance(time.Minute)
	w.Unchanged(func() { w.Block(ada, luca) }) // the first block keeps its time
	w.Block(ada, idle)
	w.Block(luca, ada)

	blocked := func(r page.Request[page.Moment], want ...matching.BlockedPerson) *page.Moment {
		t.Helper()
		p, err := w.Matching.Blocks(w.Ctx, ada, r)
		coretest.Is(t, err, nil)
		if len(p.Items) != len(want) || len(want) > 0 && p.Items[0] != want[0] {
			t.Errorf("got %+v, want %+v", p.Items, want)
		}
		return p.Next
	}
	block := func(user id.User, name string, at time.Time) matching.BlockedPerson {
		return matching.BlockedPerson{
			Block:  moderation.Block{UserID: ada, BlockedUserID: user, CreatedAt: at},
			Person: matching.Person{UserID: user, FirstName: name},
		}
	}
	next := blocked(page.Request[page.Moment]{Limit: 1}, block(idle, "Idle", w.Clock.Now()))
	if last := blocked(page.Request[page.Moment]{After: next, Limit: 1}, block(luca, "Luca", blockedAt)); last != nil {
		t.Errorf("there is a page after the last one: %v", last)
	}

	coretest.Is(t, m.Unblock(w.Ctx, ada, luca), nil)
	w.Unchanged(func() {
		coretest.Is(t, m.Unblock(w.Ctx, ada, luca), nil)
		coretest.Is(t, m.Unblock(w.Ctx, ada, eve), nil)
		coretest.Is(t, m.Unblock(w.Ctx, ada, id.User(w.IDs.Next())), nil)
		coretest.Fields(t, m.Block(w.Ctx, ada, ada), "user_id")
		coretest.Is(t, m.Block(w.Ctx, ada, id.User(w.IDs.Next())), users.ErrNotFound)
		coretest.Is(t, m.Block(w.Ctx, idle, ada), users.ErrNotSignedIn)
		coretest.Is(t, m.Unblock(w.Ctx, idle, ada), users.ErrNotSignedIn)
		_, err := w.Matching.Blocks(w.Ctx, idle, page.Request[page.Moment]{})
		coretest.Is(t, err, users.ErrNotSignedIn)
	})
	blocked(page.Request[page.Moment]{}, block(idle, "Idle", w.Clock.Now()))
}
