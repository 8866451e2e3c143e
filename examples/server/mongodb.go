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

// openMongoDB opens a database whose collections exist. Other servers may use it, too.
func openMongoDB(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	a, err := readMongoDB(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	app, err := mongodb.New(ctx, a.uri, a.options, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: a copy is running; wait until it ends", err)
	}
	return app, explainMongoDB(p, err)
}

// migrateMongoDB creates or updates the collections.
func migrateMongoDB(ctx context.Context, p place, progress func(ports.Refolded)) error {
	a, err := readMongoDB(p.address)
	if err != nil {
		return fmt.Errorf("%s: %w", p.flag, err)
	}
	a.options.Progress = progress
	return explainMongoDB(p, adapter.Migrate(ctx, a.uri, a.options))
}

// lookAtMongoDB opens an existing store. Servers may have it open.
func lookAtMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	return storeMongoDB(ctx, p, false)
}

// takeMongoDB opens an existing store for exclusive use.
func takeMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	return storeMongoDB(ctx, p, true)
}

// copyIntoMongoDB is takeMongoDB, but creates or updates the collections if necessary. It opens the
// store first, so that it does not migrate a store that a server uses.
func copyIntoMongoDB(ctx context.Context, p place) (ports.Storage, error) {
	s, err := takeMongoDB(ctx, p)
	if !errors.Is(err, adapter.ErrOutdated) {
		return s, err
	}
	if err := migrateMongoDB(ctx, p, nil); err != nil {
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
		err = fmt.Errorf("%w: stop every server on it first; a killed server counts for another 15 s", err)
	}
	if err != nil {
		return nil, explainMongoDB(p, err)
	}
	return s, nil
}

// mongoUnauthorized is MongoDB's error code for a command that the user has no right to.
const mongoUnauthorized = 13

// explainMongoDB adds to an error the store and, if it is known, what the operator can do.
func explainMongoDB(p place, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s %s: %w", p.flag, p, err)
	if errors.Is(err, adapter.ErrOutdated) {
		return fmt.Errorf("%w: run server migrate with the same --store", err)
	}
	if errors.Is(err, uow.ErrRefused) {
		return fmt.Errorf("%w: the server refuses this user or password; "+
			"if the user is defined in another database than the store's, name it with the parameter authSource, like authSource=admin", err)
	}
	if hasMongoCode(err, mongoUnauthorized) {
		return fmt.Errorf("%w: to migrate, the user needs the roles readWrite and dbAdmin in the database; "+
			"to serve, readWrite, or the role that adapters/mongodb/README.md defines", err)
	}
	return err
}

func hasMongoCode(err error, code int) bool {
	failed, ok := errors.AsType[mongo.ServerError](err)
	return ok && failed.HasErrorCode(code)
}
