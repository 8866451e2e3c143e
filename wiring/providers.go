package wiring

import (
	"fmt"
	"log/slog"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// Domains makes the services of core from a Config, a ports.Storage and a users.Mailer.
var Domains = wire.NewSet(
	Check,
	ports.NewStore, ports.ForServices,
	NewAccessTokens, wire.Bind(new(users.AccessTokens), new(*jwt.Tokens)),
	wire.InterfaceValue(new(messaging.Images), images.Inspector{}),
	wire.FieldsOf(new(Checked), "Users", "Messaging", "Reservations", "Units", "Clock", "IDs", "Log", "Hasher"),
	wire.Struct(new(services.Parts), "*"), wire.Struct(new(services.Policies), "*"), services.New,
)

// Application makes an App from a Config and a ports.Storage, which is all that a root has to add.
var Application = wire.NewSet(
	Domains,
	NewMailQueue, wire.Bind(new(users.Mailer), new(*mail.Queue)),
	NewCursors,
	NewAPI,
	NewApp,
)

// Checked is a Config that was found good, with nothing left nil. Check makes it.
type Checked Config

// Check fills what a Config leaves to the defaults. Its errors are those of Config.Validate.
func Check(c Config) (Checked, error) {
	if err := c.Validate(); err != nil {
		return Checked{}, fmt.Errorf("wiring: configuration: %w", err)
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.IDs == nil {
		c.IDs = id.NewGenerator(c.Clock)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Mailer == nil {
		c.Mailer = mail.NewLog(c.Log)
	}
	if c.Hasher == nil {
		h, err := bcrypt.New(c.PasswordCost)
		if err != nil {
			return Checked{}, fmt.Errorf("wiring: hash passwords: %w", err)
		}
		c.Hasher = h
	}
	if len(c.Access.Keys) == 0 {
		key, err := jwt.NewKey()
		if err != nil {
			return Checked{}, fmt.Errorf("wiring: sign access tokens: %w", err)
		}
		c.Access.Keys = [][]byte{key}
	}
	if len(c.CursorKeys) == 0 {
		for _, secret := range c.Access.Keys {
			key, err := edge.DeriveCursorKey(secret)
			if err != nil {
				return Checked{}, fmt.Errorf("wiring: seal cursors: %w", err)
			}
			c.CursorKeys = append(c.CursorKeys, key)
		}
	}
	return Checked(c), nil
}

// NewAccessTokens makes what signs and verifies access tokens.
func NewAccessTokens(c Checked) (*jwt.Tokens, error) {
	t, err := jwt.New(jwt.Config{
		Keys: c.Access.Keys, Issuer: c.Access.Issuer, Audience: c.Access.Audience, Leeway: c.Access.Leeway, Now: c.Clock,
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: sign access tokens: %w", err)
	}
	return t, nil
}

// NewMailQueue starts the queue in front of the mailer. The App closes it; the function that comes with
// it is for wire, where what is to be built after it cannot be.
func NewMailQueue(c Checked) (*mail.Queue, func(), error) {
	q, err := mail.NewQueue(c.Mailer, mail.QueueConfig{Logger: c.Log})
	if err != nil {
		return nil, nil, fmt.Errorf("wiring: queue mail: %w", err)
	}
	return q, func() { closeNow(c.Log, "mail queue", q.Close) }, nil
}

// NewCursors makes what seals the cursors of lists.
func NewCursors(c Checked) (*edge.Cursors, error) {
	cursors, err := edge.NewCursors(c.CursorKeys...)
	if err != nil {
		return nil, fmt.Errorf("wiring: seal cursors: %w", err)
	}
	return cursors, nil
}

// NewAPI makes the HTTP face of the services.
func NewAPI(c Checked, s *services.Services, cursors *edge.Cursors, storage ports.Storage) *httpapi.API {
	return httpapi.New(s, httpapi.Options{
		Log: c.Log, Ready: storage.Ping, Limits: c.Limits, Version: c.Version,
		Authenticator: c.Authenticator, Cursors: cursors,
		ClientAddress: c.ClientAddress, Middleware: c.Middleware,
	})
}
