package mongodb

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

var correspondents = tableOf(ports.CorrespondentLayout)

// seen is a user with the facts that decide what a viewer sees of them. The account has only its ID
// and Name, the profile only the fields that Sight.Person uses.
type seen struct {
	account users.User
	profile matching.Profile
	sight   matching.Sight
	blocked bool // by the viewer
}

func (s *seen) person() matching.Person { return s.sight.Person(s.account, s.profile) }

// seenProfile are the fields of a profile that a user is seen with.
var seenProfile = d("user_id", 1, "first_name", 1, "image_url", 1, "is_searchable", 1)

func (s *seen) scanProfile(r *record) bool {
	s.profile.FirstName, s.profile.ImageURL = r.text("first_name"), r.text("image_url")
	s.sight.Searchable = r.bool("is_searchable")
	return true
}

// seenBy returns the users with these ids as a viewer sees them, without ids that do not exist. It
// reads them together.
func seenBy(ctx context.Context, t *txn, viewer id.User, ids ...id.User) (map[id.User]*seen, error) {
	all := make(map[id.User]*seen, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	return all, t.together(ctx, func() error {
		_, err := list(ctx, t, func(r *record) bool {
			s := &seen{account: users.User{ID: r.id("_id"), Name: r.text("name")}}
			s.sight = matching.Sight{Active: r.bool("is_active"), Blocked: len(scanBlocks(r)) > 0}
			all[s.account.ID] = s
			return true
		}, query{in: usersIn, filter: d("_id", d("$in", uuids(ids))),
			fields: d("name", 1, "is_active", 1, "blocks", d("$elemMatch", d("user_id", uuid(viewer))))})
		if err != nil {
			return err
		}
		blocked, err := blockedBy(ctx, t, viewer)
		if err != nil {
			return err
		}
		for _, user := range blocked {
			if s := all[user]; s != nil {
				s.sight.Blocked, s.blocked = true, true
			}
		}
		_, err = list(ctx, t, func(r *record) bool {
			s := all[r.id("user_id")]
			return s != nil && s.scanProfile(r)
		}, query{in: profilesIn, filter: d("user_id", d("$in", uuids(ids))), fields: seenProfile})
		if err != nil {
			return err
		}
		pairs := make(bson.A, len(ids))
		for i, user := range ids {
			pairs[i] = correspondentKey(matching.Correspondent{UserID: user, ReaderID: viewer})
		}
		_, err = list(ctx, t, func(r *record) bool {
			if s := all[correspondents.scan(r).UserID]; s != nil {
				s.sight.Wrote = true
			}
			return true
		}, query{in: correspondentsIn, filter: d("_id", d("$in", pairs))})
		return err
	})
}

// blockedBy returns the users whom a user blocks.
func blockedBy(ctx context.Context, t *txn, user id.User) (blocked []id.User, err error) {
	blocks, err := list(ctx, t, scanBlocks, query{in: usersIn, filter: d("_id", uuid(user)), fields: d("blocks", 1)})
	for _, b := range slices.Concat(blocks...) {
		blocked = append(blocked, b.BlockedUserID)
	}
	return blocked, err
}

func correspondentKey(c matching.Correspondent) any { return field(correspondents.doc(c), "_id") }

// addingCorrespondent returns a write that changes nothing if the document exists.
func addingCorrespondent(c matching.Correspondent) mongo.WriteModel {
	key := d("_id", correspondentKey(c))
	return putting(key, d("$setOnInsert", key))
}

func (repo matchingRepository) Sight(
	ctx context.Context, viewer, user id.User,
) (sight matching.Sight, err error) {
	err = repo.read(ctx, func(t *txn) error {
		all, err := seenBy(ctx, t, viewer, user)
		if s := all[user]; s != nil {
			sight = s.sight
		}
		return err
	})
	return sight, err
}

func (repo matchingRepository) People(
	ctx context.Context, viewer id.User, ids ...id.User,
) (people []matching.Person, err error) {
	err = repo.read(ctx, func(t *txn) error {
		all, err := seenBy(ctx, t, viewer, ids...)
		for _, s := range all {
			people = append(people, s.person())
		}
		return err
	})
	return people, err
}

// AddCorrespondent sends nothing if this process knows the pair.
func (repo matchingRepository) AddCorrespondent(ctx context.Context, c matching.Correspondent) error {
	return repo.write(ctx, func(t *txn) error {
		if _, known := t.store.correspondents.get(c); !known {
			t.later(correspondentsIn, addingCorrespondent(c))
			t.correspondents = append(t.correspondents, c)
		}
		return nil
	})
}
