// Package postgres is the server that keeps everything in a PostgreSQL database, which several servers may share.
package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store that a DSN names. Its tables must exist: adapters/postgres's Migrate
// makes them. For a store that the host has opened itself, call wiring.New. The caller calls Close.
// Servers that share a store must have the same c.Access.Keys, or each refuses the access tokens of the
// others. Errors: those of wiring.Config.Validate, before it connects, and those of adapters/postgres's Open.
func New(ctx context.Context, dsn string, o postgres.Options, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, dsn, o, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store, after the configuration was found valid.
func openStore(ctx context.Context, dsn string, o postgres.Options, c wiring.Checked) (*postgres.Store, func(), error) {
	s, err := postgres.Open(ctx, dsn, o)
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
