package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

const requestIDHeader = "X-Request-Id"

// Exchange describes a request and its response, for [Options.Observe]. It has nothing of the
// caller and nothing that a client chooses, so that its values are few.
type Exchange struct {
	Route    string        // the method and the pattern of the path, like "GET /v1/me"; "" if no route matches
	Status   int           // of the response; 0 if the connection was closed without one
	Bytes    int64         // of the body of the response, as it was sent
	Duration time.Duration // until the last byte was written
}

// ServeHTTP serves a request. It gives the request an id, and logs one line about it. Of those that
// are refused under overload, one in a second has a line.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	if a.gate.IsFull() {
		if pattern := a.server.PatternOf(r); a.turnsAway[pattern] {
			a.turnAway(w, r, pattern, begun)
			return
		}
	}
	r, ended := a.tracer.begin(r)
	x := &exchange{Context: r.Context()}
	ctx := edge.Watch(edge.WithRequestID(x, r.Header.Get(requestIDHeader)))
	defer a.gate.Depart(ctx)
	r = r.WithContext(ctx)
	r.Pattern = "" // that of the host's mux

	setHeaders(w.Header(), RequestID(ctx))
	x.recorder.ResponseWriter = w
	recorded := &x.recorder
	defer func() {
		done := Exchange{Route: r.Pattern, Status: recorded.status, Bytes: recorded.bytes, Duration: time.Since(begun)}
		a.logExchange(r.Context(), r, x, done)
		ended(done)
		if a.observe != nil {
			a.observe(r.Context(), done)
		}
	}()
	if !a.allowOrigin(recorded, r) {
		a.server.ServeOwn(recorded, r)
	}
}

// turnAway refuses a request of a route because of the load, without what it takes to serve one.
// The client and the observer cannot tell that from a refusal of the gate.
func (a *API) turnAway(w http.ResponseWriter, r *http.Request, pattern string, begun time.Time) {
	r, ended := a.tracer.begin(r)
	x := exchange{Context: r.Context(), code: edge.ErrBusy.Code}
	ctx := edge.WithRequestID(&x, r.Header.Get(requestIDHeader))
	setHeaders(w.Header(), RequestID(ctx))
	recorded := recorder{ResponseWriter: w}
	a.allowOrigin(&recorded, r) // none of these routes is asked for by a preflight
	a.server.Refuse(&recorded, r, a.gate.TurnAway())
	done := Exchange{Route: pattern, Status: recorded.status, Bytes: recorded.bytes, Duration: time.Since(begun)}
	a.logExchange(ctx, r, &x, done)
	ended(done)
	if a.observe != nil {
		a.observe(ctx, done)
	}
}

// setHeaders sets the headers that every response has.
func setHeaders(h http.Header, requestID string) {
	values := []string{ // one allocation; Set makes one for each
		requestID, "nosniff", "no-referrer", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
	}
	h[requestIDHeader], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2]
	h["Referrer-Policy"], h["Content-Security-Policy"] = values[2:3:3], values[3:4:4]
}

// longestMethod is the number of characters of a method that are logged: a client can choose it.
const longestMethod = 20

// logExchange logs one line about a request, for probes at the level debug. Of requests that are
// refused because of the load, one in a second has a line. Of people it has ids and the network of
// the caller alone, and of the path only the pattern: a path may have anything in it.
func (a *API) logExchange(ctx context.Context, r *http.Request, x *exchange, done Exchange) {
	level := slog.LevelInfo
	if done.Route == probeLive || done.Route == probeReady {
		level = slog.LevelDebug
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	var refused int64
	if x.code == edge.ErrBusy.Code {
		var hasLine bool
		if refused, hasLine = a.gate.NoteRefusal(); !hasLine {
			return
		}
	}
	address := x.address
	if address == "" { // no route has asked for it
		address = a.clientAddress(r)
	}
	attrs := []slog.Attr{
		slog.String("request_id", RequestID(ctx)),
		slog.String("address", users.Device{Address: address}.Network()),
		slog.String("method", r.Method[:min(len(r.Method), longestMethod)]),
		slog.String("route", done.Route),
		slog.Int("status", done.Status),
		slog.Int64("bytes", done.Bytes),
		slog.Float64("duration_ms", float64(done.Duration.Microseconds())/1000),
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		attrs = append(attrs, slog.String("trace_id", span.TraceID().String()))
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", x.code))
	}
	if refused > 0 {
		attrs = append(attrs, slog.Int64("refused", refused))
	}
	attrs = append(attrs, edge.LogAttrs(ctx)...)
	a.log.LogAttrs(ctx, level, "request", attrs...)
}

// exchange is the context of a request, with what the parts of the API tell each other about it.
type exchange struct {
	context.Context
	recorder recorder // of the response
	address  string   // of the client, once describeCall has asked for it
	code     string   // of the problem document, if one was sent
}

type exchangeKey struct{}

// Value returns the exchange itself for its key.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

// exchangeOf returns the exchange of the current request, or an empty one if there is no request.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// RequestID returns the id of the current request, which its response and the log have, too. It is
// the value of the header X-Request-Id if that has 1 to 128 visible ASCII characters, and otherwise
// a new one. RequestID returns "" if ctx has no request.
func RequestID(ctx context.Context) string { return edge.RequestID(ctx) }

// recorder is a response writer that records the status and the size of the response.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // a 1xx status is not final
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap gives http.ResponseController access to the underlying response writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
