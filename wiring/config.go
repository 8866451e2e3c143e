package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/kit/endpoint"
	"go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/adapters/bcrypt"
	"github.com/cicerone-go/cicerone/adapters/images"
	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/adapters/matchindex"
	"github.com/cicerone-go/cicerone/adapters/totp"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/grpcapi"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// MaxSettleEvery is the maximum of Reservations.SettleEvery: reservations are settled within 5 s
// after they end (core/README.md#reservations).
const MaxSettleEvery = 5 * time.Second

// MaxSealEvery is the maximum of Tokens.SealEvery: transactions are sealed within seconds
// (core/README.md#tokens).
const MaxSealEvery = 10 * time.Second

// MaxOpenResets is the maximum of Users.OpenResets.
const MaxOpenResets = 100

// MaxUnanswered is the maximum of Messaging.MaxUnanswered: sending a message to somebody who has never
// answered counts up to it.
const MaxUnanswered = 1000

// Config configures a server. Start from DefaultConfig.
type Config struct {
	Users         users.Policy
	Moderation    moderation.Policy
	Tokens        tokens.Policy
	Messaging     messaging.Policy
	Reservations  reservations.Policy
	Notifications notifications.Policy
	Events        events.Policy
	Live          live.Policy // its Keep is that of Events
	Webhooks      webhooks.Policy
	MatchIndex    MatchIndex
	Units         uow.Policy // how long a unit of work is retried; zero fields take uow.DefaultPolicy

	Access       Access
	PasswordCost int // the cost of bcrypt, 4 to 31; each step doubles the time
	Limits       edge.Limits
	Images       images.Limits // of cleaning images; zero fields take images.DefaultLimits
	PurgeEvery   time.Duration // how often expired sessions and idempotency keys are removed

	// Subscribers handle events, while App.Run runs: see events.Relay. A subscription that the store
	// has, and that no process has a subscriber for any more, holds events until it is
	// Events.BehindAfter behind, or an admin switches it off. The server itself has the subscriber
	// users.MailSubscriber, so none may have this name.
	Subscribers []events.Subscriber

	// JoinedSubscribers handle events in the units of work of the services that add them, with the
	// transaction of the store: postgres.TxFrom(ctx), mongodb.SessionFrom(ctx), sqlite.TxFrom(ctx),
	// memory.OnCommit(ctx, fn). They are called also if App.Run does not run, and by the services of
	// NewServices, in the order of this list. An error refuses what a person asked for, but neither a
	// settlement nor an erasure: see events.JoinedSubscriber. App.Run delivers deferred events.
	JoinedSubscribers []ports.JoinedSubscriber

	// WebhookNetworks are private addresses to which webhooks may be sent, besides public ones.
	WebhookNetworks []netip.Prefix

	// Mailer sends mail, while App.Run runs: a subscriber calls it, after the commit of the request
	// that caused the mail. Without Run, nothing is mailed, and the requests wait in the store. nil
	// writes all mail to the log. That is for development only: a reader of the log can use the
	// secrets in the mail.
	Mailer users.Mailer

	// Hasher hashes passwords; nil means bcrypt at PasswordCost.
	Hasher users.Hasher

	Clock      clock.Clock           // nil means the system clock
	IDs        id.Source             // nil means an id.Generator that reads Clock
	Log        *slog.Logger          // nil means slog.Default()
	Middleware []endpoint.Middleware // see httpapi.Options
	Version    string                // of the program, shown in the description of the API

	// WithoutRoutes are the names of routes that the API does not have, for instance because the host
	// adds its own in their place; see httpapi.Options.
	WithoutRoutes []string

	// BasePath is the path below which clients reach the Handler of the App, for example
	// /community; "" means the root. http.StripPrefix or a proxy must remove it from requests. See
	// httpapi.Options.
	BasePath string

	// PublicURL is the address of the API as clients reach it, with the BasePath, for example
	// https://example.org/community. It is https. Mail that may be switched off has an address below
	// it, at which one click does so (RFC 8058); "" leaves that out.
	PublicURL string

	// ClientAddress returns the IP address of the client of a request, such as httpapi.ClientBehind
	// behind proxies; see httpapi.Options. nil means the address of the peer.
	ClientAddress func(*http.Request) string

	// Observe is called once for every request, after its response; see httpapi.Options.
	Observe func(ctx context.Context, x httpapi.Exchange)

	// ObserveAudit is called with the result of each audit of the store that an admin asks for; see
	// httpapi.Options.
	ObserveAudit func(ctx context.Context, found httpapi.Verification)

	// ObserveCall is called once for every call over gRPC, after its end, and NoReflection leaves out
	// the service with which clients of gRPC read the .proto files; see grpcapi.Options.
	ObserveCall  func(ctx context.Context, x grpcapi.Exchange)
	NoReflection bool

	// Tracer makes OpenTelemetry spans of each request; see httpapi.Options. nil makes none.
	Tracer trace.TracerProvider

	// Decorate returns the storage through which the services reach the store, for instance to
	// measure their units of work. It gets the store and must pass every call on. nil means the
	// store itself.
	Decorate func(ports.Storage) ports.Storage

	// Origins are the origins whose scripts may call the API from a browser, and NoDocs leaves out
	// /docs; see httpapi.Options.
	Origins []string
	NoDocs  bool

	// Authenticator returns the caller that a request's bearer token identifies. nil means
	// users.Service, which accepts the access tokens of open sessions.
	Authenticator edge.Authenticator

	// CursorKeys are secrets of edge.CursorKeySize bytes or more, which authenticate the cursors of
	// lists. The first key seals, and all of them open. If there are none, they are derived from
	// Access.Keys.
	CursorKeys [][]byte

	// LinkKeys are secrets of edge.LinkKeySize bytes or more, which sign the addresses of images.
	// The first key signs, and all of them verify. If there are none, they are derived from
	// Access.Keys.
	LinkKeys     [][]byte
	LinkLifetime time.Duration // how long such an address works; default 5 minutes

	// TOTPKeys are secrets of totp.KeySize bytes or more, which seal the secrets of second factors and
	// of webhooks in the store. The first key seals, and all of them open. If there are none, they are Access.Keys.
	// Without the key that sealed it, a second factor works with its recovery codes only: a key must
	// be kept here when it is removed from Access.Keys.
	TOTPKeys [][]byte
}

// Access configures the access tokens.
type Access struct {
	// Keys are secrets of jwt.KeySize bytes or more. The first key signs, and all of them verify.
	// If there are none, a random key is made, and access tokens are valid in this process only.
	// Second factors then need TOTPKeys: see there.
	Keys [][]byte

	Issuer   string        // the tokens' issuer; must not be empty
	Audience string        // the tokens' audience; must not be empty
	Leeway   time.Duration // how long a token is accepted after its expiry; default 1 minute
}

// DefaultConfig returns a configuration with the default policies of core/README.md. It writes mail
// to the log, and its access tokens become invalid when the process ends.
func DefaultConfig() Config {
	return Config{
		Users:         users.DefaultPolicy(),
		Moderation:    moderation.DefaultPolicy(),
		Tokens:        tokens.DefaultPolicy(),
		Messaging:     messaging.DefaultPolicy(),
		Reservations:  reservations.DefaultPolicy(),
		Notifications: notifications.DefaultPolicy(),
		Events:        events.DefaultPolicy(),
		Live:          live.DefaultPolicy(),
		Webhooks:      webhooks.DefaultPolicy(),
		MatchIndex:    MatchIndex{Policy: matchindex.DefaultPolicy()},
		Access:        Access{Issuer: "cicerone", Audience: "cicerone", Leeway: time.Minute},
		PasswordCost:  bcrypt.DefaultCost,
		Limits:        edge.DefaultLimits(),
		PurgeEvery:    time.Hour,
		LinkLifetime:  edge.DefaultLinkLifetime,
	}
}

// Validate returns an error that lists every invalid field of the configuration, one per line, or
// nil if all fields are valid.
func (c Config) Validate() error {
	var p problems
	p.tokens("Users.SignupBonus", c.Users.SignupBonus)
	p.check(c.Users.AccessLifetime > 0, "Users.AccessLifetime", "must be above 0, is %v", c.Users.AccessLifetime)
	p.check(c.Users.RefreshLifetime >= c.Users.AccessLifetime, "Users.RefreshLifetime",
		"must be at least Users.AccessLifetime, %v, is %v", c.Users.AccessLifetime, c.Users.RefreshLifetime)
	p.check(c.Users.SessionLifetime >= c.Users.AccessLifetime, "Users.SessionLifetime",
		"must be at least Users.AccessLifetime, %v, is %v", c.Users.AccessLifetime, c.Users.SessionLifetime)
	p.check(c.Users.RefreshGrace >= 0 && c.Users.RefreshGrace <= c.Users.RefreshLifetime, "Users.RefreshGrace",
		"must be 0 to Users.RefreshLifetime, %v, is %v", c.Users.RefreshLifetime, c.Users.RefreshGrace)
	p.check(c.Users.ResetLifetime > 0, "Users.ResetLifetime", "must be above 0, is %v", c.Users.ResetLifetime)
	p.check(c.Users.OpenResets >= 1 && c.Users.OpenResets <= MaxOpenResets, "Users.OpenResets",
		"must be 1 to %d, is %d", MaxOpenResets, c.Users.OpenResets)
	p.fields("Users.", c.Users.CheckLocales)
	p.quota("Users.MaxWrong", c.Users.MaxWrong)
	p.check(c.Users.MaxPause > 0 && (c.Users.MaxPause <= c.Users.CountWindow || c.Users.CountWindow <= 0), "Users.MaxPause",
		"must be above 0 and at most Users.CountWindow, %v, is %v", c.Users.CountWindow, c.Users.MaxPause)
	p.quota("Users.MaxResets", c.Users.MaxResets)
	p.quota("Users.MaxResetsFrom", c.Users.MaxResetsFrom)
	p.check(c.Users.CountWindow > 0, "Users.CountWindow", "must be above 0, is %v", c.Users.CountWindow)
	p.check(c.Users.ResetURL == "" || isWebAddress(c.Users.ResetURL), "Users.ResetURL",
		"must be an http or https address, is %q", c.Users.ResetURL)

	p.check(c.Moderation.MaxSignInAge > 0, "Moderation.MaxSignInAge", "must be above 0, is %v", c.Moderation.MaxSignInAge)
	p.check(c.Tokens.SealEvery > 0 && c.Tokens.SealEvery <= MaxSealEvery, "Tokens.SealEvery",
		"must be above 0 and at most %v, is %v", MaxSealEvery, c.Tokens.SealEvery)
	p.tokens("Messaging.MessageCost", c.Messaging.MessageCost)
	p.quota("Messaging.MaxOpened", c.Messaging.MaxOpened)
	p.check(c.Messaging.MaxUnanswered >= 1 && c.Messaging.MaxUnanswered <= MaxUnanswered, "Messaging.MaxUnanswered",
		"must be 1 to %d, is %d", MaxUnanswered, c.Messaging.MaxUnanswered)
	p.check(c.Messaging.MaxImagePixels >= 1 && c.Messaging.MaxImagePixels <= maxImagePixels, "Messaging.MaxImagePixels",
		"must be 1 to %d, is %d", maxImagePixels, c.Messaging.MaxImagePixels)
	p.check(c.Images.Memory >= 0, "Images.Memory", "must not be negative, is %d", c.Images.Memory)
	p.check(c.Images.Waiting >= 0, "Images.Waiting", "must not be negative, is %d", c.Images.Waiting)
	p.check(c.Reservations.MaxLead > 0, "Reservations.MaxLead", "must be above 0, is %v", c.Reservations.MaxLead)
	p.check(c.Reservations.MaxLength > 0, "Reservations.MaxLength", "must be above 0, is %v", c.Reservations.MaxLength)
	p.check(c.Reservations.SettleEvery > 0 && c.Reservations.SettleEvery <= MaxSettleEvery, "Reservations.SettleEvery",
		"must be above 0 and at most %v, is %v", MaxSettleEvery, c.Reservations.SettleEvery)
	p.quota("Reservations.MaxProposed", c.Reservations.MaxProposed)
	p.quota("Reservations.MaxPending", c.Reservations.MaxPending)
	p.quota("Reservations.MaxUnanswered", c.Reservations.MaxUnanswered)

	p.fields("Events.", c.Events.Check)
	p.check(c.Events.Keep >= live.MinKeep || c.Events.Keep < 0, "Events.Keep", "must be at least %v, is %v", live.MinKeep, c.Events.Keep)
	c.Live.Keep = max(c.Events.Keep, live.MinKeep)
	p.fields("Live.", c.Live.Check)
	p.fields("Notifications.", c.Notifications.Check)
	p.check(c.PublicURL == "" || isPublicURL(c.PublicURL), "PublicURL",
		"must be an https address of at most %d characters, without a query, is %q", maxPublicURL, c.PublicURL)
	p.fields("Webhooks.", c.Webhooks.Check)
	for i, network := range c.WebhookNetworks {
		p.check(network.IsValid(), fmt.Sprintf("WebhookNetworks[%d]", i), "must be a network")
	}
	p.fields("", func(f *fault.Fields) { events.CheckSubscribers(f, c.Subscribers) })
	p.fields("", func(f *fault.Fields) { events.CheckJoined(f, c.JoinedSubscribers, c.Subscribers) })
	p.fields("", func(f *fault.Fields) { checkReserved(f, c) })

	p.matchIndex(c.MatchIndex)
	p.notNegative("Units.MaxTime", c.Units.MaxTime)
	p.notNegative("Units.MinPause", c.Units.MinPause)
	p.notNegative("Units.MaxPause", c.Units.MaxPause)

	p.access(c.Access)
	p.keys("CursorKeys", c.CursorKeys, edge.CursorKeySize)
	p.keys("LinkKeys", c.LinkKeys, edge.LinkKeySize)
	p.keys("TOTPKeys", c.TOTPKeys, totp.KeySize)
	p.check(c.LinkLifetime >= time.Second && c.LinkLifetime <= time.Hour, "LinkLifetime", "must be 1s to 1h, is %v", c.LinkLifetime)
	_, err := bcrypt.New(c.PasswordCost)
	p.check(c.Hasher != nil || err == nil, "PasswordCost", "%v", err)
	p.rate("Limits.Anonymous", c.Limits.Anonymous)
	p.rate("Limits.User", c.Limits.User)
	p.admission("Limits.Admission", c.Limits.Admission)
	exports := c.Limits.Exports
	p.check(exports.PerUser >= 0, "Limits.Exports.PerUser", "must not be negative, is %d", exports.PerUser)
	p.check(exports.AtOnce >= 0, "Limits.Exports.AtOnce", "must not be negative, is %d", exports.AtOnce)
	p.check(exports.MinRate >= 0, "Limits.Exports.MinRate", "must not be negative, is %d", exports.MinRate)
	p.notNegative("Limits.Exports.Over", exports.Over)
	streams := c.Limits.Streams
	p.check(streams.PerUser >= 0, "Limits.Streams.PerUser", "must not be negative, is %d", streams.PerUser)
	p.check(streams.AtOnce >= 0, "Limits.Streams.AtOnce", "must not be negative, is %d", streams.AtOnce)
	p.notNegative("Limits.Streams.Longest", streams.Longest)
	p.notNegative("Limits.Streams.WriteTime", streams.WriteTime)
	p.lane("Limits.Lanes.Search", c.Limits.Lanes.Search)
	p.lane("Limits.Lanes.Audit", c.Limits.Lanes.Audit)
	p.lane("Limits.Lanes.Images", c.Limits.Lanes.Images)
	p.lane("Limits.Lanes.Hashing", c.Limits.Lanes.Hashing)
	p.bodies("Limits.Bodies", c.Limits.Bodies)
	err = kithttp.CheckBasePath(c.BasePath)
	p.check(err == nil, "BasePath", "%w", err)
	for _, origin := range c.Origins {
		err := httpapi.CheckOrigin(origin)
		p.check(err == nil, "Origins", "%w", err)
	}
	p.check(c.PurgeEvery > 0, "PurgeEvery", "must be above 0, is %v", c.PurgeEvery)
	return errors.Join(p...)
}

type problems []error

func (p *problems) check(ok bool, field, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
	}
}

// fields adds the fields that check finds invalid.
func (p *problems) fields(prefix string, check func(f *fault.Fields)) {
	var f fault.Fields
	check(&f)
	if invalid, ok := errors.AsType[*fault.Error](f.Err()); ok {
		for _, field := range invalid.Fields {
			p.check(false, prefix+field.Name, "%s", field.Message)
		}
	}
}

func (p *problems) tokens(field string, n int64) {
	p.check(n >= 0 && n <= tokens.MaxAmount, field, "must be 0 to %d tokens, is %d", int64(tokens.MaxAmount), n)
}

// maxQuota is the largest quota. To check one, a store reads as many entries of an index.
const maxQuota = 1_000_000

// maxImagePixels is the maximum of Messaging.MaxImagePixels. Images of so many pixels also need an
// Images.Memory above the default.
const maxImagePixels = 1_000_000_000

func (p *problems) quota(field string, n int) {
	p.check(n >= 1 && n <= maxQuota, field, "must be 1 to %d, is %d", maxQuota, n)
}

func (p *problems) notNegative(field string, d time.Duration) {
	p.check(d >= 0, field, "must not be negative, is %v", d)
}

func (p *problems) rate(field string, r edge.Rate) {
	p.check(r.PerSecond >= 0 && !math.IsInf(r.PerSecond, 0), field+".PerSecond", "must be 0 or more, is %v", r.PerSecond)
	p.check(r.Burst >= 0, field+".Burst", "must be 0 or more, is %d", r.Burst)
}

// maxQueue is the longest queue of a lane. To begin a request, the lane looks at all that wait.
const maxQueue = 10_000

func (p *problems) admission(field string, a edge.Admission) {
	if a.Most == 0 {
		return
	}
	p.check(a.Most > 0 && a.Most <= maxQueue, field+".Most", "must be 0 to %d, is %d", maxQueue, a.Most)
	p.check(a.Least >= 1 && (a.Least <= a.Most || a.Most < 0), field+".Least", "must be 1 to Most, which is %d, is %d", a.Most, a.Least)
	p.check(a.Slowdown >= 1 && a.Slowdown <= 100, field+".Slowdown", "must be 1 to 100, is %v", a.Slowdown)
	for _, operation := range slices.Sorted(maps.Keys(a.Slowdowns)) {
		slowdown := a.Slowdowns[operation]
		p.check(slowdown >= 1 && slowdown <= 100, field+".Slowdowns", "must each be 1 to 100, that of %s is %v", operation, slowdown)
	}
	p.check(a.Queue >= 0 && a.Queue <= maxQueue, field+".Queue", "must be 0 to %d, is %d", maxQueue, a.Queue)
	p.check(a.Reserve >= 0 && a.Reserve <= maxQueue, field+".Reserve", "must be 0 to %d, is %d", maxQueue, a.Reserve)
	p.notNegative(field+".Wait", a.Wait)
}

func (p *problems) lane(field string, l edge.Lane) {
	p.check(l.AtOnce >= 0, field+".AtOnce", "must not be negative, is %d", l.AtOnce)
	p.check(l.Each >= 0, field+".Each", "must not be negative, is %d", l.Each)
	p.check(l.Queue >= 0 && l.Queue <= maxQueue, field+".Queue", "must be 0 to %d, is %d", maxQueue, l.Queue)
	p.check(l.QueueEach >= 0, field+".QueueEach", "must not be negative, is %d", l.QueueEach)
	p.notNegative(field+".Wait", l.Wait)
}

func (p *problems) bodies(field string, b edge.BodyLimits) {
	p.check(b.Reserve >= 0, field+".Reserve", "must not be negative, is %d", b.Reserve)
	p.check(b.Total == 0 || b.Total-max(b.Reserve, 0) >= httpapi.MaxBody, field+".Total",
		"must be 0, or have room for a body of %d bytes beside the reserve, is %d", int64(httpapi.MaxBody), b.Total)
	p.check(b.PerCaller == 0 || b.PerCaller >= httpapi.MaxBody, field+".PerCaller",
		"must be 0, or have room for a body of %d bytes, is %d", int64(httpapi.MaxBody), b.PerCaller)
	p.check(b.MinRate >= 0, field+".MinRate", "must not be negative, is %d", b.MinRate)
	p.notNegative(field+".Over", b.Over)
}

func (p *problems) keys(field string, keys [][]byte, size int) {
	for i, key := range keys {
		p.check(len(key) >= size, field, "key %d must have %d bytes or more, has %d", i+1, size, len(key))
		same := slices.IndexFunc(keys, func(k []byte) bool { return slices.Equal(k, key) })
		p.check(same == i, field, "keys %d and %d are the same", same+1, i+1)
	}
}

func (p *problems) access(a Access) {
	p.keys("Access.Keys", a.Keys, jwt.KeySize)
	p.check(a.Issuer != "", "Access.Issuer", "must not be empty")
	p.check(a.Audience != "", "Access.Audience", "must not be empty")
	p.notNegative("Access.Leeway", a.Leeway)
}

// maxPublicURL leaves room for a path and a token in a line of a mail.
const maxPublicURL = 500

func isPublicURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		len(s) <= maxPublicURL && !strings.ContainsAny(s, " <>,?#")
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
