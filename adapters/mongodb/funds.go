package mongodb

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
)

var _ reservations.FundsReader = fundsRepository{}

// fundsRepository is the repository of a replica set. In a sharded cluster funds are read in a
// snapshot: its collections cannot be looked up.
type fundsRepository struct{ reservationsRepository }

// heldBy returns the stages that sum the tokens of a user's accepted reservations, as held.
func heldBy(user id.User) (match, sum bson.D) {
	return d("$match", d("voyager_id", uuid(user), "status", string(reservations.Accepted))),
		d("$group", d("_id", nil, "held", d("$sum", "$tokens")))
}

func scanHeld(r *record) int64 { return r.int("held") }

// Funds implements reservations.FundsReader. It is a transaction, so that all of the command sees
// one moment.
func (repo fundsRepository) Funds(ctx context.Context, user id.User) (f reservations.Funds, err error) {
	err = repo.unchecked(ctx, false, func(t *txn) error {
		t.used = true
		if err := t.flush(ctx); err != nil { // what the unit has written to the other collections
			return err
		}
		return t.together(ctx, func() (err error) {
			if f, err = findFunds(ctx, t, user); !errors.Is(err, mongo.ErrNoDocuments) {
				return err
			}
			if err := t.checkPresence(ctx); err != nil {
				return err
			}
			f, err = findFunds(ctx, t, user)
			return orNotFound(err, "a wallet")
		})
	})
	if err != nil {
		return reservations.Funds{}, err
	}
	return f, nil
}

// findFunds returns mongo.ErrNoDocuments if there is no wallet, or if the session with which the
// unit begins does not pass.
func findFunds(ctx context.Context, t *txn, user id.User) (f reservations.Funds, err error) {
	match, sum := heldBy(user)
	stages := []bson.D{
		d("$match", d("user_id", uuid(user))),
		d("$lookup", d("from", string(reservationsIn), "pipeline", bson.A{match, sum}, "as", "sums")),
	}
	if p := t.present; p != nil {
		stages = append(stages, lookingUp(sessionsIn, "session", d("_id", uuid(p.Session)), nil),
			lookingUp(usersIn, "people", d("_id", uuid(p.User)), d("is_active", 1)))
	}
	a := newAsked()
	found, err := aggregate(ctx, t, func(r *record) (f reservations.Funds) {
		f.Balance = r.int("balance")
		for _, s := range r.list("sums") {
			f.Held = scanHeld(s)
			r.fail("sums", s.err)
		}
		a.scanPeople(r)
		a.scanSessions(r)
		return f
	}, walletsIn, stages...)
	if err != nil {
		return f, err
	}
	if len(found) == 0 || t.present != nil && !(a.active[t.present.User] && a.isOpen(t.present)) {
		return f, mongo.ErrNoDocuments
	}
	t.present = nil
	return found[0], nil
}
