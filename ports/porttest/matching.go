package porttest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
)

// matchingTests tests profiles and interests.
var matchingTests = []test{
	{"a profile comes back with its interests by name", profileKept},
	{"saving again replaces all but the id", profileReplaced},
	{"concurrent saves of a profile leave one of them, whole", profileRace},
	{"a dropped profile is not found", profileDropped},
	{"an interest's name is taken without regard to case", interestTaken},
	{"concurrent adds of one name create one interest", interestRace},
	{"an interest that is held is saved", interestSaved},
	{"interests are read by id", interestsByID},
	{"pages of interests hold each once, by name", interestPages},
}

// profileOf reads a profile with its interests.
func (f *fixture) profileOf(user id.User) (p matching.Profile, interests []matching.Interest) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) (err error) {
		p, interests, err = tx.Matching().Profile(ctx, user)
		return err
	})
	return p, interests
}

// oddNames is in the order of the folded names' bytes, which differs from the order of every
// language.
var oddNames = []string{"10", "9", "A b", "A-B", "a_b", "AA", "ab", "Z", "É", "жук", "字", "\uFF5E", "\U0001F600"}

func profileKept(f *fixture) {
	var all []matching.Interest
	for _, name := range oddNames {
		all = append(all, f.interest(name))
	}
	for i := range all {
		if i%3 == 0 { // an inactive interest stays linked
			all[i].IsActive = false
			f.same("saved", f.saveInterest(all[i]), true)
		}
	}
	ada := f.user("ada")
	picked := slices.Clone(all)
	slices.Reverse(picked)
	want := f.profile(ada, picked...)
	got, interests := f.profileOf(ada.ID)
	f.same("the profile", got, want)
	sameList(f, "its interests", interests, all)
}

func profileReplaced(f *fixture) {
	ada := f.user("ada")
	hiking, chess, opera := f.interest("hiking"), f.interest("chess"), f.interest("opera")
	first := f.profile(ada, hiking, chess)
	second := matching.Profile{ID: id.Profile(f.ids.Next()), UserID: ada.ID, FirstName: "A.", IsSearchable: false}
	f.saveProfile(second, opera, chess)
	second.ID = first.ID
	got, interests := f.profileOf(ada.ID)
	f.same("the profile", got, second)
	sameList(f, "its interests", interests, []matching.Interest{chess, opera})
	f.saveProfile(second)
	_, interests = f.profileOf(ada.ID)
	sameList(f, "its interests after saving it with no interests", interests, nil)
	f.rowCount(ports.Profiles, 1)
	f.rowCount(ports.ProfileInterests, 0)
}

func profileRace(f *fixture) {
	interests := make([]matching.Interest, 8)
	for i := range interests {
		interests[i] = f.interest(fmt.Sprint("interest", i))
	}
	for round := range rounds(5, 200) {
		ada := f.user(fmt.Sprintf("ada%d", round))
		f.allConcurrently(len(interests), func(i int) error {
			p := f.newProfile(ada)
			p.FirstName = interests[i].Name
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return tx.Matching().SaveProfile(ctx, p,
					[]id.Interest{interests[i].ID, interests[(i+1)%len(interests)].ID})
			})
		})
		p, linked := f.profileOf(ada.ID)
		i := slices.IndexFunc(interests, func(x matching.Interest) bool { return x.Name == p.FirstName })
		if i < 0 {
			f.Fatalf("read a profile that no unit saved: %+v", p)
		}
		f.same("the number of linked interests", len(linked), 2)
		for _, want := range []matching.Interest{interests[i], interests[(i+1)%len(interests)]} {
			if !slices.Contains(linked, want) {
				f.Errorf("the profile of one unit has the interests of another: %+v, %+v", p, linked)
			}
		}
	}
	f.rowCount(ports.Profiles, rounds(5, 200))
}

func profileDropped(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	hiking := f.interest("hiking")
	f.profile(ada, hiking)
	kept := f.profile(ben, hiking)
	for range 2 {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Matching().DropProfile(ctx, ada.ID) })
	}
	f.rowCount(ports.Profiles, 1)
	f.rowCount(ports.ProfileInterests, 1)
	f.rowCount(ports.Interests, 1)
	got, _ := f.profileOf(ben.ID)
	f.same("another profile", got, kept)
	f.profile(ada, hiking)
}

func interestTaken(f *fixture) {
	for _, forms := range [][]string{
		{"Hiking", "hiking", "HIKING", " Hiking\u200b"}, {"café", "cafe\u0301", "CAFÉ"}, {"Straße", "STRASSE"},
	} {
		first := f.interest(forms[0])
		before := f.dump()
		for _, form := range forms {
			i := f.newInterest(form)
			created := write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
				return tx.Matching().AddInterest(ctx, i)
			})
			f.same("created "+form, created, false)
		}
		f.unchanged("a name that is taken", before)
		other := f.interest("other " + forms[0])
		before = f.dump()
		taken := other
		taken.Name = strings.ToUpper(forms[0])
		f.same("saved under a name that is taken", f.saveInterest(taken), false)
		f.unchanged("a name that is taken", before)
		first.Name = strings.ToUpper(forms[0]) // an interest may respell its own name
		f.same("saved under its own name", f.saveInterest(first), true)
		other.Name = "further " + forms[0]
		f.same("saved under a name that is free", f.saveInterest(other), true)
		f.interest("other " + forms[0]) // this name is free again
	}
}

func interestRace(f *fixture) {
	for round := range rounds(3, 200) {
		created := make([]bool, 12)
		f.allConcurrently(len(created), func(i int) error {
			interest := f.newInterest(fmt.Sprint([]string{"Chess", "chess", "CHESS"}[i%3], round))
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				created[i], err = tx.Matching().AddInterest(ctx, interest)
				return err
			})
		})
		f.same("the number of units that added the interest", len(filter(created, func(b bool) bool { return b })), 1)
	}
	f.rowCount(ports.Interests, rounds(3, 200))
}

func interestSaved(f *fixture) {
	hiking := f.interest("hiking")
	got := write(f, func(ctx context.Context, tx ports.Tx) (matching.Interest, error) {
		return tx.Matching().HoldInterest(ctx, hiking.ID)
	})
	f.same("the interest that is held", got, hiking)
	hiking.Name, hiking.Icon, hiking.IsActive = "Hill walking", "", false
	f.same("saved", f.saveInterest(hiking), true)
	all := read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
		return tx.Matching().Interests(ctx, hiking.ID)
	})
	f.same("the interest", all, []matching.Interest{hiking})
}

func interestsByID(f *fixture) {
	chess, hiking, opera := f.interest("Chess"), f.interest("hiking"), f.interest("Opera")
	for _, c := range []struct {
		ids  []id.Interest
		want []matching.Interest
	}{
		{nil, nil},
		{[]id.Interest{opera.ID, chess.ID}, []matching.Interest{chess, opera}},
		{[]id.Interest{id.Interest(f.ids.Next()), hiking.ID}, []matching.Interest{hiking}},
		{[]id.Interest{{}}, nil},
	} {
		got := read(f, func(ctx context.Context, tx ports.Tx) ([]matching.Interest, error) {
			return tx.Matching().Interests(ctx, c.ids...)
		})
		sameList(f, fmt.Sprintf("%d interests by id", len(c.ids)), got, c.want)
	}
}

func interestPages(f *fixture) {
	var all []matching.Interest
	for i := range paged {
		interest := f.newInterest(fmt.Sprint(oddNames[i%len(oddNames)], " ", i))
		interest.IsActive = i%3 != 0
		f.do(func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Matching().AddInterest(ctx, interest)
			return err
		})
		all = append(all, interest)
	}
	slices.SortFunc(all, func(a, b matching.Interest) int {
		return strings.Compare(text.Fold(a.Name).String(), text.Fold(b.Name).String())
	})
	fetch := func(activeOnly bool) func(
		context.Context, ports.Tx, *matching.NamePlace, int,
	) ([]matching.Interest, error) {
		return func(
			ctx context.Context, tx ports.Tx, after *matching.NamePlace, limit int,
		) ([]matching.Interest, error) {
			return tx.Matching().AllInterests(ctx, activeOnly, after, limit)
		}
	}
	pages(f, "all interests", all, matching.PlaceOfInterest, fetch(false))
	pages(f, "active interests", filter(all, func(i matching.Interest) bool { return i.IsActive }),
		matching.PlaceOfInterest, fetch(true))
}
