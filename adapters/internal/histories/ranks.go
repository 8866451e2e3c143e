package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// CompareRanks fills a store with so many pairs of people, and interests, at random, and compares
// searches with the ranks that Among finds for all candidates, and those with the interests of the
// candidates. A search must find exactly the people who are not blocked, deactivated or hidden.
func CompareRanks(t *testing.T, s ports.Storage, pairs int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, r, store := t.Context(), rand.New(rand.NewPCG(1, 2)), ports.NewStore(s, uow.Policy{})
	c := community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	admin, populace, err := c.Populate(ctx, pairs)
	must(err)
	var interests []id.Interest
	for i := range 30 {
		name := fmt.Sprint("interest ", i)
		made, err := c.Matching.CreateInterest(ctx, admin, matching.InterestChange{Name: &name}, "")
		must(err)
		interests = append(interests, made.ID)
	}
	pick := func(most int) []id.Interest {
		r.Shuffle(len(interests), func(i, j int) { interests[i], interests[j] = interests[j], interests[i] })
		return slices.Clone(interests[:r.IntN(most+1)])
	}
	var people []id.User
	for _, p := range populace {
		people = append(people, p.Voyager, p.Local)
	}
	off, inactive := false, []id.Interest(nil)
	findable := map[id.User]bool{} // by their account and their profile
	save := func(who id.User) {
		p := matching.Profile{
			Country: []string{"", "France", "Österreich"}[r.IntN(3)], City: []string{"", "Lyon"}[r.IntN(2)],
			Age: []int{0, 20, 40}[r.IntN(3)], IsSearchable: r.IntN(5) > 0,
		}
		picked := slices.DeleteFunc(pick(20), func(i id.Interest) bool { return slices.Contains(inactive, i) })
		_, err := c.Matching.SaveProfile(ctx, who, p, picked)
		must(err)
		findable[who] = p.IsSearchable
	}
	activate := func(who id.User, active bool) {
		_, err := c.Moderation.ChangeUser(ctx, admin, who, moderation.AccountChange{IsActive: &active, Reason: "for the test"})
		must(err)
	}
	for _, who := range people {
		save(who)
	}
	inactive = pick(5)
	for _, i := range inactive {
		_, err := c.Matching.ChangeInterest(ctx, admin, i, matching.InterestChange{IsActive: &off})
		must(err)
	}
	askers := people[:6]
	blocked := map[[2]id.User]bool{}
	for _, who := range people[len(askers):] { // of many, only few can be found
		switch {
		case r.IntN(pairs/4) == 0:
			activate(who, false)
			activate(who, true)
			if r.IntN(2) == 0 {
				save(who)
			}
		case r.IntN(4) == 0:
			activate(who, false)
			findable[who] = false
		default:
			for _, asker := range askers {
				pair := [2]id.User{asker, who}
				if r.IntN(2) == 0 {
					pair = [2]id.User{who, asker}
				}
				must(c.Moderation.Block(ctx, pair[0], pair[1]))
				blocked[pair] = true
			}
		}
	}
	shared := 0
	for range 60 {
		q := matching.Query{Viewer: askers[r.IntN(len(askers))], MinAge: []int{0, 0, 30}[r.IntN(3)]}
		q.Country, q.City = text.SearchFold([]string{"", "france"}[r.IntN(2)]), text.SearchFold([]string{"", "", "lyon"}[r.IntN(3)])
		if r.IntN(2) == 0 {
			q.Interests = pick(4)
		}
		var want, got []matching.Match
		limit := 1 + r.IntN(max(4, pairs/5))
		must(store.Snapshot(ctx, func(ctx context.Context, tx ports.Tx) error {
			all, err := tx.Matching().Candidates(ctx, id.Profile{}, 1000)
			if err != nil {
				return err
			}
			var profiles []id.Profile
			interests := map[id.User][]id.Interest{}
			for _, one := range all {
				if one.Findable != findable[one.UserID] {
					return fmt.Errorf("a candidate is %+v", one)
				}
				profiles = append(profiles, one.Profile)
				interests[one.UserID] = slices.DeleteFunc(one.Interests, func(i id.Interest) bool { return slices.Contains(inactive, i) })
			}
			if _, want, err = tx.Matching().Among(ctx, q, profiles...); err != nil {
				return err
			}
			for _, m := range want {
				both := slices.DeleteFunc(slices.Clone(interests[q.Viewer]), func(i id.Interest) bool {
					return !slices.Contains(interests[m.Profile.UserID], i)
				})
				if who := m.Profile.UserID; !findable[who] || blocked[[2]id.User{q.Viewer, who}] || blocked[[2]id.User{who, q.Viewer}] {
					return fmt.Errorf("%+v found %+v", q, m)
				}
				if !sharesExactly(m, both) {
					return fmt.Errorf("%+v found %+v, which shares %v", q, m, both)
				}
			}
			for after := (*matching.Rank)(nil); ; {
				page, err := tx.Matching().Search(ctx, q, after, limit)
				if got = append(got, page...); err != nil || len(page) < limit {
					return err
				}
				last := matching.PlaceOfMatch(page[len(page)-1])
				after = &last
			}
		}))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v found\n%+v, want\n%+v", q, got, want)
		}
		for _, m := range got {
			shared += m.Score
		}
	}
	if shared == 0 {
		t.Error("nobody shares an interest")
	}
}

// sharesExactly reports whether a match has these interests in any order, and that many points.
func sharesExactly(m matching.Match, interests []id.Interest) bool {
	return m.Score == len(interests) && len(m.Shared) == len(interests) && !slices.ContainsFunc(m.Shared, func(i matching.Interest) bool {
		return !slices.Contains(interests, i.ID)
	})
}
