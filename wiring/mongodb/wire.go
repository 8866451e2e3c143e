//go:build wireinject

package mongodb

import (
	"context"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// build makes the App, and a function that closes what of it was built in vain.
func build(ctx context.Context, uri string, o mongodb.Options, c wiring.Config) (*wiring.App, func(), error) {
	panic(wire.Build(wiring.Application, openStore, wire.Bind(new(ports.Storage), new(*mongodb.Store))))
}

// buildOver is build over a store that is open.
func buildOver(s *mongodb.Store, c wiring.Config) (*wiring.App, func(), error) {
	panic(wire.Build(wiring.Application, wire.Bind(new(ports.Storage), new(*mongodb.Store))))
}
