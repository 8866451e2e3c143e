package matching_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// live saves a searchable profile of a new user.
func live(t *testing.T, w *coretest.World, name, country, city string) id.User {
	t.Helper()
	user := w.Person(name)
	save(t, w, user, matching.Profile{Country: country, City: city, IsSearchable: true})
	return user
}

// placesOf reads all places for a caller, limit at a time.
func placesOf(t *testing.T, w *coretest.World, caller id.User, limit int) (all []matching.Place) {
	t.Helper()
	for r := (page.Request[matching.PlaceKey]{Limit: limit}); ; {
		p, err := w.Matching.Places(w.Ctx, caller, r)
		coretest.Is(t, err, nil)
		all = append(all, p.Items...)
		if p.Next == nil {
			return all
		}
		r.After = p.Next
	}
}

func TestPlaces(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := live(t, w, "Ada", "Österreich", "Wien")
	blocked := live(t, w, "Ben", "osterreich", "WIEN")
	live(t, w, "Cleo", "Österreich", "Wien")
	live(t, w, "Dora", "österreich", "")
	live(t, w, "Emil", "", "wien")
	live(t, w, "Finn", "", "")
	live(t, w, "Gina", "Peru", "lima")
	live(t, w, "Hugo", "Peru", "Lima") // as frequent as lima
	save(t, w, w.Person("Ida"), matching.Profile{Country: "Chad", City: "Abéché"})
	w.SetActive(live(t, w, "Jan", "Chad", "Mao"), false)
	w.Block(ada, blocked)

	want := []matching.Place{
		{"", "wien", 1}, {"österreich", "", 1}, {"Österreich", "Wien", 3}, {"Peru", "Lima", 2},
	}
	for _, limit := range []int{1, 2, 3, 100} {
		if got := placesOf(t, w, ada, limit); !slices.Equal(got, want) {
			t.Errorf("%d on a page: got %v, want %v", limit, got, want)
		}
	}
	_, err := w.Matching.Places(w.Ctx, ada, page.Request[matching.PlaceKey]{Limit: 101})
	coretest.Is(t, err, fault.Invalid)
	w.SetActive(ada, false)
	_, err = w.Matching.Places(w.Ctx, ada, page.Request[matching.PlaceKey]{})
	coretest.Is(t, err, users.ErrNotSignedIn)
}

// TestPlacesAreCountedUpToALimit also checks that the places after a large one are found.
func TestPlacesAreCountedUpToALimit(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	var ada id.User
	for i := range 2*matching.MaxCounted + 10 {
		ada = live(t, w, fmt.Sprint("Ada", i), "Italy", "Rome")
	}
	live(t, w, "Ben", "Italy", "Pisa")
	for i := range 3 {
		live(t, w, fmt.Sprint("Cleo", i), "Italy", "Siena")
	}
	want := []matching.Place{{"Italy", "Pisa", 1}, {"Italy", "Rome", matching.MaxCounted}, {"Italy", "Siena", 3}}
	for _, limit := range []int{1, 2, 20} {
		if got := placesOf(t, w, ada, limit); !slices.Equal(got, want) {
			t.Errorf("%d on a page: got %v, want %v", limit, got, want)
		}
	}
}

// TestCostOfPlaces compares a large place with a small one: an equal spelling is folded once, because
// to fold it for each of the people would make a page of large places slow.
func TestCostOfPlaces(t *testing.T) {
	cost := func(people int) float64 {
		w := coretest.NewWorld(t, memory.New())
		var ada id.User
		for i := range people {
			ada = live(t, w, fmt.Sprint("Ada", i), "Österreich", "Wien")
		}
		return testing.AllocsPerRun(5, func() {
			_, err := w.Matching.Places(w.Ctx, ada, page.Request[matching.PlaceKey]{})
			coretest.Is(t, err, nil)
		})
	}
	if few, many := cost(10), cost(210); many-few > 200 {
		t.Errorf("10 people took %v allocations, 210 people %v: want at most one for each", few, many)
	}
}

func TestInterestsByAPartOfTheName(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	for _, name := range []string{"Café", "CAFES of Wien", "100%", "a_b", "Tea"} {
		interest(t, w, name)
	}
	for i := range 520 { // more than are read at once
		interest(t, w, fmt.Sprintf("m%03d", i))
	}
	setActive(t, w, interest(t, w, "Old cafe"), false)
	for part, want := range map[string]string{
		"cafe": "CAFES of Wien, Café", "  CAFÉ ": "CAFES of Wien, Café", "%": "100%", "_": "a_b", "tea": "Tea", "x": "", "51": "m051, m151, m251, m351, m451, " +
			"m510, m511, m512, m513, m514, m515, m516, m517, m518, m519",
	} {
		var all []matching.Interest
		for r := (page.Request[matching.NamePlace]{Limit: 7}); ; {
			p, err := w.Matching.Interests(w.Ctx, matching.InterestFilter{Query: part}, r)
			coretest.Is(t, err, nil)
			all = append(all, p.Items...)
			if r.After = p.Next; p.Next == nil {
				break
			}
		}
		if names(all) != want {
			t.Errorf("%q: got %s, want %s", part, names(all), want)
		}
	}
	for _, part := range []string{"a\x00", "\xff", fmt.Sprintf("%0101d", 0)} {
		_, err := w.Matching.Interests(w.Ctx, matching.InterestFilter{Query: part}, page.Request[matching.NamePlace]{})
		coretest.Fields(t, err, "q")
	}
}
