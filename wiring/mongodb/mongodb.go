// Package mongodb is the server that keeps everything in a MongoDB database, which several servers may share.
package mongodb

import (
	"context"
	"log/slog"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store that a URI names. Its collections must be there: adapters/mongodb's Migrate makes them.
// Whoever calls it calls Close. Servers that share a store share c.Access.Keys, too, or none takes the access tokens of
// another. Errors: those of wiring.Config.Validate, before anything is connected to, and of adapters/mongodb's Open.
func New(ctx context.Context, uri string, o mongodb.Options, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, uri, o, c) // wire itself cleans up after an error; from here on App.Close does
	return app, err
}

// NewOver is New over a store that a host has opened: on a client of its own, or because it wants to Join its own
// transactions. The App closes the store, but no client of the host's. After an error the store is still the host's and
// open. Errors: those of wiring.Config.Validate.
func NewOver(s *mongodb.Store, c wiring.Config) (*wiring.App, error) {
	app, _, err := buildOver(s, c)
	return app, err
}

// openStore opens the store, once the configuration was found good. The function that comes with it is for
// wire, where what is to be built after it cannot be; nobody uses the store by then.
func openStore(ctx context.Context, uri string, o mongodb.Options, c wiring.Checked) (*mongodb.Store, func(), error) {
	s, err := mongodb.Open(ctx, uri, o)
	if err != nil {
		return nil, nil, err
	}
	return s, func() {
		if err := s.Close(context.WithoutCancel(ctx)); err != nil {
			c.Log.Error("close what was built in vain", slog.String("part", "store"), slog.Any("error", err))
		}
	}, nil
}
