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

// A program creates or updates the tables, and then makes the server. No server listens at this
// address, so the error is uow.ErrUnreachable.
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
