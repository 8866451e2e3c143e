package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// CheckPresence implements users.PresenceChecker. The session is read with the first query of the
// unit, or before it.
func (repo usersRepository) CheckPresence(ctx context.Context, p users.Presence) error {
	return repo.unchecked(ctx, false, func(t *txn) error {
		if err := t.checkPresence(ctx); err != nil {
			return err
		}
		t.present = &p
		return nil
	})
}

// CheckActive implements users.PresenceChecker.
func (repo usersRepository) CheckActive(ctx context.Context, user id.User) error {
	return repo.read(ctx, func(t *txn) error {
		active, err := find(ctx, t, scanActive, query{in: usersIn, filter: d("_id", uuid(user)), fields: d("is_active", 1)})
		if err == nil && !active || errors.Is(err, mongo.ErrNoDocuments) {
			err = users.ErrNotSignedIn
		}
		return err
	})
}

func scanActive(r *record) bool { return r.bool("is_active") }

// checkPresence makes the check with which the unit begins, unless it was made. It reads the
// session first and then its account, as Session does.
func (t *txn) checkPresence(ctx context.Context) error {
	p := t.present
	if p == nil {
		return nil
	}
	t.present = nil
	s, u, err := findPresence(ctx, t, *p)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return users.ErrNotSignedIn
	}
	if err != nil {
		return err
	}
	return p.Check(s, u)
}

// findPresence returns a session with the account of the user whose it should be, or
// mongo.ErrNoDocuments. A sharded collection cannot be looked up.
func findPresence(ctx context.Context, t *txn, p users.Presence) (s users.Session, u users.User, err error) {
	which := d("_id", uuid(p.Session))
	if t.store.sharded {
		if s, err = find(ctx, t, sessions.scan, query{in: sessionsIn, filter: which}); err == nil {
			u, err = find(ctx, t, people.scan, query{in: usersIn, filter: d("_id", uuid(p.User)), fields: userFields})
		}
		return s, u, err
	}
	found, err := aggregate(ctx, t, func(r *record) bool {
		s = sessions.scan(r)
		for _, account := range r.list("account") {
			u = people.scan(account)
			r.fail("account", account.err)
		}
		return true
	}, sessionsIn, d("$match", which), lookingUp(usersIn, "account", d("_id", uuid(p.User)), userFields))
	if err == nil && len(found) == 0 {
		err = mongo.ErrNoDocuments
	}
	return s, u, err
}

// lookingUp returns a stage that adds the documents of another collection that a filter finds, with
// some of their fields, as an array. The other collection must not be sharded.
func lookingUp(in collection, as string, filter, fields bson.D) bson.D {
	stages := bson.A{d("$match", filter)}
	if fields != nil {
		stages = append(stages, d("$project", fields))
	}
	return d("$lookup", d("from", string(in), "pipeline", stages, "as", as))
}

// lookingUpWith is lookingUp with variables, which the stages may use. MongoDB computes the value of
// each variable from the document to which the result is added.
func lookingUpWith(variables bson.D, in collection, as string, stages ...any) bson.D {
	return d("$lookup", d("from", string(in), "let", variables, "pipeline", bson.A(stages), "as", as))
}

// matchingVariable returns a stage for lookingUpWith. It keeps the documents in which a field equals
// a variable. MongoDB can use an index for that.
func matchingVariable(name, variable string) bson.D {
	return d("$match", d("$expr", d("$eq", bson.A{"$" + name, "$$" + variable})))
}
