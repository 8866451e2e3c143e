package mongodb

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

// profile is a document: a profile and the interests in it.
type profile struct {
	matching.Profile
	interests []id.Interest
}

func scanProfile(r *record) profile {
	return profile{
		Profile: matching.Profile{
			ID: r.id("_id"), UserID: r.id("user_id"), FirstName: r.text("first_name"), LastName: r.text("last_name"), Age: int(r.int("age")),
			Biography: r.text("biography"), Country: r.text("country"), City: r.text("city"), ImageURL: r.text("image_url"),
			IsSearchable: r.bool("is_searchable"),
		},
		interests: idsIn[id.Interest](r, "interests"),
	}
}

func scanInterest(r *record) matching.Interest {
	return matching.Interest{ID: r.id("_id"), Name: r.text("name"), Icon: r.text("icon"), IsActive: r.bool("is_active")}
}

// byName is the order of interests: each folded name is there once.
var byName = d("name_folded", 1)

// foldedPlace is what profiles are searched by, beside what was typed.
func foldedPlace(country, city string) bson.D {
	return d("country_folded", text.Fold(country), "city_folded", text.Fold(city))
}

// insertInterest adds an interest, of which doc has the columns.
func (t *txn) insertInterest(doc bson.D) {
	t.later(interestsIn, inserting(append(doc, d("name_folded", text.Fold(textOf(doc, "name")), "guard", int64(0))...)))
}

// isActive reads whether an account is active, and keeps that as it is until the unit ends: what is stored beside a profile must
// not miss a change.
func (t *txn) isActive(ctx context.Context, user id.User) (bool, error) {
	if active, held := t.active[user]; held {
		return active, nil
	}
	u, err := holdUser(ctx, t, user)
	return u.IsActive, err
}

type matchingRepository struct{ *unit }

func (r matchingRepository) Profile(ctx context.Context, user id.User) (p matching.Profile, interests []matching.Interest, err error) {
	err = r.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			there, err := find(ctx, t, scanProfile, query{in: profilesIn, filter: d("user_id", uuid(user))})
			if err != nil {
				return orNotFound(err, "a profile")
			}
			p = there.Profile
			interests, err = interestsOf(ctx, t, there.interests)
			return err
		})
	})
	return p, interests, err
}

func interestsOf(ctx context.Context, t *txn, ids []id.Interest) ([]matching.Interest, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return list(ctx, t, scanInterest, query{in: interestsIn, filter: d("_id", d("$in", uuids(ids))), sort: byName})
}

func (r matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return r.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfUser, p.UserID)); err != nil {
			return err
		}
		active, err := t.isActive(ctx, p.UserID)
		if err != nil {
			return err
		}
		interests = slices.Clone(interests)
		slices.SortFunc(interests, id.Interest.Compare)
		set := append(d("first_name", textOrNull(p.FirstName), "last_name", textOrNull(p.LastName), "age", intOrNull(p.Age),
			"biography", textOrNull(p.Biography), "country", textOrNull(p.Country), "city", textOrNull(p.City),
			"image_url", textOrNull(p.ImageURL), "is_searchable", p.IsSearchable, "interests", uuids(slices.Compact(interests)),
			"user_is_active", active), foldedPlace(p.Country, p.City)...)
		t.later(profilesIn, putting(d("user_id", uuid(p.UserID)), d("$set", set, "$setOnInsert", d("_id", uuid(p.ID)))))
		return nil
	})
}

func (r matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return r.write(ctx, func(t *txn) error {
		t.later(profilesIn, removing(d("user_id", uuid(user))))
		return nil
	})
}

func (r matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		all, err = interestsOf(ctx, t, ids)
		return err
	})
	return all, err
}

func (r matchingRepository) AllInterests(ctx context.Context, activeOnly bool, last *matching.NamePlace, limit int) (all []matching.Interest, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if last != nil {
			filter = d("name_folded", d("$gt", last.Folded))
		}
		if activeOnly {
			filter = append(filter, d("is_active", true)...)
		}
		all, err = listPage(ctx, t, scanInterest, limit, query{in: interestsIn, filter: filter, sort: byName})
		return err
	})
	return all, err
}

func (r matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = r.write(ctx, func(t *txn) error {
		taken, err := t.exists(ctx, interestsIn, d("name_folded", text.Fold(i.Name)))
		if err != nil || taken {
			return err
		}
		created = true
		t.insertInterest(d("_id", uuid(i.ID), "name", i.Name, "icon", textOrNull(i.Icon), "is_active", i.IsActive))
		return nil
	})
	return created && err == nil, err
}

func (r matchingRepository) HoldInterest(ctx context.Context, interest id.Interest) (i matching.Interest, err error) {
	err = r.write(ctx, func(t *txn) (err error) {
		if err := t.queueFor(ctx, turnOf(turnOfInterest, interest)); err != nil {
			return err
		}
		i, err = holding(ctx, t, scanInterest, hold{in: interestsIn, filter: d("_id", uuid(interest)), change: guarded()})
		return orNotFound(err, "an interest")
	})
	return i, err
}

// SaveInterest meets another unit that takes the name at the same moment in the unique index.
func (r matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = r.write(ctx, func(t *txn) error {
		folded := text.Fold(i.Name)
		named, err := find(ctx, t, scanInterest, query{in: interestsIn, filter: d("name_folded", folded)})
		switch {
		case err == nil && named.ID != i.ID:
			return nil
		case err != nil && !errors.Is(err, mongo.ErrNoDocuments):
			return err
		}
		matched, err := t.update(ctx, interestsIn, changing(d("_id", uuid(i.ID)),
			d("$set", d("name", i.Name, "name_folded", folded, "icon", textOrNull(i.Icon), "is_active", i.IsActive))))
		if err == nil && matched == 0 {
			err = notFound("an interest")
		}
		saved = matched == 1
		return raced(err)
	})
	return saved && err == nil, err
}
