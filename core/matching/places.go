package matching

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// MaxCounted is the number up to which the people of a place are counted, so that a page of places
// has a bounded cost however many people a place has.
const MaxCounted = 500

// Place is a country and a city with searchable people. Two spellings that are equal by
// text.SearchFold are one place.
type Place struct {
	Country string // as most of the counted people write it, or "" if they gave none
	City    string // as most of the counted people write it, or "" if they gave none
	People  int    // number of searchable profiles of active users; MaxCounted if there are more
}

// PlaceKey is the position of a place in a list of places.
type PlaceKey struct {
	Country text.Searched
	City    text.Searched
}

// PlaceOf returns the position of a place in a list.
func PlaceOf(p Place) PlaceKey {
	return PlaceKey{Country: text.SearchFold(p.Country), City: text.SearchFold(p.City)}
}

// Resident is a searchable profile of an active user, reduced to its place.
type Resident struct {
	Profile id.Profile
	Country string
	City    string
}

// Residence is the position of a resident in the order of places.
type Residence struct {
	Place   PlaceKey
	Profile id.Profile
}

// ResidenceOf returns the position of a resident in a list.
func ResidenceOf(r Resident) Residence {
	return Residence{Place: PlaceOf(Place{Country: r.Country, City: r.City}), Profile: r.Profile}
}

// Places lists the countries and cities that have searchable profiles of active users, ordered by
// text.SearchFold of the country and then of the city. The caller's own profile and those of users
// with a block between them and the caller count, too. Profiles with neither a country nor a city
// do not count. Errors: users.ErrNotSignedIn.
func (s *Service) Places(ctx context.Context, caller id.User, r page.Request[PlaceKey]) (page.Page[Place, PlaceKey], error) {
	var p page.Page[Place, PlaceKey]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		p, err = page.Read(r, PlaceOf, func(after *PlaceKey, limit int) ([]Place, error) {
			return places(ctx, tx, after, limit)
		})
		return err
	})
	return p, err
}

// places reads residents in their order. It skips those of a place that is counted up to
// MaxCounted.
func places(ctx context.Context, tx Tx, after *PlaceKey, limit int) ([]Place, error) {
	last := id.Profile(bytes.Repeat([]byte{0xff}, 16))
	at := Residence{Profile: last} // skips profiles with neither country nor city
	if after != nil {
		at.Place = *after
	}
	var counts []*count
	for {
		residents, err := tx.Matching().Residents(ctx, &at, MaxCounted)
		if err != nil {
			return nil, fmt.Errorf("list residents: %w", err)
		}
		for _, r := range residents {
			at.Profile = r.Profile
			if len(counts) == 0 || !counts[len(counts)-1].knows(r) {
				at = ResidenceOf(r)
			}
			if len(counts) == 0 || counts[len(counts)-1].key != at.Place {
				if len(counts) == limit {
					return tally(counts), nil
				}
				counts = append(counts, &count{key: at.Place, spellings: map[Place]int{}})
			}
			counts[len(counts)-1].add(r)
		}
		if len(residents) < MaxCounted {
			return tally(counts), nil
		}
		if counts[len(counts)-1].people == MaxCounted {
			at.Profile = last
		}
	}
}

// count counts the people of one place, and its spellings.
type count struct {
	key       PlaceKey
	people    int
	spellings map[Place]int
}

func (c *count) add(r Resident) {
	if c.people < MaxCounted {
		c.people++
		c.spellings[Place{Country: r.Country, City: r.City}]++
	}
}

// knows reports whether a resident is of the place, because another one has the same spelling: to
// fold a text takes much longer.
func (c *count) knows(r Resident) bool {
	return c.spellings[Place{Country: r.Country, City: r.City}] > 0
}

// tally returns the places with their most frequent spellings, of equally frequent ones the first
// by its bytes.
func tally(counts []*count) []Place {
	all := make([]Place, len(counts))
	for i, c := range counts {
		most := 0
		for spelling, n := range c.spellings {
			if cmp.Or(cmp.Compare(most, n), cmp.Compare(spelling.Country, all[i].Country), cmp.Compare(spelling.City, all[i].City)) < 0 {
				all[i], most = spelling, n
			}
		}
		all[i].People = c.people
	}
	return all
}
