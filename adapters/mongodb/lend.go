package mongodb

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// ErrNoUnit is returned by SessionFrom if the context is not one of a unit of work that writes.
var ErrNoUnit = errors.New("the context belongs to no unit of work that writes")

// SessionFrom returns a context with the session of the unit of work of ctx, for instance in a
// wiring.Config.JoinedSubscribers, so that a host's documents are committed if and only if the unit
// is:
//
//	session, err := mongodb.SessionFrom(ctx)
//	…
//	_, err = session.Client().Database("hotel").Collection("bookings").InsertOne(session, booking)
//
// It begins the transaction and sends the writes that the unit has queued, so that the host's
// commands see them. The host calls it again to see later ones. The unit ends the transaction: the
// host must not, and must not use the session after the unit. MongoDB has no savepoints: an error of
// the server has aborted the transaction, so the host must return it. Errors: ErrNoUnit, the error
// that ended the unit, and those of its queued writes.
func SessionFrom(ctx context.Context) (session mongo.SessionContext, err error) {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		return nil, fmt.Errorf("mongodb: %w", ErrNoUnit)
	}
	err = u.write(ctx, func(t *txn) error {
		if err := t.begin(ctx); err != nil {
			return err
		}
		if err := t.flush(ctx); err != nil {
			return err
		}
		t.wrote = true // or the host will
		session = mongo.NewSessionContext(ctx, t.session)
		return nil
	})
	return session, err
}

type unitKey struct{}

// orConflict returns the error of a unit's function, and uow.ErrConflict if the server has told the
// host to run the transaction again.
func orConflict(err error) error {
	if hasLabel(err, labelTransient) && !errors.Is(err, fault.Unavailable) {
		return uow.ErrConflict.Wrap(err)
	}
	return err
}
