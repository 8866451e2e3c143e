package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

// few is how many of the best candidates a search looks at first. A page has at most 101, and few
// candidates are blocked or have an inactive account.
const few = 128

// findable is the condition that the viewer ?1 may find a profile at all. It is
// matching.Sight.Findable.
var findable = `profiles.is_searchable = 1 AND profiles.user_id <> ?1
			AND (SELECT is_active FROM users WHERE users.id = profiles.user_id)
			AND NOT ` + eitherBlocks("?1", "profiles.user_id")

// findableAmong finds those of the profiles ?2 that the viewer ?1 may find.
var findableAmong = "SELECT " + profiles.columns + `
	FROM json_each(?2) CROSS JOIN profiles ON profiles.id = unhex(value)
	WHERE ` + findable

// ownInterest is an interest of the viewer, with its number.
type ownInterest struct {
	matching.Interest
	number int64
}

// ranked is a candidate of a search. Not all of them may be found.
type ranked struct {
	profile id.Profile
	score   int
	numbers []byte
}

// Search ranks by the numbers of interests, which the index has that it reads, and then looks at the
// rows of the best candidates. If they do not fill the page, it ranks more of them, again from the
// beginning.
func (repo matchingRepository) Search(
	ctx context.Context, q matching.Query, after *matching.Rank, limit int,
) (matches []matching.Match, err error) {
	err = repo.together(ctx, func(c *conn) error {
		s := search{Query: q, conn: c, from: matching.Rank{Score: math.MaxInt}}
		if after != nil {
			s.from = *after
		}
		found, err := list(ctx, c, func(r *row, v *ownInterest) {
			interests.scan(r, &v.Interest)
			v.number = r.int()
		}, ownNumbers, blob(q.Viewer))
		if err != nil {
			return err
		}
		s.own = found
		for _, i := range found {
			s.mine.add(i.number)
		}
		if s.wanted, err = setOfInterests(ctx, c, q.Interests); err != nil {
			return err
		}
		for most := few; len(matches) < limit; most *= 8 {
			best, err := s.best(ctx, most)
			if err != nil {
				return err
			}
			if matches, err = s.page(ctx, matches, best, limit); err != nil || len(best) < most {
				return err
			}
			s.from = best[len(best)-1].rank()
		}
		return nil
	})
	return matches, err
}

func (r ranked) rank() matching.Rank { return matching.Rank{Score: r.score, Profile: r.profile} }

// search is a query, with what the candidates are compared with.
type search struct {
	matching.Query
	conn   *conn
	from   matching.Rank // candidates are after it
	own    []ownInterest
	mine   numberSet
	wanted numberSet
}

// best returns the best candidates after s.from, in the order of their ranks: up to most.
func (s *search) best(ctx context.Context, most int) (best []ranked, err error) {
	if len(s.Interests) > 0 && len(s.wanted) == 0 {
		return nil, nil
	}
	text, args := s.candidates(most)
	bound := matching.Rank{Score: -1} // candidates after it are not among the best
	err = s.conn.query(ctx, func(r *row) {
		one := ranked{profile: r.id(), numbers: r.bytes()}
		if len(s.Interests) > 0 {
			if n, err := s.wanted.shared(one.numbers); n == 0 || err != nil {
				r.fail(err)
				return
			}
		}
		var err error
		one.score, err = s.mine.shared(one.numbers)
		if r.fail(err); compareRanks(one.rank(), s.from) <= 0 || compareRanks(one.rank(), bound) > 0 {
			return
		}
		if best = append(best, one); len(best) == 2*most {
			best = sorted(best)[:most]
			bound = best[most-1].rank()
		}
	}, text, args...)
	best = sorted(best)
	return best[:min(len(best), most)], err
}

func sorted(all []ranked) []ranked {
	slices.SortFunc(all, func(a, b ranked) int { return compareRanks(a.rank(), b.rank()) })
	return all
}

// candidates returns a statement for the candidates with their numbers, which reads nothing but an
// index. If all have the score 0, their order is that of their ids, and the first of them suffice.
func (s *search) candidates(most int) (text string, args []any) {
	where, index := "is_searchable = 1", "profiles_of_place"
	add := func(condition string, value any) {
		where += " AND " + condition
		args = append(args, value)
	}
	if s.Country.String() != "" {
		add("country_searched = ?", s.Country.String())
	}
	if s.City.String() != "" {
		if add("city_searched = ?", s.City.String()); s.Country.String() == "" {
			index = "profiles_of_city"
		}
	}
	if s.MinAge > 0 {
		add("age >= ?", int64(s.MinAge))
	}
	if s.MaxAge > 0 {
		add("age <= ?", int64(s.MaxAge))
	}
	if len(s.own) > 0 || len(s.Interests) > 0 {
		return "SELECT id, interest_numbers FROM profiles INDEXED BY " + index + " WHERE " + where, args
	}
	if s.from.Score <= 0 {
		add("id > ?", blob(s.from.Profile))
	}
	return "SELECT id, interest_numbers FROM profiles WHERE " + where + " ORDER BY id LIMIT +?", append(args, int64(most))
}

// page adds those of the candidates to matches that the viewer may find, in their order, until there
// are limit matches.
func (s *search) page(
	ctx context.Context, matches []matching.Match, best []ranked, limit int,
) ([]matching.Match, error) {
	for len(best) > 0 && len(matches) < limit {
		some := best[:min(len(best), limit-len(matches)+few/8)]
		best = best[len(some):]
		ids := make([]id.Profile, len(some))
		for i, one := range some {
			ids[i] = one.profile
		}
		found, err := list(ctx, s.conn, profiles.scan, findableAmong, blob(s.Viewer), hexes(ids))
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			i := slices.IndexFunc(found, func(p matching.Profile) bool { return p.ID == one.profile })
			if i < 0 || len(matches) == limit {
				continue
			}
			m := matching.Match{Profile: found[i], Score: one.score}
			if m.Shared, err = s.shared(one.numbers); err != nil {
				return nil, err
			}
			matches = append(matches, m)
		}
	}
	return matches, nil
}

// shared returns those of the viewer's interests that have one of the numbers.
func (s *search) shared(numbers []byte) (shared []matching.Interest, err error) {
	theirs, err := setOf(numbers)
	for _, i := range s.own {
		if theirs.has(uint64(i.number)) { // #nosec G115 -- it is not negative
			shared = append(shared, i.Interest)
		}
	}
	return shared, err
}

// compareRanks compares ranks in the order of a page: the highest score is first.
func compareRanks(a, b matching.Rank) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), bytes.Compare(a.Profile[:], b.Profile[:]))
}
