// Package sqlite is the server that keeps everything in one file, and needs no other server.
package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store in a file, which it creates if it does not exist; the folder must
// exist. The caller calls Close. Access tokens outlive the server only if the next one has the same
// c.Access.Keys. Errors: those of wiring.Config.Validate, before the file is touched, and those of
// adapters/sqlite's Open.
func New(ctx context.Context, path string, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, path, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store, after the configuration was found valid.
func openStore(ctx context.Context, path string, c wiring.Checked) (*sqlite.Store, func(), error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
