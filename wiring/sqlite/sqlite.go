// Package sqlite is the server that keeps everything in one file, and needs nothing beside it.
package sqlite

import (
	"context"
	"log/slog"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server over the store in a file, which is made where there is none; its folder must be there.
// Whoever calls it calls Close. Access tokens outlive the server only where c.Access.Keys holds the same keys
// again. Errors: those of wiring.Config.Validate, before the file is touched, and of adapters/sqlite's Open.
func New(ctx context.Context, path string, c wiring.Config) (*wiring.App, error) {
	app, _, err := build(ctx, path, c) // wire itself cleans up after an error; from here on App.Close does
	return app, err
}

// openStore opens the store, once the configuration was found good. The function that comes with it is for
// wire, where what is to be built after it cannot be; nobody uses the store by then.
func openStore(ctx context.Context, path string, c wiring.Checked) (*sqlite.Store, func(), error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, nil, err
	}
	return s, func() {
		if err := s.Close(context.WithoutCancel(ctx)); err != nil {
			c.Log.Error("close what was built in vain", slog.String("part", "store"), slog.Any("error", err))
		}
	}, nil
}
