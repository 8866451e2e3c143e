//go:build wireinject

package ownparts

import (
	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// New makes a server that refuses pictures and puts its mail into an outbox.
func New(c wiring.Config, storage ports.Storage, outbox *Outbox) (*wiring.App, error) {
	panic(wire.Build(
		wiring.Server,
		wiring.DefaultClock, wiring.DefaultIDs, wiring.DefaultHasher, wiring.DefaultAccessTokens, wiring.DefaultTOTP,
		wiring.DefaultSender, wiring.DefaultLimits,
		wire.InterfaceValue(new(messaging.Images), NoImages{}),
		wire.Bind(new(users.Mailer), new(*Outbox)),
	))
}
