// Package mongodb makes a server that keeps its data in a MongoDB database, which several servers
// may share.
package mongodb

import (
	"context"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store at a URI. The collections must exist: Migrate of
// adapters/mongodb creates them. For a store that the host has opened itself, call wiring.New. The
// caller must call Close. Servers that share a store must have the same c.Access.Keys: otherwise
// each refuses the access tokens of the others. Errors: those of wiring.Config.Validate, which is
// called before New connects, and those of Open of adapters/mongodb.
func New(ctx context.Context, uri string, o mongodb.Options, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, uri, o, c) // after an error, build has cleaned up; otherwise App.Close does
	return app, err
}

// openStore opens the store. It takes a Checked so that wire validates the configuration first.
func openStore(ctx context.Context, uri string, o mongodb.Options, c wiring.Checked) (*mongodb.Store, func(), error) {
	s, err := mongodb.Open(ctx, uri, o)
	if err != nil {
		return nil, nil, err
	}
	return s, wiring.CloseUnused(c, "store", s), nil
}
