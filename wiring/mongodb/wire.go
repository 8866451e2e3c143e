//go:build wireinject

package mongodb

import (
	"context"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// build makes the App, and a function that closes the store.
func build(ctx context.Context, uri string, o mongodb.Options, c wiring.Config) (*wiring.App, func(), error) {
	panic(wire.Build(wiring.New, wiring.Check, openStore, wire.Bind(new(ports.Storage), new(*mongodb.Store))))
}
