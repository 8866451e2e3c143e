package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/go-kit/kit/endpoint"
	"go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Options are the options of an API. The zero value of each field is valid.
type Options struct {
	Log     *slog.Logger                // logs requests and failures; nil for no log
	Ready   func(context.Context) error // called by /readyz, see ErrNotReady; nil if always ready
	Limits  edge.Limits                 // see edge.DefaultLimits; the zero value sets no limits
	Version string                      // the host's version, for the OpenAPI document

	// BasePath is the path below which clients reach the API, for example /community; "" if it is
	// the root. The paths in responses begin with it: attachments, redirects and the server of the
	// OpenAPI document. The API expects requests without it: mount the API with
	//
	//	mux.Handle("/community/", http.StripPrefix("/community", api))
	//
	// or behind a proxy that removes it. See [kithttp.CheckBasePath] for the paths that are valid.
	BasePath string

	// Origins are the origins whose scripts may call the API from a browser (CORS), like
	// https://app.example.org; see [CheckOrigin]. No script of another origin can read a response.
	Origins []string

	// NoDocs leaves out /docs, the page that shows the OpenAPI document.
	NoDocs bool

	// Authenticator identifies the caller by the bearer token of a request. If it is nil, the Users
	// service does this, with access tokens that name a session.
	Authenticator edge.Authenticator

	// Cursors makes and reads the cursors of lists. If it is nil, edge.RandomCursors is used, and
	// cursors work with this API only.
	Cursors *edge.Cursors

	// Links signs the attachment_url of messages. If it is nil, edge.RandomLinks is used, and the
	// addresses work with this API only. They are null if the Authenticator is not an edge.Resumer.
	Links *edge.Links

	// ClientAddress returns the IP address of the client, for the limit of requests that are not
	// signed in and for the list of sessions. It runs once for every request of a route. If it is
	// nil, the peer's address is used, which behind a proxy is that of the proxy: see ClientBehind.
	ClientAddress func(*http.Request) string

	// Observe is called once for every request, after its response. It must return quickly. nil
	// observes nothing.
	Observe func(ctx context.Context, x Exchange)

	// ObserveAudit is called with the result of each audit of the store that an admin asks for, over
	// any transport. nil observes nothing.
	ObserveAudit func(ctx context.Context, found Verification)

	// Tracer makes OpenTelemetry spans of each request and its use case. nil makes none.
	Tracer trace.TracerProvider

	// WithoutRoutes are the names of routes that are left out, for instance because a host adds its own
	// in their place; see [CheckRoutes]. The name of a route is the operationId of the OpenAPI document.
	WithoutRoutes []string

	// Middleware wraps the endpoint of every route. The first is the outermost. It runs when the
	// request has been admitted and decoded: it gets the decoded request, and edge.CallerFrom returns
	// the caller. See [kithttp.Handle]. If there is any, the session of every request is checked
	// before its use case, which costs the routes that are used most another round trip to the store.
	Middleware []endpoint.Middleware
}

// API is the HTTP API. It is an http.Handler, and is safe for concurrent use. To mount it below a
// path, set Options.BasePath.
type API struct {
	services      *services.Services
	ready         func(context.Context) error
	log           *slog.Logger
	observe       func(context.Context, Exchange)
	observeAudit  func(context.Context, Verification)
	tracer        *tracer // nil for none
	clientAddress func(*http.Request) string
	basePath      string
	origins       []string
	gate          *edge.Gate
	turnsAway     map[string]bool // the routes whose first gate is edge.Gate.Arrive, by method and path
	presumes      bool            // no middleware of a host relies on the caller before the use case has checked the session
	cursors       *edge.Cursors
	links         *edge.Links
	server        *kithttp.Server
	exports       edge.ExportLimits
	streams       edge.StreamLimits
	images        lender // of exports
}

// leastCompressed is the number of bytes from which JSON is compressed.
const leastCompressed = 1 << 10

// New returns an API of services that services.New made. It panics if a service is missing, or if
// the base path, an origin or the name of a route is not valid.
func New(s *services.Services, o Options) *API {
	if err := fault.Missing("an httpapi.API", *s); err != nil {
		panic(err)
	}
	for _, origin := range o.Origins {
		if err := CheckOrigin(origin); err != nil {
			panic("httpapi: an origin " + err.Error())
		}
	}
	if err := CheckRoutes(s, o.WithoutRoutes); err != nil {
		panic("httpapi: " + err.Error())
	}
	a := &API{
		services:      s,
		ready:         o.Ready,
		log:           o.Log,
		observe:       o.Observe,
		observeAudit:  o.ObserveAudit,
		tracer:        newTracer(o.Tracer),
		clientAddress: o.ClientAddress,
		basePath:      o.BasePath,
		origins:       o.Origins,
		cursors:       o.Cursors,
		links:         o.Links,
		exports:       o.Limits.Exports,
		streams:       o.Limits.Streams,
		images:        newLender(),
		turnsAway:     map[string]bool{},
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
	a.presumes = len(o.Middleware) == 0
	if a.cursors == nil {
		a.cursors = edge.RandomCursors()
	}
	if a.links == nil {
		a.links = edge.RandomLinks()
	}
	a.server = kithttp.NewServer(
		kithttp.WithInfo("Cicerone", o.Version, "Voyagers meet locals: they find each other by shared interests, "+
			"talk, agree on an activity, and pay for it in tokens."),
		kithttp.WithLicense("MIT"),
		kithttp.WithBearer(bearer, "The access_token of a sign-up, a login or a refresh."),
		kithttp.WithHeaders(kithttp.Header{Name: requestIDHeader, Description: "The id of the request: that of its own " +
			"header " + requestIDHeader + ", 1 to 128 visible ASCII characters, or a new one."}),
		kithttp.WithBasePath(o.BasePath),
		kithttp.WithCompression(leastCompressed),
		kithttp.WithBefore(a.describeCall),
		kithttp.WithAfter(markReplay),
		kithttp.WithMiddleware(a.tracer.middleware),
		kithttp.WithMiddleware(o.Middleware...),
		kithttp.WithoutRoutes(o.WithoutRoutes...),
		kithttp.WithBodies(kithttp.Bodies{
			Begin: a.gate.BeginBody, MinRate: o.Limits.Bodies.MinRate, Over: o.Limits.Bodies.Over,
		}),
		kithttp.WithErrorHook(a.logFailure),
		kithttp.WithProblemHook(func(ctx context.Context, p kithttp.Problem) { exchangeOf(ctx).code = p.Code }),
	)
	a.serveAuth()
	a.serveAccount()
	a.serveSessions()
	a.serveSecondFactor()
	a.serveNotifications()
	a.serveMatching()
	a.serveMessaging()
	a.serveReservations()
	a.serveWallet()
	a.serveModeration()
	a.serveSanctions()
	a.serveEvents()
	a.serveLive()
	a.serveWebhooks()
	a.serveAdminAccounts()
	a.serveAdmin()
	a.serveAdminReservations()
	a.servePolicy()
	a.serveHealth()
	a.serveDocument()
	if !o.NoDocs {
		a.serveDocs()
	}
	return a
}

// CheckRoutes returns an error if the API has no route with one of the names.
func CheckRoutes(s *services.Services, names []string) error {
	if len(names) == 0 {
		return nil
	}
	routes := New(s, Options{}).Server().Routes()
	for _, name := range names {
		if !slices.ContainsFunc(routes, func(r kithttp.RouteInfo) bool { return r.Name == name }) {
			return fmt.Errorf("there is no route named %q", name)
		}
	}
	return nil
}

// Server returns the server with the API's routes. A host may add its own routes before the first
// request, as in
//
//	kithttp.Handle(api.Server(), route, handler, kithttp.Gated(api.Gate().SignedIn))
func (a *API) Server() *kithttp.Server { return a.server }

// Gate returns the gate of the API's routes. A host may put it in front of its own routes, too:
// [edge.Gate.Anyone] or [edge.Gate.SignedIn], which [edge.AdminsOnly] may follow.
func (a *API) Gate() *edge.Gate { return a.gate }

// logFailure logs a failure of the server. Only the log has the cause; the response does not.
func (a *API) logFailure(ctx context.Context, route kithttp.RouteInfo, err error) {
	level := slog.LevelError
	switch {
	case errors.Is(err, ErrClosing): // probes are told so until the server has ended
		level = slog.LevelDebug
	case errors.Is(err, edge.ErrBusy): // the line of the request says so, and there may be thousands
		level = slog.LevelDebug
	case errors.Is(err, fault.Unavailable):
		level = slog.LevelWarn
	}
	if !a.log.Enabled(ctx, level) {
		return
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
