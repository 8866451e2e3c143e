package porttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// searchTests tests which profiles a search finds, and in which order.
var searchTests = []test{
	{"only searchable profiles of active others are found", searchWhom},
	{"a block hides both from each other", searchBlocks},
	{"places are compared without regard to case", searchPlaces},
	{"several interests mean any of them", searchInterests},
	{"ages are bounded on both sides, and must be given", searchAges},
	{"filters are combined", searchTogether},
	{"the score counts active interests that both have", searchScore},
	{"inactive people displace nobody", searchBehindInactive},
	{"a match has the whole profile, and the shared interests by name", searchShared},
	{"pages of matches hold each once, best first", searchPages},
	{"among given profiles, a search finds those that fit", searchAmong},
	{"all profiles are listed by id, with what searches compare", candidatePages},
	{"searchable profiles of active users are listed by their places", residentPages},
}

// search searches, and fails the test if Among finds anything else among all profiles and others.
func (f *fixture) search(q matching.Query) []matching.Match {
	f.Helper()
	found := read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Match, error) {
		return tx.Matching().Search(ctx, q, nil, 100)
	})
	profiles := []id.Profile{id.Profile(f.ids.Next())}
	for _, c := range f.candidates(id.Profile{}, 100) {
		profiles = append(profiles, c.Profile, c.Profile)
	}
	_, among := f.among(q, profiles...)
	f.same("found among all profiles", among, found)
	return found
}

func (f *fixture) among(q matching.Query, profiles ...id.Profile) (own []id.Interest, found []matching.Match) {
	f.Helper()
	found = read(f, func(ctx context.Context, tx ports.Tx) (found []matching.Match, err error) {
		own, found, err = tx.Matching().Among(ctx, q, profiles...)
		return found, err
	})
	return own, found
}

func (f *fixture) candidates(after id.Profile, limit int) []matching.Candidate {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Candidate, error) {
		return tx.Matching().Candidates(ctx, after, limit)
	})
}

// found lists the first names of the profiles that a search finds, in order.
func (f *fixture) found(q matching.Query) []string {
	f.Helper()
	var names []string
	for _, m := range f.search(q) {
		names = append(names, m.Profile.FirstName)
	}
	return names
}

// finds fails the test if a search does not find exactly these first names, in order.
func (f *fixture) finds(what string, q matching.Query, want ...string) {
	f.Helper()
	f.same("found by "+what, f.found(q), want)
}

func searchWhom(f *fixture) {
	ada := f.user("ada")
	f.finds("a viewer without a profile in a store without profiles", matching.Query{Viewer: ada.ID})
	f.profile(ada)
	ben := f.user("ben")
	f.profile(ben)
	f.profile(f.user("inactive", inactive))
	hidden := f.newProfile(f.user("hidden"))
	hidden.IsSearchable = false
	f.saveProfile(hidden)
	f.user("without a profile")
	gone := f.user("gone")
	f.profile(gone)
	f.do(f.erase(gone.ID))
	f.finds("Ada", matching.Query{Viewer: ada.ID}, "ben")
	f.finds("Ben", matching.Query{Viewer: ben.ID}, "ada")
	f.finds("a viewer who is not searchable", matching.Query{Viewer: hidden.UserID}, "ada", "ben")
	f.finds("a viewer who does not exist", matching.Query{Viewer: id.User(f.ids.Next())}, "ada", "ben")
}

func searchBlocks(f *fixture) {
	ada, ben, cleo := f.user("ada"), f.user("ben"), f.user("cleo")
	for _, u := range []users.User{ada, ben, cleo} {
		f.profile(u)
	}
	f.block(ada.ID, ben.ID)
	f.finds("Ada, who blocks Ben", matching.Query{Viewer: ada.ID}, "cleo")
	f.finds("Ben, whom Ada blocks", matching.Query{Viewer: ben.ID}, "cleo")
	f.finds("Cleo", matching.Query{Viewer: cleo.ID}, "ada", "ben")
	f.unblock(ada.ID, ben.ID, true)
	f.finds("Ada, who blocks no one any more", matching.Query{Viewer: ada.ID}, "ben", "cleo")
}

func searchPlaces(f *fixture) {
	for _, p := range []struct{ name, country, city string }{
		{"ana", "Österreich", "Gießen"}, {"bea", "O\u0308STERREICH", "GIESSEN"}, {"cia", "osterreich", "Giesse"},
		{"dea", "", ""}, {"eva", "Turkiye", "İstanbul "},
	} {
		profile := f.newProfile(f.user(p.name))
		profile.Country, profile.City = p.country, p.city
		f.saveProfile(profile)
	}
	viewer := f.user("viewer").ID
	f.finds("country", matching.Query{Viewer: viewer, Country: text.SearchFold("österreich")}, "ana", "bea", "cia")
	f.finds("city", matching.Query{Viewer: viewer, City: text.SearchFold("Gießen")}, "ana", "bea")
	f.finds("country and city", matching.Query{Viewer: viewer, Country: text.SearchFold("osterreich"), City: text.SearchFold("giesse")}, "cia")
	f.finds("a country and a city of others", matching.Query{Viewer: viewer, Country: text.SearchFold("Türkiye"),
		City: text.SearchFold("Gießen")})
	f.finds("a part of a city", matching.Query{Viewer: viewer, City: text.SearchFold("gies")})
	f.finds("a pattern", matching.Query{Viewer: viewer, City: text.SearchFold("giesse%")})
	f.finds("a city without its marks", matching.Query{Viewer: viewer, City: text.SearchFold("istanbul")}, "eva")
	f.finds("a city with other marks", matching.Query{Viewer: viewer, City: text.SearchFold("IŞTANBUL ")}, "eva")
}

func searchInterests(f *fixture) {
	hiking, chess, opera := f.interest("hiking"), f.interest("chess"), f.interest("opera")
	f.profile(f.user("ana"), hiking)
	f.profile(f.user("bea"), chess, opera)
	f.profile(f.user("cia"), opera)
	f.profile(f.user("dea"))
	viewer := f.user("viewer").ID
	by := func(interests ...matching.Interest) matching.Query {
		return matching.Query{Viewer: viewer, Interests: idsOf(interests)}
	}
	f.finds("hiking", by(hiking), "ana")
	f.finds("hiking or chess", by(hiking, chess), "ana", "bea")
	f.finds("chess or opera, once each", by(chess, opera), "bea", "cia")
	f.finds("an interest named twice", by(opera, opera), "bea", "cia")
	f.finds("an interest that does not exist",
		matching.Query{Viewer: viewer, Interests: []id.Interest{id.Interest(f.ids.Next())}})
	opera.IsActive = false
	f.saveInterest(opera)
	f.finds("an inactive interest", by(opera))
	f.finds("an inactive interest or hiking", by(opera, hiking), "ana")
	f.finds("no interest", by(), "ana", "bea", "cia", "dea")
}

func searchAges(f *fixture) {
	for _, p := range []struct {
		name string
		age  int
	}{{"ana", 18}, {"bea", 30}, {"cia", 120}, {"dea", 0}} {
		profile := f.newProfile(f.user(p.name))
		profile.Age = p.age
		f.saveProfile(profile)
	}
	viewer := f.user("viewer").ID
	for _, c := range []struct {
		lowest, highest int
		want            []string
	}{
		{0, 0, []string{"ana", "bea", "cia", "dea"}}, {18, 0, []string{"ana", "bea", "cia"}},
		{0, 120, []string{"ana", "bea", "cia"}},
		{18, 30, []string{"ana", "bea"}}, {30, 30, []string{"bea"}}, {31, 119, nil}, {0, 29, []string{"ana"}},
		{31, 0, []string{"cia"}},
	} {
		f.finds(fmt.Sprintf("ages %d to %d", c.lowest, c.highest),
			matching.Query{Viewer: viewer, MinAge: c.lowest, MaxAge: c.highest}, c.want...)
	}
}

func searchTogether(f *fixture) {
	hiking := f.interest("hiking")
	viewer := f.user("viewer").ID
	q := matching.Query{
		Viewer: viewer, Country: text.SearchFold("france"), City: text.SearchFold("lyon"), Interests: []id.Interest{hiking.ID}, MinAge: 25, MaxAge: 35,
	}
	f.profile(f.user("fits"), hiking)
	for i, change := range []func(*matching.Profile){
		func(p *matching.Profile) { p.Country = "Spain" }, func(p *matching.Profile) { p.City = "Paris" },
		func(p *matching.Profile) { p.Age = 24 }, func(p *matching.Profile) { p.Age = 36 },
		func(p *matching.Profile) { p.IsSearchable = false },
	} {
		p := f.newProfile(f.user(fmt.Sprint("misfit", i)))
		change(&p)
		f.saveProfile(p, hiking)
	}
	f.profile(f.user("uninterested"))
	f.finds("all filters", q, "fits")
}

func searchScore(f *fixture) {
	hiking, chess, opera, bees := f.interest("hiking"), f.interest("chess"), f.interest("opera"), f.interest("bees")
	bees.IsActive = false
	f.saveInterest(bees)
	ada := f.user("ada")
	f.profile(ada, hiking, chess, bees)
	f.profile(f.user("none"), opera)
	f.profile(f.user("one"), hiking, opera)
	f.profile(f.user("two"), chess, hiking)
	f.profile(f.user("inactive"), bees)
	f.profile(f.user("both"), opera, chess, hiking, bees)
	f.finds("Ada", matching.Query{Viewer: ada.ID}, "two", "both", "one", "none", "inactive")
	f.finds("Ada for chess or opera", matching.Query{Viewer: ada.ID, Interests: []id.Interest{chess.ID, opera.ID}},
		"two", "both", "one", "none")
	var scores []int
	for _, m := range f.search(matching.Query{Viewer: ada.ID, Interests: []id.Interest{opera.ID}}) {
		scores = append(scores, m.Score) // every shared interest counts, not only the one in the query
	}
	f.same("the scores of those who like opera", scores, []int{2, 1, 0})
	chess.IsActive = false
	f.saveInterest(chess)
	f.finds("Ada when chess is inactive", matching.Query{Viewer: ada.ID}, "one", "two", "both", "none", "inactive")
}

// searchBehindInactive has more inactive people than a page has room for, who share most.
func searchBehindInactive(f *fixture) {
	hiking, chess := f.interest("hiking"), f.interest("chess")
	ada := f.user("ada")
	f.profile(ada, hiking, chess)
	f.profile(f.user("none"))
	f.profile(f.user("one"), chess)
	for i := range 140 {
		f.profile(f.user(fmt.Sprint("inactive", i), inactive), hiking, chess)
		if i%20 == 19 {
			f.finds(fmt.Sprint("Ada, behind ", i), matching.Query{Viewer: ada.ID}, "one", "none")
		}
	}
	f.finds("Ada for chess", matching.Query{Viewer: ada.ID, Interests: []id.Interest{chess.ID}}, "one")
}

func searchShared(f *fixture) {
	var all []matching.Interest
	for _, name := range oddNames {
		all = append(all, f.interest(name))
	}
	ada, ben := f.user("ada"), f.user("ben")
	f.profile(ada, all...)
	slices.Reverse(all)
	p := f.profile(ben, all[1:]...) // all but the last by name
	slices.Reverse(all)
	f.same("the match", f.search(matching.Query{Viewer: ada.ID}),
		[]matching.Match{{Profile: p, Shared: all[:len(all)-1], Score: len(all) - 1}})
}

func searchPages(f *fixture) {
	interests := []matching.Interest{f.interest("a"), f.interest("b"), f.interest("c")}
	ada := f.user("ada")
	f.profile(ada, interests...)
	var want []matching.Match
	for i := range paged {
		shared := interests[:i%4]
		p := f.profile(f.user(fmt.Sprint("user", i)), shared...)
		want = append(want, matching.Match{Profile: p, Shared: shared, Score: len(shared)})
	}
	slices.SortFunc(want, func(a, b matching.Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), a.Profile.ID.Compare(b.Profile.ID))
	})
	pages(f, "matches", want, matching.PlaceOfMatch,
		func(ctx context.Context, tx ports.Tx, after *matching.Rank, limit int) ([]matching.Match, error) {
			return tx.Matching().Search(ctx, matching.Query{Viewer: ada.ID, Country: text.SearchFold("france")}, after, limit)
		})
}

func searchAmong(f *fixture) {
	hiking, chess, bees := f.interest("hiking"), f.interest("chess"), f.interest("bees")
	bees.IsActive = false
	f.saveInterest(bees)
	ada := f.user("ada")
	own := f.profile(ada, chess, bees, hiking)
	none, one, two := f.profile(f.user("none")), f.profile(f.user("one"), chess), f.profile(f.user("two"), chess, hiking)
	f.profile(f.user("not asked for"), chess, hiking)
	blocked := f.user("blocked")
	hidden := f.newProfile(f.user("hidden"))
	hidden.IsSearchable = false
	f.saveProfile(hidden, chess)
	asked := []id.Profile{none.ID, hidden.ID, two.ID, own.ID, f.profile(blocked, chess).ID, one.ID}
	f.block(blocked.ID, ada.ID)
	matches := []matching.Match{
		{Profile: two, Shared: []matching.Interest{chess, hiking}, Score: 2},
		{Profile: one, Shared: []matching.Interest{chess}, Score: 1}, {Profile: none},
	}
	active := slices.SortedFunc(slices.Values(idsOf([]matching.Interest{hiking, chess})), id.Interest.Compare)
	for _, c := range []struct {
		what  string
		q     matching.Query
		asked []id.Profile
		own   []id.Interest
		want  []matching.Match
	}{
		{"no filter", matching.Query{Viewer: ada.ID}, asked, active, matches},
		{"one profile", matching.Query{Viewer: ada.ID}, []id.Profile{one.ID}, active, matches[1:2]},
		{"no profile", matching.Query{Viewer: ada.ID}, nil, active, nil},
		{"an interest", matching.Query{Viewer: ada.ID, Interests: []id.Interest{hiking.ID}}, asked, active, matches[:1]},
		{"an inactive interest", matching.Query{Viewer: ada.ID, Interests: []id.Interest{bees.ID}}, asked, active, nil},
		{"another country", matching.Query{Viewer: ada.ID, Country: text.SearchFold("Spain")}, asked, active, nil},
	} {
		gotOwn, got := f.among(c.q, c.asked...)
		f.same("the own interests with "+c.what, gotOwn, c.own)
		f.same("the matches with "+c.what, got, c.want)
	}
	gotOwn, got := f.among(matching.Query{Viewer: f.user("without a profile").ID}, one.ID)
	f.same("the own interests of a viewer without a profile", gotOwn, []id.Interest(nil))
	f.same("the matches of a viewer without a profile", got, []matching.Match{{Profile: one}})
}

func candidatePages(f *fixture) {
	hiking, bees := f.interest("hiking"), f.interest("bees")
	bees.IsActive = false
	f.saveInterest(bees)
	both := slices.SortedFunc(slices.Values([]id.Interest{hiking.ID, bees.ID}), id.Interest.Compare)
	var want []matching.Candidate
	for i := range paged {
		p := f.newProfile(f.user(fmt.Sprint("candidate", i), func(u *users.User) { u.IsActive = i%5 != 3 }))
		p.IsSearchable, p.Age = i%7 != 0, []int{0, 18, 120}[i%3]
		p.Country, p.City = []string{"", "O\u0308sterreich"}[i%2], []string{"Köln", ""}[i%2]
		c := matching.Candidate{
			Profile: p.ID, UserID: p.UserID, Country: p.Country, City: p.City, Age: p.Age, Findable: p.IsSearchable && i%5 != 3,
		}
		if i%3 > 0 {
			c.Interests = both
			f.saveProfile(p, bees, hiking)
		} else {
			f.saveProfile(p)
		}
		want = append(want, c)
	}
	slices.SortFunc(want, func(a, b matching.Candidate) int { return a.Profile.Compare(b.Profile) })
	pages(f, "candidates", want, func(c matching.Candidate) id.Profile { return c.Profile },
		func(ctx context.Context, tx ports.Tx, after *id.Profile, limit int) ([]matching.Candidate, error) {
			if after == nil {
				after = &id.Profile{}
			}
			return tx.Matching().Candidates(ctx, *after, limit)
		})
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Matching().DropProfile(ctx, want[0].UserID) })
	f.same("without a profile that was dropped", f.candidates(id.Profile{}, paged), want[1:])
}

func residentPages(f *fixture) {
	spellings := []matching.Place{
		{}, {City: "Köln"}, {Country: "Österreich"}, {Country: "osterreich", City: "Wien"}, {Country: "O\u0308STERREICH", City: "wien"},
		{Country: "\uFF5E", City: "\U0001F600"}, {Country: "A B", City: "c"}, {Country: "A", City: "B c"}, {Country: "a", City: "字"},
	}
	var all []matching.Resident
	for i := range paged {
		p := f.newProfile(f.user(fmt.Sprint("resident", i), func(u *users.User) { u.IsActive = i%11 != 3 }))
		p.Country, p.City = spellings[i%len(spellings)].Country, spellings[i%len(spellings)].City
		p.IsSearchable = i%7 != 0
		f.saveProfile(p)
		if p.IsSearchable && i%11 != 3 {
			all = append(all, residentOf(p))
		}
	}
	f.residents("at first", all)

	left := f.user("left")
	moved := f.profile(left)
	f.residents("with one in Lyon", append(all, residentOf(moved)))
	moved.Country, moved.City = "Zambia", "Lusaka"
	f.saveProfile(moved)
	f.residents("after one moved", append(all, residentOf(moved)))
	left.IsActive = false
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, left) })
	f.residents("after one became inactive", all)
	left.Version, left.IsActive = left.Version+1, true
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, left) })
	f.residents("after one became active", append(all, residentOf(moved)))
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Matching().DropProfile(ctx, left.ID) })
	f.residents("after one dropped the profile", all)
}

func residentOf(p matching.Profile) matching.Resident {
	return matching.Resident{Profile: p.ID, Country: p.Country, City: p.City}
}

// residents fails the test if the list of residents does not hold exactly these, in order.
func (f *fixture) residents(what string, want []matching.Resident) {
	f.Helper()
	want = slices.SortedFunc(slices.Values(want), func(a, b matching.Resident) int {
		x, y := matching.ResidenceOf(a), matching.ResidenceOf(b)
		return cmp.Or(cmp.Compare(x.Place.Country.String(), y.Place.Country.String()),
			cmp.Compare(x.Place.City.String(), y.Place.City.String()), x.Profile.Compare(y.Profile))
	})
	pages(f, "residents "+what, want, matching.ResidenceOf,
		func(ctx context.Context, tx ports.Tx, after *matching.Residence, limit int) ([]matching.Resident, error) {
			return tx.Matching().Residents(ctx, after, limit)
		})
}
