package matching_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

func ptr[T any](v T) *T { return &v }

func interest(t *testing.T, w *coretest.World, name string) id.Interest {
	t.Helper()
	i, err := w.Matching.CreateInterest(w.Ctx, w.Admin(), matching.InterestChange{Name: &name}, "")
	coretest.Is(t, err, nil)
	return i.ID
}

func setActive(t *testing.T, w *coretest.World, i id.Interest, active bool) {
	t.Helper()
	_, err := w.Matching.ChangeInterest(w.Ctx, w.Admin(), i, matching.InterestChange{IsActive: &active})
	coretest.Is(t, err, nil)
}

func save(t *testing.T, w *coretest.World, user id.User, p matching.Profile, picked ...id.Interest) matching.ProfileWithInterests {
	t.Helper()
	saved, err := w.Matching.SaveProfile(w.Ctx, user, p, picked)
	coretest.Is(t, err, nil)
	return saved
}

func names(interests []matching.Interest) string {
	var all []string
	for _, i := range interests {
		all = append(all, i.Name)
	}
	return strings.Join(all, ", ")
}

func TestProfile(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	empty, err := w.Matching.MyProfile(w.Ctx, ada)
	coretest.Is(t, err, nil)
	if empty.Profile != (matching.Profile{UserID: ada}) || len(empty.Interests) != 0 {
		t.Errorf("got %+v, want an empty profile", empty)
	}
	tea, art := interest(t, w, "Tea"), interest(t, w, "Art")
	p := matching.Profile{
		FirstName: "Ada", LastName: "Lovelace", Age: 36, Biography: "Numbers.\nAnd poetry.", Country: "England", City: "London",
		ImageURL: "https://example.org/ada.png", IsSearchable: true, UserID: id.User(w.IDs.Next()), ID: id.Profile(w.IDs.Next()),
	}
	saved := save(t, w, ada, p, tea, art, tea)
	p.UserID, p.ID = ada, saved.Profile.ID
	if saved.Profile != p || names(saved.Interests) != "Art, Tea" {
		t.Errorf("saved %+v", saved)
	}
	again := save(t, w, ada, matching.Profile{FirstName: "Augusta"}, art)
	if want := (matching.Profile{ID: p.ID, UserID: ada, FirstName: "Augusta"}); again.Profile != want || names(again.Interests) != "Art" {
		t.Errorf("got %+v, want %+v with Art", again, want)
	}
	read, err := w.Matching.MyProfile(w.Ctx, ada)
	coretest.Is(t, err, nil)
	if read.Profile != again.Profile || names(read.Interests) != "Art" {
		t.Errorf("read %+v, saved %+v", read, again)
	}
}

func TestSaveProfileErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	retired := interest(t, w, "Smoking")
	setActive(t, w, retired, false)
	many := make([]id.Interest, matching.MaxInterests+1)
	for i := range many {
		many[i] = id.Interest(w.IDs.Next())
	}
	for name, c := range map[string]struct {
		profile matching.Profile
		picked  []id.Interest
		field   string
	}{
		"too young":         {matching.Profile{Age: 17}, nil, "age"},
		"too old":           {matching.Profile{Age: 121}, nil, "age"},
		"negative":          {matching.Profile{Age: -1}, nil, "age"},
		"a file":            {matching.Profile{ImageURL: "file:///etc/passwd"}, nil, "image_url"},
		"a script":          {matching.Profile{ImageURL: "javascript:alert(1)"}, nil, "image_url"},
		"no host":           {matching.Profile{ImageURL: "https:///x.png"}, nil, "image_url"},
		"not an address":    {matching.Profile{ImageURL: "https://exa mple.org"}, nil, "image_url"},
		"long name":         {matching.Profile{FirstName: strings.Repeat("a", 101)}, nil, "first_name"},
		"control":           {matching.Profile{LastName: "a\x1bb"}, nil, "last_name"},
		"long biography":    {matching.Profile{Biography: strings.Repeat("a", 5001)}, nil, "biography"},
		"NUL":               {matching.Profile{City: "a\x00"}, nil, "city"},
		"broken":            {matching.Profile{Country: "\xc3"}, nil, "country"},
		"inactive interest": {matching.Profile{}, []id.Interest{retired}, "interest_ids"},
		"unknown interest":  {matching.Profile{}, []id.Interest{id.Interest(w.IDs.Next())}, "interest_ids"},
		"too many":          {matching.Profile{}, many, "interest_ids"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Unchanged(func() {
				_, err := w.Matching.SaveProfile(w.Ctx, ada, c.profile, c.picked)
				coretest.Fields(t, err, c.field)
			})
		})
	}
	for _, age := range []int{18, 120} {
		save(t, w, ada, matching.Profile{Age: age})
	}
	w.SetActive(ada, false)
	_, err := w.Matching.SaveProfile(w.Ctx, ada, matching.Profile{}, nil)
	coretest.Is(t, err, users.ErrNotSignedIn)
}

// An inactive interest stays linked, but is not shown and does not count. It is shown and counts
// again after it becomes active.
func TestInactiveInterest(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	tea, art := interest(t, w, "Tea"), interest(t, w, "Art")
	save(t, w, ada, matching.Profile{}, tea, art)
	save(t, w, luca, matching.Profile{IsSearchable: true}, tea, art)
	setActive(t, w, tea, false)

	shown, err := w.Matching.MyProfile(w.Ctx, ada)
	coretest.Is(t, err, nil)
	if names(shown.Interests) != "Art" {
		t.Errorf("got the interests %s, want Art", names(shown.Interests))
	}
	if m := matches(t, w, ada, matching.Search{}); m[0].Score != 1 || names(m[0].Shared) != "Art" {
		t.Errorf("the match is %+v, want a score of 1 for Art", m[0])
	}
	if m := matches(t, w, ada, matching.Search{Interests: []id.Interest{tea}}); len(m) != 0 {
		t.Errorf("a search by an inactive interest found %d, want 0", len(m))
	}
	save(t, w, ada, matching.Profile{}, art) // saves what MyProfile returned
	setActive(t, w, tea, true)
	if m := matches(t, w, ada, matching.Search{}); m[0].Score != 2 {
		t.Errorf("the score is %d, want 2 because it stayed linked", m[0].Score)
	}
}

func matches(t *testing.T, w *coretest.World, viewer id.User, s matching.Search) []matching.Match {
	t.Helper()
	p, err := w.Matching.Matches(w.Ctx, viewer, s, page.Request[matching.Rank]{Limit: 100})
	coretest.Is(t, err, nil)
	return p.Items
}

func TestMatches(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	viewer := w.Person("Viewer")
	tea, art, sea := interest(t, w, "Tea"), interest(t, w, "Art"), interest(t, w, "Sea")
	save(t, w, viewer, matching.Profile{IsSearchable: true}, tea, art)
	people := map[string]matching.Profile{
		"Both":     {Country: "Portugal", City: "Lisboa", Age: 30, IsSearchable: true, LastName: "Secret"},
		"One":      {Country: "PORTUGAL", City: "LISBOA", Age: 40, IsSearchable: true},
		"None":     {Country: "Portugal", City: "Porto", IsSearchable: true},
		"Hidden":   {Country: "Portugal", City: "Lisboa", Age: 30},
		"Inactive": {Country: "Portugal", City: "Lisboa", Age: 30, IsSearchable: true},
		"Blocker":  {Country: "Portugal", City: "Lisboa", Age: 30, IsSearchable: true},
		"Blocked":  {Country: "Portugal", City: "Lisboa", Age: 30, IsSearchable: true},
		"Straße":   {Country: "Österreich", City: "Große Stadt", Age: 120, IsSearchable: true},
	}
	picks := map[string][]id.Interest{"Both": {tea, art, sea}, "One": {art}, "Hidden": {tea}, "Blocked": {tea}, "Straße": {sea}}
	who := map[id.User]string{}
	for _, name := range slices.Sorted(maps.Keys(people)) {
		user := w.Person(strings.ReplaceAll(name, "ß", "ss"))
		save(t, w, user, people[name], picks[name]...)
		who[user] = name
		switch name {
		case "Inactive":
			w.SetActive(user, false)
		case "Blocker":
			w.Block(user, viewer)
		case "Blocked":
			w.Block(viewer, user)
		}
	}
	for name, c := range map[string]struct {
		search matching.Search
		want   string
	}{
		"all, by score then id": {matching.Search{}, "Both 2, One 1, None 0, Straße 0"},
		"country in any case":   {matching.Search{Country: "portugal"}, "Both 2, One 1, None 0"},
		"city in any case":      {matching.Search{City: "lisbOa"}, "Both 2, One 1"},
		"folded, not lowered":   {matching.Search{City: "GROSSE STADT", Country: "o\u0308sterreich"}, "Straße 0"},
		"any of the interests":  {matching.Search{Interests: []id.Interest{sea, art}}, "Both 2, One 1, Straße 0"},
		"leaves out no age":     {matching.Search{MinAge: 18}, "Both 2, One 1, Straße 0"},
		"from an age":           {matching.Search{MinAge: 40}, "One 1, Straße 0"},
		"up to an age":          {matching.Search{MaxAge: 40}, "Both 2, One 1"},
		"of one age":            {matching.Search{MinAge: 120, MaxAge: 120}, "Straße 0"},
		"no match":              {matching.Search{City: "Lisb"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range matches(t, w, viewer, c.search) {
				got = append(got, fmt.Sprintf("%s %d", who[m.Profile.UserID], m.Score))
				if m.Profile.LastName != "" {
					t.Errorf("the last name of %s is shown", who[m.Profile.UserID])
				}
				if m.Score != len(m.Shared) {
					t.Errorf("got %d shared interests and a score of %d", len(m.Shared), m.Score)
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("found %s, want %s", strings.Join(got, ", "), c.want)
			}
		})
	}
	t.Run("page by page", func(t *testing.T) {
		var got []string
		r := page.Request[matching.Rank]{Limit: 1}
		for {
			p, err := w.Matching.Matches(w.Ctx, viewer, matching.Search{}, r)
			coretest.Is(t, err, nil)
			got = append(got, who[p.Items[0].Profile.UserID])
			if p.Next == nil {
				break
			}
			r.After = p.Next
		}
		if strings.Join(got, ", ") != "Both, One, None, Straße" {
			t.Errorf("the pages were %s", got)
		}
	})
	t.Run("errors", func(t *testing.T) {
		for field, search := range map[string]matching.Search{
			"min_age":     {MinAge: 17},
			"max_age":     {MaxAge: 121},
			"country":     {Country: "\xff"},
			"city":        {City: strings.Repeat("a", 101)},
			"interest_id": {Interests: make([]id.Interest, 51)},
		} {
			_, err := w.Matching.Matches(w.Ctx, viewer, search, page.Request[matching.Rank]{})
			coretest.Fields(t, err, field)
		}
		_, err := w.Matching.Matches(w.Ctx, viewer, matching.Search{MinAge: 40, MaxAge: 30}, page.Request[matching.Rank]{})
		coretest.Fields(t, err, "max_age")
		_, err = w.Matching.Matches(w.Ctx, viewer, matching.Search{}, page.Request[matching.Rank]{Limit: 101})
		coretest.Fields(t, err, "limit")
	})
}

func TestInterests(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin, ada := w.Admin(), w.Person("Ada")
	created, err := w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{Name: ptr("Élan"), Icon: ptr("⛵")}, "key")
	coretest.Is(t, err, nil)
	if !created.IsActive || created.Icon != "⛵" {
		t.Errorf("created %+v, want an active one with its icon", created)
	}
	w.Unchanged(func() {
		again, err := w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{Name: ptr("Élan"), Icon: ptr("⛵")}, "key")
		coretest.Is(t, err, nil)
		if again != created {
			t.Errorf("the repeat returned %+v, want %+v", again, created)
		}
		_, err = w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{Name: ptr("Tea")}, "key")
		coretest.Is(t, err, idempotency.ErrKeyReused)
		_, err = w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{Name: ptr("e\u0301LAN")}, "")
		coretest.Is(t, err, matching.ErrInterestTaken)
		_, err = w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{}, "")
		coretest.Fields(t, err, "name")
		_, err = w.Matching.CreateInterest(w.Ctx, admin, matching.InterestChange{Name: ptr("a\x7fb"), Icon: ptr(strings.Repeat("a", 201))}, "")
		coretest.Fields(t, err, "name", "icon")
		_, err = w.Matching.CreateInterest(w.Ctx, ada, matching.InterestChange{Name: ptr("Tea")}, "")
		coretest.Is(t, err, users.ErrAdminsOnly)
		_, err = w.Matching.ChangeInterest(w.Ctx, ada, created.ID, matching.InterestChange{Name: ptr("Tea")})
		coretest.Is(t, err, users.ErrAdminsOnly)
		_, err = w.Matching.ChangeInterest(w.Ctx, admin, id.Interest(w.IDs.Next()), matching.InterestChange{Name: ptr("Tea")})
		coretest.Is(t, err, matching.ErrInterestNotFound)
		for _, i := range []id.Interest{created.ID, id.Interest(w.IDs.Next())} {
			_, err = w.Matching.ChangeInterest(w.Ctx, admin, i, matching.InterestChange{Name: ptr("")})
			coretest.Fields(t, err, "name")
		}
		_, err = w.Matching.ChangeInterest(w.Ctx, admin, created.ID, matching.InterestChange{Name: ptr("Élan")})
		coretest.Is(t, err, nil) // no change and no audit record
		_, err = w.Matching.AllInterests(w.Ctx, ada, page.Request[matching.NamePlace]{})
		coretest.Is(t, err, users.ErrAdminsOnly)
	})
	tea := interest(t, w, "tea")
	setActive(t, w, tea, false)
	_, err = w.Matching.ChangeInterest(w.Ctx, admin, tea, matching.InterestChange{Name: ptr("ÉLAN")})
	coretest.Is(t, err, matching.ErrInterestTaken)
	renamed, err := w.Matching.ChangeInterest(w.Ctx, admin, created.ID, matching.InterestChange{Name: ptr("ÉLAN"), Icon: ptr("")})
	coretest.Is(t, err, nil)
	if renamed.Name != "ÉLAN" || renamed.Icon != "" || !renamed.IsActive {
		t.Errorf("renamed to %+v", renamed)
	}
	interest(t, w, "Art")
	active, err := w.Matching.Interests(w.Ctx, matching.InterestFilter{}, page.Request[matching.NamePlace]{Limit: 1})
	coretest.Is(t, err, nil)
	rest, err := w.Matching.Interests(w.Ctx, matching.InterestFilter{}, page.Request[matching.NamePlace]{After: active.Next})
	coretest.Is(t, err, nil)
	if names(active.Items)+"; "+names(rest.Items) != "Art; ÉLAN" {
		t.Errorf("active are %s; %s", names(active.Items), names(rest.Items))
	}
	all, err := w.Matching.AllInterests(w.Ctx, admin, page.Request[matching.NamePlace]{})
	coretest.Is(t, err, nil)
	if names(all.Items) != "Art, tea, ÉLAN" {
		t.Errorf("all are %s", names(all.Items))
	}
	trail, err := w.Moderation.Audits(w.Ctx, admin, page.Request[page.Moment]{})
	coretest.Is(t, err, nil)
	if len(trail.Items) != 6 { // 1 appointment, 3 created and 2 changed interests
		t.Errorf("the audit trail has %d records, want 6", len(trail.Items))
	}
	_, err = w.Matching.Interests(w.Ctx, matching.InterestFilter{}, page.Request[matching.NamePlace]{Limit: 1000})
	coretest.Is(t, err, fault.Invalid)
}
