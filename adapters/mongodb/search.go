package mongodb

import (
	"cmp"
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

func (repo matchingRepository) Search(
	ctx context.Context, q matching.Query, after *matching.Rank, limit int,
) (matches []matching.Match, err error) {
	err = repo.read(ctx, func(t *txn) error {
		if limit <= 0 {
			return nil
		}
		return t.together(ctx, func() (err error) {
			matches, err = search(ctx, t, q, after, limit)
			return err
		})
	})
	return matches, err
}

func (repo matchingRepository) Among(
	ctx context.Context, q matching.Query, of ...id.Profile,
) (own []id.Interest, found []matching.Match, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			v, nobody, err := viewerOf(ctx, t, q)
			own = v.mine
			if err != nil || nobody || len(of) == 0 {
				return err
			}
			profiles, err := list(ctx, t, scanProfile, query{in: profilesIn, filter: append(v.finds, d("_id", d("$in", uuids(of)))...)})
			for _, p := range profiles {
				found = append(found, v.match(p))
			}
			slices.SortFunc(found, func(a, b matching.Match) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), a.Profile.ID.Compare(b.Profile.ID))
			})
			return err
		})
	})
	return own, found, err
}

// viewer is what a search needs to know of who searches.
type viewer struct {
	mine  []id.Interest       // their active interests, in ascending order
	known []matching.Interest // active ones by name, those of mine among them
	finds bson.D              // the filter of the profiles that they find
}

// viewerOf reads a viewer. nobody is true if the query names interests, and none of them is active.
func viewerOf(ctx context.Context, t *txn, q matching.Query) (v viewer, nobody bool, err error) {
	own, err := list(ctx, t, scanProfile, query{in: profilesIn, filter: d("user_id", uuid(q.Viewer))})
	if err != nil {
		return v, false, err
	}
	for _, p := range own {
		v.mine = p.interests
	}
	v.known, err = interestsOf(ctx, t, slices.Concat(v.mine, q.Interests))
	if err != nil {
		return v, false, err
	}
	v.known = slices.DeleteFunc(v.known, func(i matching.Interest) bool { return !i.IsActive })
	v.mine = among(v.mine, v.known)
	slices.SortFunc(v.mine, id.Interest.Compare)
	wanted := among(q.Interests, v.known)
	if len(q.Interests) > 0 && len(wanted) == 0 {
		return v, true, nil
	}
	strangers, err := strangersTo(ctx, t, q.Viewer)
	v.finds = append(fitting(q, wanted), d("user_id", d("$nin", strangers))...)
	return v, false, err
}

// match returns a profile with the interests that it shares with the viewer.
func (v viewer) match(p profile) matching.Match {
	shared := slices.DeleteFunc(slices.Clone(v.known), func(k matching.Interest) bool {
		return !slices.Contains(v.mine, k.ID) || !slices.Contains(p.interests, k.ID)
	})
	return matching.Match{Profile: p.Profile, Shared: shared, Score: len(shared)}
}

// search finds who has a block with the viewer, and then the matching profiles in the order of
// their ranks.
func search(ctx context.Context, t *txn, q matching.Query, last *matching.Rank, limit int) ([]matching.Match, error) {
	v, nobody, err := viewerOf(ctx, t, q)
	if err != nil || nobody {
		return nil, err
	}
	stages := []bson.D{
		d("$match", v.finds),
		d("$addFields", d("score", d("$size", d("$setIntersection", bson.A{"$interests", uuids(v.mine)})))),
	}
	if last != nil {
		stages = append(stages, d("$match", d("$or", bson.A{
			d("score", d("$lt", last.Score)), d("score", last.Score, "_id", d("$gt", uuid(last.Profile))),
		})))
	}
	found, err := aggregate(ctx, t, scanProfile, profilesIn, append(stages, d("$sort", d("score", -1, "_id", 1)), d("$limit", limit))...)
	if err != nil {
		return nil, err
	}
	matches := make([]matching.Match, len(found))
	for i, p := range found {
		matches[i] = v.match(p)
	}
	return matches, nil
}

// fitting returns the filter of the profiles that a search may find. Filters by age exclude
// profiles without an age: null is neither greater nor less than a number.
func fitting(q matching.Query, wanted []id.Interest) bson.D {
	filter := slices.Clone(findable)
	if q.Country.String() != "" {
		filter = append(filter, d("country_searched", q.Country.String())...)
	}
	if q.City.String() != "" {
		filter = append(filter, d("city_searched", q.City.String())...)
	}
	if len(wanted) > 0 {
		filter = append(filter, d("interests", d("$in", uuids(wanted)))...)
	}
	age := bson.D{}
	if q.MinAge != 0 {
		age = append(age, d("$gte", int64(q.MinAge))...)
	}
	if q.MaxAge != 0 {
		age = append(age, d("$lte", int64(q.MaxAge))...)
	}
	if len(age) > 0 {
		filter = append(filter, d("age", age)...)
	}
	return filter
}

// strangersTo returns the users whom the viewer does not find: the viewer, and those with a block
// in either direction.
func strangersTo(ctx context.Context, t *txn, viewer id.User) (bson.A, error) {
	both := d("$or", bson.A{d("_id", uuid(viewer)), d("blocks.user_id", uuid(viewer))})
	blocks, err := list(ctx, t, scanBlocks, query{in: usersIn, filter: both, fields: d("blocks", 1)})
	if err != nil {
		return nil, err
	}
	strangers := bson.A{uuid(viewer)}
	for _, b := range slices.Concat(blocks...) {
		switch viewer {
		case b.UserID:
			strangers = append(strangers, uuid(b.BlockedUserID))
		case b.BlockedUserID:
			strangers = append(strangers, uuid(b.UserID))
		}
	}
	return strangers, nil
}

// among returns the known ones of ids.
func among(ids []id.Interest, known []matching.Interest) []id.Interest {
	return slices.DeleteFunc(slices.Clone(ids), func(i id.Interest) bool {
		return !slices.ContainsFunc(known, func(k matching.Interest) bool { return k.ID == i })
	})
}

func (repo matchingRepository) Candidates(
	ctx context.Context, after id.Profile, limit int,
) (candidates []matching.Candidate, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		candidates, err = listPage(ctx, t, scanCandidate, limit, query{
			in: profilesIn, filter: d("_id", d("$gt", uuid(after))), sort: d("_id", 1),
			fields: d("user_id", 1, "country", 1, "city", 1, "age", 1, "is_searchable", 1, "user_is_active", 1, "interests", 1),
		})
		return err
	})
	return candidates, err
}

func scanCandidate(r *record) matching.Candidate {
	picked := idsIn[id.Interest](r, "interests")
	slices.SortFunc(picked, id.Interest.Compare)
	return matching.Candidate{
		Profile: r.id("_id"), UserID: r.id("user_id"), Country: r.text("country"), City: r.text("city"), Age: int(r.int("age")),
		Findable: r.bool("is_searchable") && r.bool("user_is_active"), Interests: picked,
	}
}

func (repo matchingRepository) Residents(
	ctx context.Context, after *matching.Residence, limit int,
) (residents []matching.Resident, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := slices.Clone(findable)
		if after != nil {
			filter = append(filter, pastResidence(*after)...)
		}
		residents, err = listPage(ctx, t, scanResident, limit, query{
			in: profilesIn, filter: filter, fields: d("country", 1, "city", 1), sort: byPlace,
		})
		return err
	})
	return residents, err
}

// byPlace is the order of residents.
var byPlace = d("country_searched", 1, "city_searched", 1, "_id", 1)

func pastResidence(r matching.Residence) bson.D {
	country, city := r.Place.Country.String(), r.Place.City.String()
	return d("country_searched", d("$gte", country), "$or", bson.A{
		d("country_searched", d("$gt", country)),
		d("country_searched", country, "city_searched", d("$gt", city)),
		d("country_searched", country, "city_searched", city, "_id", d("$gt", uuid(r.Profile))),
	})
}

func scanResident(r *record) matching.Resident {
	return matching.Resident{Profile: r.id("_id"), Country: r.text("country"), City: r.text("city")}
}
