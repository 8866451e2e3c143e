package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
)

type profileTables struct {
	profiles        tree[*profile]               // user_id
	profileIDs      tree[*profile]               // id
	searchable      tree[*profile]               // id
	interests       tree[*interest]              // id
	interestsByName tree[*interest]              // folded name, id
	links           tree[ports.ProfileInterest]  // profile_id, interest_id
	linksOf         tree[ports.ProfileInterest]  // interest_id, profile_id
	correspondents  tree[matching.Correspondent] // user_id, reader_id
	residents       tree[*profile]               // country, city, id, of searchable profiles
}

func (t *profileTables) copy() profileTables {
	return profileTables{
		profiles: t.profiles.copy(), profileIDs: t.profileIDs.copy(), searchable: t.searchable.copy(),
		residents: t.residents.copy(),
		interests: t.interests.copy(), interestsByName: t.interestsByName.copy(),
		links: t.links.copy(), linksOf: t.linksOf.copy(), correspondents: t.correspondents.copy(),
	}
}

// profile is a row with the texts that a search compares.
type profile struct {
	matching.Profile
	country text.Searched
	city    text.Searched
}

// interest is a row with its folded name.
type interest struct {
	matching.Interest
	foldedName text.Folded
}

func newInterest(i matching.Interest) *interest {
	return &interest{Interest: i, foldedName: text.Fold(i.Name)}
}

// nameKey returns the interest's key in interestsByName.
func (i *interest) nameKey() string { return textKey(i.foldedName.String()) + idKey(i.ID) }

func (s *state) addProfile(p matching.Profile) error {
	switch {
	case s.profileIDs.has(idKey(p.ID)):
		return taken("a profile")
	case s.profiles.has(idKey(p.UserID)):
		return taken("a user's profile")
	case !s.users.has(idKey(p.UserID)):
		return noTarget("a profile's user")
	}
	return s.putProfile(p)
}

// putProfile stores a profile, and replaces any that has its id.
func (t *profileTables) putProfile(p matching.Profile) error {
	if p.Age != 0 && (p.Age < matching.MinAge || p.Age > matching.MaxAge) {
		return broken("an age must be 18 to 120")
	}
	if old, found := t.profileIDs.get(idKey(p.ID)); found {
		t.searchable.drop(idKey(p.ID))
		t.residents.drop(old.residenceKey())
	}
	row := &profile{Profile: p, country: text.SearchFold(p.Country), city: text.SearchFold(p.City)}
	t.profiles.put(idKey(p.UserID), row)
	t.profileIDs.put(idKey(p.ID), row)
	if p.IsSearchable {
		t.searchable.put(idKey(p.ID), row)
		t.residents.put(row.residenceKey(), row)
	}
	return nil
}

// residenceKey returns the profile's key in residents.
func (p *profile) residenceKey() string {
	return residenceKey(matching.Residence{Place: matching.PlaceKey{Country: p.country, City: p.city}, Profile: p.ID})
}

func residenceKey(r matching.Residence) string {
	return textKey(r.Place.Country.String()) + textKey(r.Place.City.String()) + idKey(r.Profile)
}

func (t *profileTables) dropProfile(p *profile) {
	t.dropLinks(p.ID)
	t.profiles.drop(idKey(p.UserID))
	t.profileIDs.drop(idKey(p.ID))
	t.searchable.drop(idKey(p.ID))
	t.residents.drop(p.residenceKey())
}

func (t *profileTables) addLink(l ports.ProfileInterest) error {
	switch {
	case t.links.has(idKey(l.ProfileID) + idKey(l.InterestID)):
		return taken("a profile's interest")
	case !t.profileIDs.has(idKey(l.ProfileID)):
		return noTarget("the profile of a profile's interest")
	case !t.interests.has(idKey(l.InterestID)):
		return noTarget("a profile's interest")
	}
	t.links.put(idKey(l.ProfileID)+idKey(l.InterestID), l)
	t.linksOf.put(idKey(l.InterestID)+idKey(l.ProfileID), l)
	return nil
}

func (t *profileTables) dropLinks(profile id.Profile) {
	var gone []ports.ProfileInterest
	for _, l := range t.links.ascend(idKey(profile), "") {
		gone = append(gone, l)
	}
	for _, l := range gone {
		t.links.drop(idKey(profile) + idKey(l.InterestID))
		t.linksOf.drop(idKey(l.InterestID) + idKey(profile))
	}
}

// interestsIn returns the interests linked to a profile, by name.
func (t *profileTables) interestsIn(profile id.Profile) []*interest {
	var list []*interest
	for _, l := range t.links.ascend(idKey(profile), "") {
		i, _ := t.interests.get(idKey(l.InterestID))
		list = append(list, i)
	}
	slices.SortFunc(list, byName)
	return list
}

func byName(a, b *interest) int { return cmp.Compare(a.nameKey(), b.nameKey()) }

// named reports whether an interest other than i that fits has the name of i.
func (t *profileTables) named(i *interest, fits func(*interest) bool) bool {
	for _, other := range t.interestsByName.ascend(textKey(i.foldedName.String()), "") {
		if other.ID != i.ID && fits(other) {
			return true
		}
	}
	return false
}

func (t *profileTables) addInterest(i matching.Interest) error {
	row := newInterest(i)
	switch {
	case t.interests.has(idKey(i.ID)):
		return taken("an interest")
	case !i.Twin && t.named(row, func(other *interest) bool { return !other.Twin }):
		return taken("an interest's name")
	}
	t.interests.put(idKey(i.ID), row)
	t.interestsByName.put(row.nameKey(), row)
	return nil
}

func either(*interest) bool { return true }

type matchingRepository struct{ *unit }

func (repo matchingRepository) Profile(
	ctx context.Context, user id.User,
) (p matching.Profile, interests []matching.Interest, err error) {
	err = repo.read(ctx, func(s *state) error {
		row, found := s.profiles.get(idKey(user))
		if !found {
			return notFound("a profile")
		}
		p = row.Profile
		for _, i := range s.interestsIn(p.ID) {
			interests = append(interests, i.Interest)
		}
		return nil
	})
	return p, interests, err
}

func (repo matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return repo.write(ctx, func(s *state) error {
		if err := s.saveProfile(&p); err != nil {
			return err
		}
		s.dropLinks(p.ID)
		picked := slices.Clone(interests)
		slices.SortFunc(picked, id.Interest.Compare)
		for _, i := range slices.Compact(picked) {
			if err := s.addLink(ports.ProfileInterest{ProfileID: p.ID, InterestID: i}); err != nil {
				return err
			}
		}
		return nil
	})
}

// saveProfile stores a profile. The id of a user's first profile never changes.
func (s *state) saveProfile(p *matching.Profile) error {
	if old, found := s.profiles.get(idKey(p.UserID)); found {
		p.ID = old.ID
		return s.putProfile(*p)
	}
	return s.addProfile(*p)
}

func (repo matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(s *state) error {
		if p, found := s.profiles.get(idKey(user)); found {
			s.dropProfile(p)
		}
		return nil
	})
}

func (repo matchingRepository) Interests(
	ctx context.Context, ids ...id.Interest,
) (list []matching.Interest, err error) {
	err = repo.read(ctx, func(s *state) error {
		var found []*interest
		for _, wanted := range ids {
			if i, ok := s.interests.get(idKey(wanted)); ok {
				found = append(found, i)
			}
		}
		slices.SortFunc(found, byName)
		for _, i := range slices.Compact(found) {
			list = append(list, i.Interest)
		}
		return nil
	})
	return list, err
}

func (repo matchingRepository) AllInterests(
	ctx context.Context, activeOnly bool, after *matching.NamePlace, limit int,
) (list []matching.Interest, err error) {
	err = repo.read(ctx, func(s *state) error {
		start := ""
		if after != nil {
			start = textKey(after.Folded.String()) + idKey(after.ID)
		}
		for _, i := range s.interestsByName.ascend("", start) {
			if len(list) >= limit {
				break
			}
			if i.IsActive || !activeOnly {
				list = append(list, i.Interest)
			}
		}
		return nil
	})
	return list, err
}

func (repo matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		if s.named(newInterest(i), either) {
			return nil
		}
		created = true
		return s.addInterest(i)
	})
	return created && err == nil, err
}

func (repo matchingRepository) HoldInterest(
	ctx context.Context, interest id.Interest,
) (i matching.Interest, err error) {
	err = repo.write(ctx, func(s *state) error {
		row, found := s.interests.get(idKey(interest))
		if !found {
			return notFound("an interest")
		}
		i = row.Interest
		return nil
	})
	return i, err
}

func (repo matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		old, found := s.interests.get(idKey(i.ID))
		if !found {
			return notFound("an interest")
		}
		if renamed := newInterest(i); renamed.foldedName != old.foldedName && s.named(renamed, either) {
			return nil
		}
		saved = true
		s.interests.drop(idKey(i.ID))
		s.interestsByName.drop(old.nameKey())
		return s.addInterest(i)
	})
	return saved && err == nil, err
}
