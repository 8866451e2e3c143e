package mongodb_test

import (
	"context"
	"errors"
	"fmt"

	adapter "github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/mongodb"
)

// A program creates or updates the collections, and then makes the server. No server listens at
// this address, so the error is uow.ErrUnreachable.
func Example() {
	ctx, uri, options := context.Background(), "mongodb://localhost:1/cicerone?serverSelectionTimeoutMS=100", adapter.Options{}
	serve := func() error {
		if err := adapter.Migrate(ctx, uri, options); err != nil {
			return err
		}
		app, err := mongodb.New(ctx, uri, options, wiring.DefaultConfig())
		if err != nil {
			return err
		}
		// http.Handle("/", app.Handler), app.Run(ctx) …
		return app.Close(ctx)
	}
	fmt.Println(errors.Is(serve(), uow.ErrUnreachable))
	// Output: true
}
