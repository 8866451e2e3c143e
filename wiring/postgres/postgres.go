// Package postgres makes a server that keeps its data in a PostgreSQL database, which several
// servers may share.
package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store at a DSN. The tables must exist: Migrate of adapters/postgres
// creates them. For a store that the host has opened itself, call wiring.New. The caller must call
// Close. Servers that share a store must have the same c.Access.Keys: otherwise each refuses the
// access tokens of the others. Errors: those of wiring.Config.Validate, which is called before New
// connects, and those of Open of adapters/postgres.
func New(ctx context.Context, dsn string, o postgres.Options, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, dsn, o, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store. It takes a Checked so that wire validates the configuration first.
func openStore(ctx context.Context, dsn string, o postgres.Options, c wiring.Checked) (*postgres.Store, func(), error) {
	s, err := postgres.Open(ctx, dsn, o)
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
