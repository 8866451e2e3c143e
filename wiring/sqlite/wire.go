//go:build wireinject

package sqlite

import (
	"context"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// build makes the App, and a function that closes what of it was built in vain.
func build(ctx context.Context, path string, c wiring.Config) (*wiring.App, func(), error) {
	panic(wire.Build(wiring.Application, openStore, wire.Bind(new(ports.Storage), new(*sqlite.Store))))
}
