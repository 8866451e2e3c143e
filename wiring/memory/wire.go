//go:build wireinject

package memory

import (
	"context"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

func build(ctx context.Context, c wiring.Config) (*wiring.App, error) {
	panic(wire.Build(wiring.New, memory.New, wire.Bind(new(ports.Storage), new(*memory.Store))))
}
