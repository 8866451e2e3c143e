package grpcapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/transport/edge"
	accountv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/account/v1"
	adminv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/admin/v1"
	authv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/auth/v1"
	livev1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/live/v1"
	matchingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/matching/v1"
	messagingv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/messaging/v1"
	moderationv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/moderation/v1"
	notificationsv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/notifications/v1"
	policyv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/policy/v1"
	reservationsv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/reservations/v1"
	walletv1 "github.com/cicerone-go/cicerone/transport/grpcapi/cicerone/wallet/v1"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Files returns the files with the services.
func Files() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		authv1.File_cicerone_auth_v1_auth_proto,
		accountv1.File_cicerone_account_v1_account_proto,
		matchingv1.File_cicerone_matching_v1_matching_proto,
		messagingv1.File_cicerone_messaging_v1_messaging_proto,
		reservationsv1.File_cicerone_reservations_v1_reservations_proto,
		walletv1.File_cicerone_wallet_v1_wallet_proto,
		moderationv1.File_cicerone_moderation_v1_moderation_proto,
		notificationsv1.File_cicerone_notifications_v1_notifications_proto,
		policyv1.File_cicerone_policy_v1_policy_proto,
		livev1.File_cicerone_live_v1_live_proto,
		adminv1.File_cicerone_admin_v1_accounts_proto,
		adminv1.File_cicerone_admin_v1_community_proto,
		adminv1.File_cicerone_admin_v1_sanctions_proto,
		adminv1.File_cicerone_admin_v1_reservations_proto,
		adminv1.File_cicerone_admin_v1_events_proto,
		adminv1.File_cicerone_admin_v1_webhooks_proto,
	}
}

// leftOut are the fields of the requests of operations that their messages do not have: an image comes
// as a stream, and a signature takes the place of a header.
var leftOut = map[string][]string{
	"send":       {"attachment"},
	"attachment": {"signature"},
}

// Options are the options of an API. The zero value of each field is valid.
type Options struct {
	Log     *slog.Logger                // logs calls and failures; nil for no log
	Ready   func(context.Context) error // called by the health service; nil if always ready
	Streams edge.StreamLimits           // of LiveEvents
	Bodies  edge.BodyLimits             // how slowly a request may come; the gate has the rest

	// Enter is called before each call, and leave after it. An error of Enter refuses the call. nil admits
	// all.
	Enter func() (leave func(), err error)

	// ClientAddress returns the IP address of the client of a call, as that of the HTTP API does. The
	// request that it gets has the peer of the call and the metadata as headers, and nothing else. If it
	// is nil, the peer's address is used.
	ClientAddress func(*http.Request) string

	// Observe is called once for every call, after its end. It must return quickly. nil observes nothing.
	Observe func(ctx context.Context, x Exchange)

	// Tracer makes OpenTelemetry spans of each call. nil makes none.
	Tracer trace.TracerProvider

	// NoReflection leaves out the service with which clients read the .proto files.
	NoReflection bool
}

// Exchange describes a call, for [Options.Observe]. It has nothing of the caller and nothing that a
// client chooses, so that its values are few.
type Exchange struct {
	Method   string     // the full name, like /cicerone.messaging.v1.MessagingService/Send
	Code     codes.Code // with which the call ended
	Duration time.Duration
}

// API is the gRPC API. It is safe for concurrent use.
type API struct {
	options  Options
	services *services.Services
	gate     *edge.Gate
	log      *slog.Logger
	tracer   trace.Tracer
	server   *kitgrpc.Server
}

// New returns an API that serves the operations of the HTTP API with some routes, behind the same gate,
// so that a caller has the same limits with both. A method whose operation is not among the routes is
// unimplemented. It panics if a method and its operation do not have the same fields.
func New(s *services.Services, routes *kithttp.Server, gate *edge.Gate, o Options) *API {
	if err := fault.Missing("a grpcapi.API", *s); err != nil {
		panic(err)
	}
	a := &API{options: o, services: s, gate: gate, log: o.Log}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if o.Tracer != nil {
		a.tracer = o.Tracer.Tracer("github.com/cicerone-go/cicerone/transport/grpcapi")
	}
	a.server = kitgrpc.NewServer(kitgrpc.Options{
		Around: a.around, Enter: o.Enter,
		After:  []kitgrpc.After{markReplay},
		Bodies: kithttp.Bodies{Begin: gate.BeginBody, MinRate: o.Bodies.MinRate, Over: o.Bodies.Over},
		Hold: func(peer net.Addr) (func(int) error, func()) {
			// More than a small body, so that the reserve is left for messages that have arrived.
			return gate.BeginBody(edge.WithCall(context.Background(), edge.Call{Address: edge.PeerAddress(peer.String())}), edge.SmallBody+1)
		},
		Pace: pace,
	})
	methods := kitgrpc.Methods(Files()...)
	for _, operation := range routes.Operations() {
		method, ok := methods[operation.Name]
		if !ok {
			continue // see HTTPOnly, and routes that a host has added
		}
		switch operation.Name {
		case "liveEvents":
			a.server.Handle(method, operation, a.liveEvents)
			continue
		case "send":
			a.server.Handle(methods["sendAttachment"], operation, a.sendAttachment(operation))
		}
		a.server.Add(method, operation, leftOut[operation.Name]...)
	}
	return a
}

// HTTPOnly returns the names of the operations that have no method: probes have the health service, the
// description of the HTTP API has the .proto files, and a page is for browsers.
func HTTPOnly() []string { return []string{"healthz", "readyz", "openapi", "unsubscribePage"} }

// The bounds of connections. A connection holds at most maxStreams messages and windows.
const (
	pace = time.Minute // the time that a client has to receive a message

	maxStreams    = 100
	window        = 64 << 10
	maxHeaders    = 16 << 10
	readBuffer    = 8 << 10 // which a connection keeps while it is idle
	handshakeTime = 10 * time.Second

	idleTime    = 15 * time.Minute // after which a connection without calls is closed
	pingAfter   = 2 * time.Minute  // without a frame from the client
	pingTime    = 20 * time.Second // that the client has for the answer
	leastPinged = 30 * time.Second // between pings of a client
)

// errReflected ends a call of reflection that has lasted for long enough.
var errReflected = fault.New(fault.Unavailable, "stream_ended", "the stream lasted for as long as it may: open another")

// Server is a grpc.Server that knows how much of the messages of each connection has arrived.
type Server struct {
	*grpc.Server
	api *kitgrpc.Server
}

// Serve accepts connections until Stop or GracefulStop is called, or accepting fails. The connections
// must be served with it, and not with ServeHTTP.
func (s *Server) Serve(l net.Listener) error { return s.Server.Serve(s.api.Listener(l)) }

// NewServer returns a server with the API, the standard health service and, unless it is switched off,
// reflection. It has bounds for messages, streams and connections; options are added to these. The
// interceptors among them run as those of any server: for a method with one request and one response
// the unary ones, with both, when the gate has admitted the call and the request was read; for others
// the stream interceptors, before the gate. An error is the status that the client gets. To see refused
// calls, too, use a stats.Handler, or Options.Observe.
//
// The caller serves with it, and ends it: GracefulStop waits for the calls in flight. The address of
// each connection must be a pointer, as that of package net is.
func (a *API) NewServer(options ...grpc.ServerOption) *Server {
	s := grpc.NewServer(slices.Concat(a.server.ServerOptions(), []grpc.ServerOption{
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(4 * window),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.ReadBufferSize(readBuffer),
		experimental.BufferPool(buffers()),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime, Time: pingAfter, Timeout: pingTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: leastPinged, PermitWithoutStream: true}),
	}, options)...)
	a.server.Register(s)
	grpc_health_v1.RegisterHealthServer(s, &health{ready: a.options.Ready, services: s.GetServiceInfo()})
	if !a.options.NoReflection {
		reflection.Register(brief{s})
	}
	return &Server{s, a.server}
}

// buffers returns the pool of the buffers for frames. None is more than twice as large as what it holds,
// unlike in the pool of grpc-go, so that no client can make the server hold much with little.
func buffers() mem.BufferPool {
	pool, err := mem.NewBinaryTieredBufferPool(8, 9, 10, 11, 12, 13, 14, 15, 16, 20)
	if err != nil {
		panic(err) // the sizes are fixed
	}
	return pool
}

// brief registers services whose streams end after a time: a client of reflection asks and leaves.
type brief struct{ *grpc.Server }

// RegisterService registers a service.
func (b brief) RegisterService(service *grpc.ServiceDesc, implementation any) {
	ending := *service
	ending.Streams = slices.Clone(service.Streams)
	for i, d := range service.Streams {
		ending.Streams[i].Handler = func(srv any, stream grpc.ServerStream) error {
			timer := time.AfterFunc(pace, func() { kitgrpc.Cut(stream.Context(), errReflected) })
			defer timer.Stop()
			return d.Handler(srv, stream)
		}
	}
	b.Server.RegisterService(&ending, implementation)
}

// logFailure logs a failure of the server. Only the log has the cause; the status does not.
func (a *API) logFailure(ctx context.Context, operation string, err error) {
	level := slog.LevelError
	switch {
	case errors.Is(err, edge.ErrBusy): // the line of the call says so, and there may be thousands
		level = slog.LevelDebug
	case errors.Is(err, fault.Unavailable):
		level = slog.LevelWarn
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", edge.RequestID(ctx)),
		slog.String("route", operation),
		slog.String("error", err.Error()),
	}
	if panicked, ok := errors.AsType[*kithttp.PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	a.log.LogAttrs(ctx, level, "request failed", attrs...)
}
