package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
)

// profile is the document of a profile with its interests.
type profile struct {
	matching.Profile
	interests []id.Interest
}

var (
	profiles  = tableOf(ports.ProfileLayout)
	interests = tableOf(ports.InterestLayout)
)

func scanProfile(r *record) profile {
	return profile{Profile: profiles.scan(r), interests: idsIn[id.Interest](r, "interests")}
}

// byName is the order of interests.
var byName = d("name_folded", 1, "_id", 1)

// insertInterest adds an interest with the columns of doc.
func (t *txn) insertInterest(doc bson.D) {
	t.later(interestsIn, inserting(append(doc, d("guard", int64(0))...)))
}

// isActive reports whether an account is active, and locks the account until the unit ends: the
// copy of that in the profile must not miss a change.
func (t *txn) isActive(ctx context.Context, user id.User) (bool, error) {
	if active, held := t.active[user]; held {
		return active, nil
	}
	u, err := holdUser(ctx, t, user)
	return u.IsActive, err
}

type matchingRepository struct{ *unit }

func (repo matchingRepository) Profile(
	ctx context.Context, user id.User,
) (p matching.Profile, picked []matching.Interest, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() error {
			there, err := find(ctx, t, scanProfile, query{in: profilesIn, filter: d("user_id", uuid(user))})
			if err != nil {
				return orNotFound(err, "a profile")
			}
			p = there.Profile
			picked, err = interestsOf(ctx, t, there.interests)
			return err
		})
	})
	return p, picked, err
}

func interestsOf(ctx context.Context, t *txn, ids []id.Interest) ([]matching.Interest, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return list(ctx, t, interests.scan, query{in: interestsIn, filter: d("_id", d("$in", uuids(ids))), sort: byName})
}

func (repo matchingRepository) SaveProfile(ctx context.Context, p matching.Profile, interests []id.Interest) error {
	return repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOf(turnOfUser, p.UserID)); err != nil {
			return err
		}
		active, err := t.isActive(ctx, p.UserID)
		if err != nil {
			return err
		}
		interests = slices.Clone(interests)
		slices.SortFunc(interests, id.Interest.Compare)
		set := append(profiles.set(p, "_id", "user_id"), d("interests", uuids(slices.Compact(interests)), "user_is_active", active)...)
		t.later(profilesIn, putting(d("user_id", uuid(p.UserID)), d("$set", set, "$setOnInsert", d("_id", uuid(p.ID)))))
		return nil
	})
}

func (repo matchingRepository) DropProfile(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(profilesIn, removing(d("user_id", uuid(user))))
		return nil
	})
}

func (repo matchingRepository) Interests(ctx context.Context, ids ...id.Interest) (all []matching.Interest, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = interestsOf(ctx, t, ids)
		return err
	})
	return all, err
}

func (repo matchingRepository) AllInterests(
	ctx context.Context, activeOnly bool, after *matching.NamePlace, limit int,
) (all []matching.Interest, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if after != nil {
			filter = pastKey("$gt", "name_folded", after.Folded.String(), "_id", uuid(after.ID))
		}
		if activeOnly {
			filter = append(filter, d("is_active", true)...)
		}
		all, err = listPage(ctx, t, interests.scan, limit, query{in: interestsIn, filter: filter, sort: byName})
		return err
	})
	return all, err
}

func (repo matchingRepository) AddInterest(ctx context.Context, i matching.Interest) (created bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		taken, err := t.exists(ctx, interestsIn, d("name_folded", text.Fold(i.Name).String()))
		if err != nil || taken {
			return err
		}
		created = true
		t.insertInterest(interests.doc(i))
		return nil
	})
	return created && err == nil, err
}

func (repo matchingRepository) HoldInterest(
	ctx context.Context, interest id.Interest,
) (i matching.Interest, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		if err := t.queueFor(ctx, turnOf(turnOfInterest, interest)); err != nil {
			return err
		}
		h := hold{in: interestsIn, filter: d("_id", uuid(interest)), change: guarded()}
		if err := t.lift(ctx, h.in, h.filter); err != nil { // SaveInterest reads other interests, too
			return err
		}
		i, err = holding(ctx, t, interests.scan, h)
		return orNotFound(err, "an interest")
	})
	return i, err
}

// SaveInterest relies on the unique index against a concurrent unit that takes the same name.
func (repo matchingRepository) SaveInterest(ctx context.Context, i matching.Interest) (saved bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		named, err := list(ctx, t, interests.scan, query{in: interestsIn, filter: d("name_folded", text.Fold(i.Name).String())})
		if err != nil || len(named) > 0 && !slices.ContainsFunc(named, func(o matching.Interest) bool { return o.ID == i.ID }) {
			return err
		}
		matched, err := t.apply(ctx, interestsIn, changing(d("_id", uuid(i.ID)), d("$set", interests.set(i, "_id"))))
		if err == nil && matched == 0 {
			err = notFound("an interest")
		}
		saved = matched == 1
		return raced(err)
	})
	return saved && err == nil, err
}
