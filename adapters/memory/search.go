package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

func (repo matchingRepository) Search(
	ctx context.Context, q matching.Query, after *matching.Rank, limit int,
) (matches []matching.Match, err error) {
	err = repo.read(ctx, func(s *state) error {
		shared := s.sharedWith(q.Viewer)
		var found []matching.Rank
		for _, p := range s.candidates(q) {
			rank := matching.Rank{Score: len(shared[p.ID]), Profile: p.ID}
			if s.mayMeet(q.Viewer, p) && p.fits(q) && (after == nil || compareRanks(*after, rank) < 0) {
				found = append(found, rank)
			}
		}
		slices.SortFunc(found, compareRanks)
		for _, rank := range found[:min(len(found), max(limit, 0))] {
			matches = append(matches, s.match(rank, shared[rank.Profile]))
		}
		return nil
	})
	return matches, err
}

func (repo matchingRepository) Among(
	ctx context.Context, q matching.Query, profiles ...id.Profile,
) (own []id.Interest, found []matching.Match, err error) {
	err = repo.read(ctx, func(s *state) error {
		shared := s.sharedWith(q.Viewer)
		if p, has := s.profiles.get(idKey(q.Viewer)); has {
			for _, l := range s.links.ascend(idKey(p.ID), "") {
				if i, _ := s.interests.get(idKey(l.InterestID)); i.IsActive {
					own = append(own, i.ID)
				}
			}
		}
		candidates := s.candidates(q)
		var ranks []matching.Rank
		for _, wanted := range profiles {
			if p, is := candidates[wanted]; is && s.mayMeet(q.Viewer, p) && p.fits(q) {
				ranks = append(ranks, matching.Rank{Score: len(shared[p.ID]), Profile: p.ID})
			}
		}
		slices.SortFunc(ranks, compareRanks)
		for _, rank := range slices.Compact(ranks) {
			found = append(found, s.match(rank, shared[rank.Profile]))
		}
		return nil
	})
	return own, found, err
}

func (repo matchingRepository) Candidates(
	ctx context.Context, after id.Profile, limit int,
) (candidates []matching.Candidate, err error) {
	err = repo.read(ctx, func(s *state) error {
		start := ""
		if !after.IsZero() {
			start = idKey(after)
		}
		for _, p := range s.profileIDs.ascend("", start) {
			if len(candidates) >= limit {
				break
			}
			c := matching.Candidate{
				Profile: p.ID, UserID: p.UserID, Country: p.Country, City: p.City, Age: p.Age,
				Findable: p.IsSearchable && s.isActive(p.UserID),
			}
			for _, l := range s.links.ascend(idKey(p.ID), "") {
				c.Interests = append(c.Interests, l.InterestID)
			}
			candidates = append(candidates, c)
		}
		return nil
	})
	return candidates, err
}

// compareRanks orders by score, highest first, and then by profile id.
func compareRanks(a, b matching.Rank) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), a.Profile.Compare(b.Profile))
}

// sharedWith returns the active interests that each profile shares with the viewer, by name.
func (s *state) sharedWith(viewer id.User) map[id.Profile][]matching.Interest {
	shared := map[id.Profile][]matching.Interest{}
	own, found := s.profiles.get(idKey(viewer))
	if !found {
		return shared
	}
	for _, i := range s.interestsIn(own.ID) {
		if !i.IsActive {
			continue
		}
		for _, l := range s.linksOf.ascend(idKey(i.ID), "") {
			shared[l.ProfileID] = append(shared[l.ProfileID], i.Interest)
		}
	}
	return shared
}

// candidates returns the searchable profiles. If the query names interests, it returns only
// profiles with at least one of them.
func (s *state) candidates(q matching.Query) map[id.Profile]*profile {
	candidates := map[id.Profile]*profile{}
	if len(q.Interests) == 0 {
		for _, p := range s.searchable.ascend("", "") {
			candidates[p.ID] = p
		}
		return candidates
	}
	for _, wanted := range q.Interests {
		if i, found := s.interests.get(idKey(wanted)); !found || !i.IsActive {
			continue
		}
		for _, l := range s.linksOf.ascend(idKey(wanted), "") {
			if p, found := s.searchable.get(idKey(l.ProfileID)); found {
				candidates[p.ID] = p
			}
		}
	}
	return candidates
}

// mayMeet reports whether the viewer may find the profile at all.
func (s *state) mayMeet(viewer id.User, p *profile) bool {
	return p.UserID != viewer && s.isActive(p.UserID) && !s.blocked(viewer, p.UserID)
}

func (p *profile) fits(q matching.Query) bool {
	return (q.Country == text.Searched{} || p.country == q.Country) &&
		(q.City == text.Searched{} || p.city == q.City) &&
		(q.MinAge == 0 || p.Age >= q.MinAge) &&
		(q.MaxAge == 0 || p.Age != 0 && p.Age <= q.MaxAge)
}

func (s *state) match(rank matching.Rank, shared []matching.Interest) matching.Match {
	row, _ := s.profileIDs.get(idKey(rank.Profile))
	return matching.Match{Profile: row.Profile, Shared: shared, Score: rank.Score}
}

func (repo matchingRepository) Residents(
	ctx context.Context, after *matching.Residence, limit int,
) (residents []matching.Resident, err error) {
	err = repo.read(ctx, func(s *state) error {
		start := ""
		if after != nil {
			start = residenceKey(*after)
		}
		for _, p := range s.residents.ascend("", start) {
			if len(residents) >= limit {
				break
			}
			if s.isActive(p.UserID) {
				residents = append(residents, matching.Resident{Profile: p.ID, Country: p.Country, City: p.City})
			}
		}
		return nil
	})
	return residents, err
}
