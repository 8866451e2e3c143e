//go:build wireinject

package wiring

import (
	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/ports"
)

// NewServices makes the services over any store, without HTTP and without anything that runs by itself:
// mail is handed to the mailer at once, and the storage stays the caller's. Errors: those of Config.Validate.
func NewServices(c Config, storage ports.Storage) (*services.Services, error) {
	panic(wire.Build(Domains, wire.FieldsOf(new(Checked), "Mailer")))
}
