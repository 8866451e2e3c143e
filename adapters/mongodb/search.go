package mongodb

import (
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

// search finds who has a block with the viewer, and then the matching profiles in the order of
// their ranks.
func search(ctx context.Context, t *txn, q matching.Query, last *matching.Rank, limit int) ([]matching.Match, error) {
	own, err := list(ctx, t, scanProfile, query{in: profilesIn, filter: d("user_id", uuid(q.Viewer))})
	if err != nil {
		return nil, err
	}
	var mine []id.Interest
	for _, p := range own {
		mine = p.interests
	}
	known, err := interestsOf(ctx, t, slices.Concat(mine, q.Interests))
	if err != nil {
		return nil, err
	}
	known = slices.DeleteFunc(known, func(i matching.Interest) bool { return !i.IsActive })
	mine, wanted := among(mine, known), among(q.Interests, known)
	if len(q.Interests) > 0 && len(wanted) == 0 {
		return nil, nil
	}
	strangers, err := strangersTo(ctx, t, q.Viewer)
	if err != nil {
		return nil, err
	}
	stages := []bson.D{
		d("$match", append(fitting(q, wanted), d("user_id", d("$nin", strangers))...)),
		d("$addFields", d("score", d("$size", d("$setIntersection", bson.A{"$interests", uuids(mine)})))),
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
		shared := slices.DeleteFunc(slices.Clone(known), func(k matching.Interest) bool {
			return !slices.Contains(mine, k.ID) || !slices.Contains(p.interests, k.ID)
		})
		matches[i] = matching.Match{Profile: p.Profile, Shared: shared, Score: len(shared)}
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
