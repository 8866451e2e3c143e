//go:build wireinject

package memory

import (
	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// build makes the App, and a function that closes what of it was built in vain.
func build(c wiring.Config) (*wiring.App, func(), error) {
	panic(wire.Build(wiring.Application, memory.New, wire.Bind(new(ports.Storage), new(*memory.Store))))
}
