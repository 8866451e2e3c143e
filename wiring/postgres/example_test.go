package postgres_test

import (
	"context"
	"errors"
	"fmt"

	adapter "github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/postgres"
)

// A program makes the tables, or brings them up to date, and then the server. Nobody answers at this address, which
// has an error of its own.
func Example() {
	ctx, dsn, options := context.Background(), "postgres://cicerone@localhost:1/cicerone", adapter.Options{}
	serve := func() error {
		if err := adapter.Migrate(ctx, dsn, options); err != nil {
			return err
		}
		app, err := postgres.New(ctx, dsn, options, wiring.DefaultConfig())
		if err != nil {
			return err
		}
		// http.Handle("/", app.Handler), app.Run(ctx) …
		return app.Close(ctx)
	}
	fmt.Println(errors.Is(serve(), uow.ErrUnreachable))
	// Output: true
}
