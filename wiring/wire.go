//go:build wireinject

package wiring

import (
	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/ports"
)

// NewServices makes the services over any store, without HTTP and without background work: they
// send no mail, settle and seal nothing. The caller closes the storage. Errors: those of
// Config.Validate.
func NewServices(c Config, storage ports.Storage) (*services.Services, error) {
	panic(wire.Build(
		Domains, DefaultClock, DefaultIDs, DefaultHasher, DefaultAccessTokens, DefaultTOTP, DefaultImages, DefaultMailer,
	))
}

// build makes the App, and a function that closes its parts except the storage.
func build(c Config, storage ports.Storage) (*App, func(), error) {
	panic(wire.Build(Application))
}
