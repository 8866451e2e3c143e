// Package sqlite makes a server that keeps its data in one SQLite file, without a database server.
package sqlite

import (
	"cmp"
	"context"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store in a file, and creates the file if it does not exist; the
// folder must exist. The server answers searches for people from an index unless c.MatchIndex says no.
// The caller must call Close. Access tokens remain valid after a restart only if
// c.Access.Keys are the same. Errors: those of wiring.Config.Validate, which is called before the
// file is opened, and those of Open of adapters/sqlite.
func New(ctx context.Context, path string, c wiring.Config) (*wiring.App, error) {
	c.MatchIndex.Mode = cmp.Or(c.MatchIndex.Mode, wiring.IndexOn)
	app, _, err := build(ctx, path, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store. It takes a Checked so that wire validates the configuration first.
func openStore(ctx context.Context, path string, c wiring.Checked) (*sqlite.Store, func(), error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
