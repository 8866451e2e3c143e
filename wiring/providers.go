package wiring

import (
	"fmt"
	"log/slog"

	"github.com/google/wire"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/adapters/totp"
	sending "github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// These sets provide the parts outside of core and the transports, from a Config. An injector of a
// host leaves out the sets of the parts that it provides itself: see wiring/internal/ownparts.
var (
	DefaultClock        = wire.NewSet(wire.FieldsOf(new(Checked), "Clock"))
	DefaultIDs          = wire.NewSet(NewIDs)
	DefaultHasher       = wire.NewSet(wire.FieldsOf(new(Checked), "Hasher"))
	DefaultAccessTokens = wire.NewSet(NewAccessTokens, wire.Bind(new(users.AccessTokens), new(*jwt.Tokens)))
	DefaultTOTP         = wire.NewSet(NewTOTP, wire.Bind(new(users.TOTP), new(*totp.Codes)))
	DefaultSender       = wire.NewSet(NewSender, wire.Bind(new(webhooks.Sender), new(*sending.Sender)))
	DefaultImages       = wire.NewSet(NewImages, wire.Bind(new(messaging.Images), new(*images.Cleaner)))
	DefaultMailer       = wire.NewSet(wire.FieldsOf(new(Checked), "Mailer"))
	DefaultLimits       = wire.NewSet(wire.FieldsOf(new(Checked), "Limits"))
)

// Domains makes the services of core from a Config, a ports.Storage and all parts except the
// limits.
var Domains = wire.NewSet(
	Check,
	NewReadiness, NewWaker, NewSecrets, NewUnits, NewMatchIndex, NewStore, NewLinks, NewUnsubscriber, ports.ForServices,
	wire.FieldsOf(new(Checked), "Users", "Moderation", "Tokens", "Messaging", "Reservations", "Notifications", "Live", "Webhooks"),
	wire.Bind(new(live.Relay), new(*Waker)),
	wire.Struct(new(services.Parts), "*"), wire.Struct(new(services.Policies), "*"), services.New,
)

// Server makes an App from a Config, a ports.Storage and all parts.
var Server = wire.NewSet(Domains, NewDeliveries, NewRelay, NewCursors, NewAPI, NewGRPC, NewApp)

// Application makes an App from a Config and a ports.Storage, with the default of each part.
var Application = wire.NewSet(
	Server, DefaultClock, DefaultIDs, DefaultHasher, DefaultAccessTokens, DefaultTOTP, DefaultSender, DefaultImages, DefaultMailer, DefaultLimits,
)

// Checked is a valid Config with its defaults filled in by Check. Only IDs may still be nil: NewIDs
// provides that default.
type Checked Config

// Check validates a Config and fills in its defaults. Its errors are those of Config.Validate.
func Check(c Config) (Checked, error) {
	if err := c.Validate(); err != nil {
		return Checked{}, fmt.Errorf("wiring: configuration: %w", err)
	}
	c.Live.Keep = c.Events.Keep
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Mailer == nil {
		c.Mailer = mail.NewLog(c.Log, nil)
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
	if len(c.LinkKeys) == 0 {
		for _, secret := range c.Access.Keys {
			key, err := edge.DeriveLinkKey(secret)
			if err != nil {
				return Checked{}, fmt.Errorf("wiring: sign addresses: %w", err)
			}
			c.LinkKeys = append(c.LinkKeys, key)
		}
	}
	if len(c.TOTPKeys) == 0 {
		c.TOTPKeys = c.Access.Keys
	}
	return Checked(c), nil
}

// NewUnits returns the units of work of the services, decorated by the Config. The Readiness learns
// when one could not write, and the relay when something was committed. They call the joined
// subscribers.
func NewUnits(
	c Checked, storage ports.Storage, r *Readiness, w *Waker, now clock.Clock, ids id.Source,
) (uow.Runner[ports.Tx], error) {
	if storage == nil {
		return nil, nil // services.New says what is missing
	}
	if c.Decorate != nil {
		storage = c.Decorate(storage)
	}
	runner, err := join(c, r.watch(storage), now, ids)
	if err != nil {
		return nil, err
	}
	return waking{runner, w}, nil
}

// NewStore returns the store of the services. If there is an index of profiles, it answers their
// searches.
func NewStore(c Checked, units uow.Runner[ports.Tx], index *matchindex.Index) *ports.Store {
	if index != nil {
		units = index
	}
	return uow.NewStore(units, c.Units)
}

// NewIDs returns c.IDs, or a generator that reads the clock if c.IDs is nil.
func NewIDs(c Checked, now clock.Clock) id.Source {
	if c.IDs != nil {
		return c.IDs
	}
	return id.NewGenerator(now)
}

// NewAccessTokens returns the signer and verifier of access tokens.
func NewAccessTokens(c Checked, now clock.Clock) (*jwt.Tokens, error) {
	t, err := jwt.New(jwt.Config{
		Keys: c.Access.Keys, Issuer: c.Access.Issuer, Audience: c.Access.Audience, Leeway: c.Access.Leeway, Now: now,
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: sign access tokens: %w", err)
	}
	return t, nil
}

// NewTOTP returns the second factors.
func NewTOTP(c Checked) (*totp.Codes, error) {
	codes, err := totp.New(totp.Config{Keys: c.TOTPKeys, Issuer: c.Access.Issuer})
	if err != nil {
		return nil, fmt.Errorf("wiring: seal second factors: %w", err)
	}
	return codes, nil
}

// NewImages returns the cleaner of images.
func NewImages(c Checked) *images.Cleaner { return images.New(c.Images) }

// NewCursors returns the sealer of the cursors of lists.
func NewCursors(c Checked) (*edge.Cursors, error) {
	cursors, err := edge.NewCursors(c.CursorKeys...)
	if err != nil {
		return nil, fmt.Errorf("wiring: seal cursors: %w", err)
	}
	return cursors, nil
}

// NewLinks returns the signer of the addresses of images.
func NewLinks(c Checked, now clock.Clock) (*edge.Links, error) {
	links, err := edge.NewLinks(c.LinkLifetime, now, c.LinkKeys...)
	if err != nil {
		return nil, fmt.Errorf("wiring: sign addresses: %w", err)
	}
	return links, nil
}

// NewAPI makes the HTTP API of the services. It returns an error if Config.WithoutRoutes has a name of
// no route.
func NewAPI(
	c Checked, s *services.Services, cursors *edge.Cursors, links *edge.Links, limits edge.Limits, r *Readiness,
) (*httpapi.API, error) {
	if err := httpapi.CheckRoutes(s, c.WithoutRoutes); err != nil {
		return nil, fmt.Errorf("wiring: configuration: WithoutRoutes: %w", err)
	}
	return httpapi.New(s, httpapi.Options{
		Log: c.Log, Ready: r.Check, Limits: limits, Version: c.Version, BasePath: c.BasePath,
		Observe: c.Observe, ObserveAudit: c.ObserveAudit, Tracer: c.Tracer, Origins: c.Origins, NoDocs: c.NoDocs,
		Authenticator: c.Authenticator, Cursors: cursors, Links: links,
		ClientAddress: c.ClientAddress, Middleware: c.Middleware, WithoutRoutes: c.WithoutRoutes,
	}), nil
}
