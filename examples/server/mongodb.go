package main

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/mongo"

	adapter "github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/mongodb"
)

// openMongoDB opens a database that has its collections, which other servers may use, too.
func openMongoDB(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	a, err := readMongoDB(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	app, err := mongodb.New(ctx, a.uri, a.options, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: a copy is at work, which no server may use meanwhile", err)
	}
	return app, explainMongoDB(p, err)
}

// migrateMongoDB makes the collections, or brings them up to date.
func migrateMongoDB(ctx context.Context, p place) error {
	a, err := readMongoDB(p.address)
	if err != nil {
		return fmt.Errorf("%s: %w", p.flag, err)
	}
	return explainMongoDB(p, adapter.Migrate(ctx, a.uri, a.options))
}

// lookAtMongoDB opens a store that is there, which servers may have open.
func lookAtMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	return storeMongoDB(ctx, p, false)
}

// takeMongoDB opens a store that is there, and keeps servers off it.
func takeMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	return storeMongoDB(ctx, p, true)
}

// copyIntoMongoDB is takeMongoDB, and makes the collections where there are none. First it is seen that nobody uses them.
func copyIntoMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	s, err := takeMongoDB(ctx, p)
	if !errors.Is(err, adapter.ErrOutdated) {
		return s, err
	}
	if err := migrateMongoDB(ctx, p); err != nil {
		return nil, err
	}
	return takeMongoDB(ctx, p)
}

func storeMongoDB(ctx context.Context, p place, exclusive bool) (ports.Storage, error) {
	a, err := readMongoDB(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	a.options.Exclusive = exclusive
	s, err := adapter.Open(ctx, a.uri, a.options)
	if errors.Is(err, adapter.ErrInUse) && exclusive {
		err = fmt.Errorf("%w: stop every server on it first; one that was killed counts for 15 s more", err)
	}
	if err != nil {
		return nil, explainMongoDB(p, err)
	}
	return s, nil
}

// mongoUnauthorized is the server's code for what the user may not do.
const mongoUnauthorized = 13

// explainMongoDB says of an error which store it is about and, where that is known, what can be done.
func explainMongoDB(p place, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s %s: %w", p.flag, p, err)
	if errors.Is(err, adapter.ErrOutdated) {
		return fmt.Errorf("%w: server migrate, with the same --store, does", err)
	}
	if errors.Is(err, uow.ErrRefused) {
		return fmt.Errorf("%w: the server does not let this user in with this password; "+
			"where the user is kept in another database than the store, add the parameter authSource=admin, or what that one is called", err)
	}
	if hasMongoCode(err, mongoUnauthorized) {
		return fmt.Errorf("%w: to migrate, the user needs the roles readWrite and dbAdmin in the database; "+
			"to serve, readWrite, or the role that adapters/mongodb/README.md makes", err)
	}
	return err
}

func hasMongoCode(err error, code int) bool {
	failed, ok := errors.AsType[mongo.ServerError](err)
	return ok && failed.HasErrorCode(code)
}
