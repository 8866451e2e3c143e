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

// openPostgres opens a schema that has its tables, which other servers may use, too.
func openPostgres(ctx context.Context, p place, c wiring.Config) (*wiring.App, error) {
	a, err := readPostgres(p.address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.flag, err)
	}
	app, err := postgres.New(ctx, a.dsn, a.options, c)
	if errors.Is(err, adapter.ErrInUse) {
		err = fmt.Errorf("%w: a copy is at work, which no server may use meanwhile", err)
	}
	return app, explainPostgres(p, err)
}

// migratePostgres makes the tables, or brings them up to date.
func migratePostgres(ctx context.Context, p place) error {
	a, err := readPostgres(p.address)
	if err == nil && a.options.PgBouncer {
		err = errors.New("this needs the server itself: give its address instead of PgBouncer's, and leave out pgbouncer")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.flag, err)
	}
	return explainPostgres(p, adapter.Migrate(ctx, a.dsn, a.options))
}

// lookAtPostgres opens a store that is there, which servers may have open.
func lookAtPostgres(ctx context.Context, p place) (ports.Storage, error) {
	return storePostgres(ctx, p, false)
}

// takePostgres opens a store that is there, and keeps servers off it.
func takePostgres(ctx context.Context, p place) (ports.Storage, error) {
	return storePostgres(ctx, p, true)
}

// copyIntoPostgres is takePostgres, and makes the tables where there are none. First it is seen that nobody uses them.
func copyIntoPostgres(ctx context.Context, p place) (ports.Storage, error) {
	s, err := takePostgres(ctx, p)
	if !errors.Is(err, adapter.ErrOutdated) {
		return s, err
	}
	if err := migratePostgres(ctx, p); err != nil {
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

// explainPostgres says of an error which store it is about and, where that is known, what can be done.
func explainPostgres(p place, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s %s: %w", p.flag, p, err)
	if errors.Is(err, adapter.ErrOutdated) {
		return fmt.Errorf("%w: server migrate, with the same --store, does", err)
	}
	failed, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	switch failed.Code {
	case pgerrcode.InvalidCatalogName:
		return fmt.Errorf("%w: make the database first (createdb, or CREATE DATABASE)", err)
	case pgerrcode.InvalidPassword, pgerrcode.InvalidAuthorizationSpecification:
		return fmt.Errorf("%w: the server does not let this user in with this password, or from this address", err)
	case pgerrcode.InsufficientPrivilege:
		return fmt.Errorf("%w: to make tables, the user needs CREATE on the database; to use them, USAGE on their schema and all rights on them", err)
	case pgerrcode.FeatureNotSupported, pgerrcode.UndefinedFile:
		return fmt.Errorf("%w: the extensions btree_gist and pg_trgm come with PostgreSQL, on many systems in a package postgresql-contrib", err)
	case pgerrcode.ProtocolViolation:
		return fmt.Errorf("%w: where this is PgBouncer, add the parameter pgbouncer=true to the address", err)
	}
	return err
}
