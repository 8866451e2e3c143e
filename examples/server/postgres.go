package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgerrcode"
	"github.com/jackc/pgx/v5/pgconn"

	adapter "github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/postgres"
)

// openPostgres opens a schema whose tables exist. Other servers may use it, too.
func openPostgres(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	a, err := readPostgres(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	app, err := postgres.New(ctx, a.dsn, a.options, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: a copy is running; wait until it ends", err)
	}
	return app, explainPostgres(p, err)
}

// migratePostgres creates or updates the tables.
func migratePostgres(ctx context.Context, p place, progress func(ports.Refolded)) error {
	a, err := readPostgres(p.address)
	a.options.Progress = progress
	if err == nil && a.options.PgBouncer {
		err = errors.New("migrate does not work through PgBouncer: give the address of the PostgreSQL server, without the parameter pgbouncer")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.flag, err)
	}
	return explainPostgres(p, adapter.Migrate(ctx, a.dsn, a.options))
}

// lookAtPostgres opens an existing store. Servers may have it open.
func lookAtPostgres(ctx context.Context, p place) (ports.Storage, error) {
	return storePostgres(ctx, p, false)
}

// takePostgres opens an existing store for exclusive use.
func takePostgres(ctx context.Context, p place) (ports.Storage, error) {
	return storePostgres(ctx, p, true)
}

// copyIntoPostgres is takePostgres, but creates or updates the tables if necessary. It opens the
// store first, so that it does not migrate a store that a server uses.
func copyIntoPostgres(ctx context.Context, p place) (ports.Storage, error) {
	s, err := takePostgres(ctx, p)
	if !errors.Is(err, adapter.ErrOutdated) {
		return s, err
	}
	if err := migratePostgres(ctx, p, nil); err != nil {
		return nil, err
	}
	return takePostgres(ctx, p)
}

func storePostgres(ctx context.Context, p place, exclusive bool) (ports.Storage, error) {
	a, err := readPostgres(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	a.options.Exclusive = exclusive
	s, err := adapter.Open(ctx, a.dsn, a.options)
	if errors.Is(err, adapter.ErrInUse) && exclusive {
		err = fmt.Errorf("%w: stop every server on it first", err)
	}
	if err != nil {
		return nil, explainPostgres(p, err)
	}
	return s, nil
}

// explainPostgres adds to an error the store and, if it is known, what the operator can do.
func explainPostgres(p place, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s %s: %w", p.flag, p, err)
	if errors.Is(err, adapter.ErrOutdated) {
		return fmt.Errorf("%w: run server migrate with the same --store", err)
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch failed.Code {
	case pgerrcode.InvalidCatalogName:
		return fmt.Errorf("%w: create the database first (createdb, or CREATE DATABASE)", err)
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
		return fmt.Errorf("%w: the server refuses this user, password or client address", err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%w: to create the tables, the user needs CREATE on the database; to use them, USAGE on their schema and all privileges on them", err)
	case pgerrcode.FeatureNotSupported, pgerrcode.UndefinedFile:
		return fmt.Errorf("%w: the extensions btree_gist and pg_trgm are part of PostgreSQL; many systems have them in the package postgresql-contrib", err)
	case pgerrcode.ProtocolViolation:
		return fmt.Errorf("%w: if this is the address of PgBouncer, add the parameter pgbouncer=true", err)
	}
	return err
}
