package grpcapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// The metadata that calls and answers have.
const (
	requestIDKey = "x-request-id"
	replayedKey  = "idempotency-replayed"
)

// around gives a call an id, describes it to the gate, and logs one line about it.
func (a *API) around(ctx context.Context, o kithttp.Operation, next func(context.Context) error) {
	begun := time.Now()
	method, _ := grpc.Method(ctx)
	md, _ := metadata.FromIncomingContext(ctx)
	ctx, span := a.begin(ctx, method, md)
	ctx = edge.WithRequestID(ctx, one(md, requestIDKey))
	_ = grpc.SetHeader(ctx, metadata.Pairs(requestIDKey, edge.RequestID(ctx))) // fails only if the client has left
	address := a.address(ctx, md)
	ctx = edge.WithCall(edge.Watch(ctx), edge.Call{
		Operation: o.Name, Token: edge.BearerToken(md.Get("authorization")), Address: address,
		Client: one(md, "user-agent"), Languages: one(md, "accept-language"),
	})
	defer a.gate.Depart(ctx)
	err := next(ctx)

	done := Exchange{Method: method, Code: status.Code(kitgrpc.StatusError(ctx, err)), Duration: time.Since(begun)}
	if err != nil && isOwn(done.Code) {
		a.logFailure(ctx, o.Name, err)
	}
	a.logExchange(ctx, address, done, err)
	end(span, done)
	if a.options.Observe != nil {
		a.options.Observe(ctx, done)
	}
}

// isOwn reports whether a code is that of a failure of the server.
func isOwn(c codes.Code) bool {
	return c == codes.Internal || c == codes.Unavailable || c == codes.Unimplemented
}

// one returns the value of metadata that has exactly one, and "" otherwise.
func one(md metadata.MD, key string) string {
	if values := md.Get(key); len(values) == 1 {
		return values[0]
	}
	return ""
}

// address returns the IP address of the client.
func (a *API) address(ctx context.Context, md metadata.MD) string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	if a.options.ClientAddress == nil {
		return edge.PeerAddress(p.Addr.String())
	}
	r := &http.Request{RemoteAddr: p.Addr.String(), Header: http.Header{}}
	for key, values := range md {
		r.Header[http.CanonicalHeaderKey(key)] = values
	}
	return a.options.ClientAddress(r)
}

// logExchange logs one line about a call. Of people it has ids and the network of the caller alone.
func (a *API) logExchange(ctx context.Context, address string, done Exchange, err error) {
	if !a.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", edge.RequestID(ctx)),
		slog.String("address", users.Device{Address: address}.Network()),
		slog.String("method", "gRPC"),
		slog.String("route", done.Method),
		slog.String("status", done.Code.String()),
		slog.Float64("duration_ms", float64(done.Duration.Microseconds())/1000),
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()))
	}
	if f := failure.Public(err); err != nil && codes.Code(failure.CodesOf(f.Kind).GRPC) == done.Code { // not an interceptor's
		attrs = append(attrs, slog.String("code", f.Code))
		if f.Code == edge.ErrBusy.Code {
			count, hasLine := a.gate.NoteRefusal()
			if !hasLine {
				return
			}
			attrs = append(attrs, slog.Int64("refused", count))
		}
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "request", append(attrs, edge.LogAttrs(ctx)...)...)
}

// begin starts the span of a call, as a part of the trace that its metadata names (W3C Trace Context).
// Without a tracer, the span is nil.
func (a *API) begin(ctx context.Context, method string, md metadata.MD) (context.Context, trace.Span) {
	if a.tracer == nil {
		return ctx, nil
	}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier(md))
	return a.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.method", method),
	))
}

func end(span trace.Span, done Exchange) {
	if span == nil {
		return
	}
	span.SetAttributes(attribute.Int64("rpc.grpc.status_code", int64(done.Code)))
	if isOwn(done.Code) {
		span.SetStatus(otelcodes.Error, "")
	}
	span.End()
}

// carrier is metadata that names a trace.
type carrier metadata.MD

// Get returns the value of a key, or "".
func (c carrier) Get(key string) string { return one(metadata.MD(c), key) }

// Set sets the value of a key.
func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys returns the keys.
func (c carrier) Keys() []string {
	var keys []string
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// markReplay sets the metadata idempotency-replayed if the response repeats that of an earlier request.
func markReplay(ctx context.Context, header, _ *metadata.MD) context.Context {
	if idempotency.Replayed(ctx) {
		*header = metadata.Join(*header, metadata.Pairs(replayedKey, "true"))
	}
	return ctx
}
