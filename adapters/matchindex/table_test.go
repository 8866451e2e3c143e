package matchindex

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

// numbered returns the nth of identifiers in ascending order.
func numbered[I ~[16]byte](n int) (i I) {
	binary.BigEndian.PutUint64(i[:], uint64(n)+1)
	return i
}

// model is what a table has, and ranks without any index.
type model struct {
	profiles map[id.User]matching.Candidate
	active   map[id.Interest]bool
}

func (m *model) mine(user id.User) (own []id.Interest) {
	for _, i := range m.profiles[user].Interests {
		if m.active[i] {
			own = append(own, i)
		}
	}
	slices.SortFunc(own, id.Interest.Compare)
	return own
}

func (m *model) rank(q matching.Query, after *matching.Rank, limit int) (ranks []matching.Rank) {
	own := m.mine(q.Viewer)
	wanted := func(i id.Interest) bool { return m.active[i] && slices.Contains(q.Interests, i) }
	for user, c := range m.profiles {
		if user == q.Viewer || !c.Findable || len(q.Interests) > 0 && !slices.ContainsFunc(c.Interests, wanted) ||
			q.Country.String() != "" && text.SearchFold(c.Country) != q.Country || q.City.String() != "" && text.SearchFold(c.City) != q.City ||
			q.MinAge != 0 && c.Age < q.MinAge || q.MaxAge != 0 && (c.Age == 0 || c.Age > q.MaxAge) {
			continue
		}
		r := matching.Rank{Profile: c.Profile}
		for _, i := range c.Interests {
			if slices.Contains(own, i) {
				r.Score++
			}
		}
		if after == nil || compare(*after, r) < 0 {
			ranks = append(ranks, r)
		}
	}
	slices.SortFunc(ranks, compare)
	return ranks[:min(limit, len(ranks))]
}

func compare(a, b matching.Rank) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), a.Profile.Compare(b.Profile))
}

// town draws profiles and searches.
type town struct {
	*rapid.T
	people, interests int
}

func (t town) number(what string, from, to int) int { return rapid.IntRange(from, to).Draw(t.T, what) }

func (t town) picked(what string, most int) (picked []id.Interest) {
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, t.interests-1), 0, min(most, t.interests), rapid.ID).Draw(t.T, what) {
		picked = append(picked, numbered[id.Interest](n))
	}
	return picked
}

var (
	countries = []string{"", "France", "Österreich", "OSTERREICH"}
	cities    = []string{"", "Lyon", "Wien", "wien"}
)

func (t town) candidate(user int) matching.Candidate {
	return matching.Candidate{
		// Two profiles of one user, because a profile may be dropped and another one made.
		Profile: numbered[id.Profile](user*7919%t.people*2 + t.number("another profile", 0, 20)/20), UserID: numbered[id.User](user),
		Country: rapid.SampledFrom(countries).Draw(t.T, "country"), City: rapid.SampledFrom(cities).Draw(t.T, "city"),
		Age: rapid.SampledFrom([]int{0, 18, 30, 64, 120}).Draw(t.T, "age"), Findable: t.number("findable", 0, 4) > 0,
		Interests: t.picked("interests", 60),
	}
}

func (t town) query() matching.Query {
	q := matching.Query{Viewer: numbered[id.User](t.number("viewer", 0, t.people))}
	if t.number("filtered by place", 0, 1) > 0 {
		q.Country = text.SearchFold(rapid.SampledFrom(countries).Draw(t.T, "in country"))
		q.City = text.SearchFold(rapid.SampledFrom(cities).Draw(t.T, "in city"))
	}
	if t.number("filtered by interest", 0, 2) > 1 {
		q.Interests = append(t.picked("wanted", 3), numbered[id.Interest](t.interests))
	}
	if t.number("filtered by age", 0, 2) > 1 {
		ages := []int{0, 18, 19, 30, 63, 64, 65, 120}
		q.MinAge, q.MaxAge = rapid.SampledFrom(ages).Draw(t.T, "least age"), rapid.SampledFrom(ages).Draw(t.T, "most age")
	}
	return q
}

// A table ranks as one would by looking at every profile, whatever was added, changed and removed
// before.
func TestRank(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := town{r, rapid.SampledFrom([]int{3, 20, 130, 300}).Draw(r, "people"), rapid.SampledFrom([]int{1, 4, 70}).Draw(r, "number of interests")}
		all, m := newTable(), &model{map[id.User]matching.Candidate{}, map[id.Interest]bool{}}
		var again ranking
		put := func(user int) {
			c := w.candidate(user)
			if err := all.put(c); err != nil {
				r.Fatal(err)
			}
			for other, known := range m.profiles { // the town draws the profile of another user sometimes
				if known.Profile == c.Profile && other != c.UserID {
					all.remove(other)
					delete(m.profiles, other)
					if err := all.put(c); err != nil {
						r.Fatal(err)
					}
				}
			}
			m.profiles[c.UserID] = c
		}
		for i := range w.interests {
			m.active[numbered[id.Interest](i)] = true
			if err := all.putInterest(matching.Interest{ID: numbered[id.Interest](i), IsActive: true}); err != nil {
				r.Fatal(err)
			}
		}
		for range w.number("first", 0, w.people) {
			put(w.number("person", 0, w.people-1))
		}
		for range w.number("steps", 5, 30) {
			switch w.number("step", 0, 5) {
			case 0:
				put(w.number("person", 0, w.people-1))
			case 1:
				user := numbered[id.User](w.number("leaves", 0, w.people-1))
				all.remove(user)
				delete(m.profiles, user)
			case 2:
				i := numbered[id.Interest](w.number("interest", 0, w.interests-1))
				m.active[i] = !m.active[i]
				if err := all.putInterest(matching.Interest{ID: i, IsActive: m.active[i]}); err != nil {
					r.Fatal(err)
				}
			default:
				q, limit := w.query(), w.number("limit", 1, 40)
				var after *matching.Rank
				for {
					got, counted := again.rank(all, q, after, limit)
					if !counted && len(m.mine(q.Viewer)) < 64 {
						r.Fatalf("rank(%+v) did not count %d interests", q, len(m.mine(q.Viewer)))
					}
					want := m.rank(q, after, limit)
					if !slices.Equal(again.own, m.mine(q.Viewer)) {
						r.Fatalf("the interests of %v: %v, want %v", q.Viewer, again.own, m.mine(q.Viewer))
					}
					if !slices.Equal(got, want) {
						r.Fatalf("rank(%+v, %v, %d) = %v, want %v", q, after, limit, got, want)
					}
					if len(got) < limit {
						break
					}
					after = &got[len(got)-1]
				}
			}
		}
		if len(all.ids) != len(m.profiles) || len(all.users) != len(m.profiles) {
			r.Fatalf("the table has %d profiles of %d users, want %d", len(all.ids), len(all.users), len(m.profiles))
		}
		for at, i := range all.topics { // nobody is left where they are not any more
			of := 0
			for _, c := range m.profiles {
				if slices.Contains(c.Interests, i.id) {
					of++
				}
			}
			if i.size != of {
				r.Fatalf("%d people have interest %d, want %d", i.size, at, of)
			}
		}
		for name := range maps.Keys(all.countries.known) {
			if all.countries.in(name).size == 0 {
				r.Fatalf("nobody is in %q", name)
			}
		}
	})
}

// The memory of lists that grow and shrink does not grow.
func TestListsArePacked(t *testing.T) {
	var l lists
	for n := range 100 {
		l.insert(n)
	}
	for round := range 1000 {
		for n := range 100 {
			l.put(n, slices.Repeat([]uint16{uint16(n)}, (round+n)%50))
		}
	}
	for n := range 100 {
		if got, want := l.of(n), slices.Repeat([]uint16{uint16(n)}, (999+n)%50); !slices.Equal(got, want) {
			t.Errorf("list %d is %v, want %v", n, got, want)
		}
	}
	if len(l.all) > 100*2*(50+heading)+heading {
		t.Errorf("100 lists of at most 49 numbers take %d", len(l.all))
	}
}

// crowd returns a table of so many people in five countries, with 8 of 200 interests by Zipf's law,
// and their users.
func crowd(t testing.TB, people int) *table {
	r := rand.New(rand.NewPCG(1, 2))
	popular := rand.NewZipf(r, 1.1, 10, 199)
	all := newTable()
	for i := range 200 {
		if err := all.putInterest(matching.Interest{ID: numbered[id.Interest](i), IsActive: true}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range people {
		c := matching.Candidate{
			Profile: numbered[id.Profile](n), UserID: numbered[id.User](n), Country: fmt.Sprint("Country ", r.IntN(5)), City: fmt.Sprint("City ", r.IntN(2000)),
			Age: 18 + r.IntN(80), Findable: true,
		}
		for len(c.Interests) < 8 {
			if i := numbered[id.Interest](int(popular.Uint64())); !slices.Contains(c.Interests, i) {
				c.Interests = append(c.Interests, i)
			}
		}
		if err := all.put(c); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A million profiles take at most 200 MB.
func TestMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory of its own")
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	all := crowd(t, 1_000_000)
	taken := heap() - before
	runtime.KeepAlive(all)
	t.Attr("counts", fmt.Sprintf("%d MB for a million profiles", taken>>20))
	if taken > 200<<20 {
		t.Errorf("a million profiles take %d MB", taken>>20)
	}
}

func BenchmarkRank(b *testing.B) {
	for _, people := range []int{200_000, 1_000_000} {
		all := crowd(b, people)
		var r ranking
		for _, bench := range []struct {
			name string
			q    matching.Query
		}{
			{"everybody", matching.Query{}},
			{"country", matching.Query{Country: text.SearchFold("Country 1")}},
			{"city", matching.Query{City: text.SearchFold("City 1")}},
			{"interests and ages", matching.Query{
				Country: text.SearchFold("Country 1"), Interests: []id.Interest{numbered[id.Interest](3), numbered[id.Interest](150)}, MinAge: 30, MaxAge: 50,
			}},
		} {
			b.Run(fmt.Sprintf("%d/%s", people, bench.name), func(b *testing.B) {
				n := 0
				for b.Loop() {
					bench.q.Viewer = numbered[id.User](n % people)
					n += 7919
					if ranks, counted := r.rank(all, bench.q, nil, 21); !counted || len(ranks) != 21 {
						b.Fatalf("%d ranks", len(ranks))
					}
				}
			})
		}
	}
}
