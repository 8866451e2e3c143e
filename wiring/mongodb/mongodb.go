// Package mongodb is the server that keeps everything in a MongoDB database, which several servers may share.
package mongodb

import (
	"context"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store that a URI names. Its collections must exist: adapters/mongodb's Migrate
// makes them. For a store that the host has opened itself, call wiring.New. The caller calls Close.
// Servers that share a store must have the same c.Access.Keys, or each refuses the access tokens of the
// others. Errors: those of wiring.Config.Validate, before it connects, and those of adapters/mongodb's Open.
func New(ctx context.Context, uri string, o mongodb.Options, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, uri, o, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store, after the configuration was found valid.
func openStore(ctx context.Context, uri string, o mongodb.Options, c wiring.Checked) (*mongodb.Store, func(), error) {
	s, err := mongodb.Open(ctx, uri, o)
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
