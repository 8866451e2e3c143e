package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Options set how an API serves. The zero value of each field is a choice, too.
type Options struct {
	Log     *slog.Logger                // of requests and of failures; nil: none
	Ready   func(context.Context) error // asked by /readyz, an error is a 503; nil: always ready
	Limits  edge.Limits                 // see edge.DefaultLimits; the zero value limits nobody
	Version string                      // of the host, for the OpenAPI document

	// Authenticator finds out who calls, by the bearer token of the request. Nil takes the Users
	// service: access tokens with sessions.
	Authenticator edge.Authenticator

	// Cursors seals the cursors of lists. Nil takes edge.RandomCursors: cursors then work with this
	// API only.
	Cursors *edge.Cursors

	// ClientAddress returns the IP address from which a request comes, for the limit of requests
	// without signing in. It runs once for every request of a route. Nil takes the peer's address,
	// which behind a proxy is the proxy's.
	ClientAddress func(*http.Request) string

	// Middleware wraps the endpoint of every route; the first is the outermost. It runs when the
	// request has been let in and decoded: it gets the decoded request, and edge.CallerFrom its
	// context is the caller. See [kithttp.Handle].
	Middleware []endpoint.Middleware
}

// API serves the whole HTTP face. It is an http.Handler, for many goroutines at once, that may be mounted
// below a path with http.StripPrefix.
type API struct {
	services      *services.Services
	ready         func(context.Context) error
	log           *slog.Logger
	clientAddress func(*http.Request) string
	gate          *edge.Gate
	cursors       *edge.Cursors
	server        *kithttp.Server
	exporting     chan struct{} // held by the one export under way
}

// New returns an API of services that services.New made. It panics if one is missing.
func New(s *services.Services, o Options) *API {
	if err := fault.Missing("an httpapi.API", *s); err != nil {
		panic(err)
	}
	a := &API{
		services:      s,
		ready:         o.Ready,
		log:           o.Log,
		clientAddress: o.ClientAddress,
		cursors:       o.Cursors,
		exporting:     make(chan struct{}, 1),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.clientAddress == nil {
		a.clientAddress = peerAddress
	}
	if o.Authenticator == nil {
		o.Authenticator = s.Users
	}
	a.gate = edge.NewGate(o.Authenticator, o.Limits)
	if a.cursors == nil {
		a.cursors = edge.RandomCursors()
	}
	a.server = kithttp.NewServer(
		kithttp.WithInfo("Cicerone", o.Version, "Voyagers meet locals: they find each other by shared interests, "+
			"talk, agree on an activity, and pay for it in tokens."),
		kithttp.WithBearer(bearer, "The access_token of a sign-up, a login or a refresh."),
		kithttp.WithBefore(a.describeCall),
		kithttp.WithMiddleware(o.Middleware...),
		kithttp.WithErrorHook(a.logFailure),
	)
	a.serveAuth()
	a.serveAccount()
	a.serveMatching()
	a.serveMessaging()
	a.serveReservations()
	a.serveWallet()
	a.serveModeration()
	a.serveAdminAccounts()
	a.serveAdmin()
	a.serveHealth()
	a.serveDocs()
	return a
}

// Server is what the API's routes are added to. A host adds its own to it before the first request, as in
//
//	kithttp.Handle(api.Server(), route, handler, kithttp.Gated(api.Gate().SignedIn))
func (a *API) Server() *kithttp.Server { return a.server }

// Gate is asked before the API's routes, and may be asked before those of a host: [edge.Gate.Anyone] or
// [edge.Gate.SignedIn], and after that [edge.AdminsOnly].
func (a *API) Gate() *edge.Gate { return a.gate }

// logFailure writes to the log what went wrong on this side: the only place where the cause is told.
func (a *API) logFailure(ctx context.Context, route kithttp.RouteInfo, err error) {
	level := slog.LevelError
	if errors.Is(err, fault.Unavailable) {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("request_id", RequestID(ctx)),
		slog.String("route", route.Name),
		slog.String("error", err.Error()),
	}
	if panicked, ok := errors.AsType[*kithttp.PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	a.log.LogAttrs(ctx, level, "request failed", attrs...)
}
