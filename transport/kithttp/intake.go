package kithttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// Bodies bounds what the bodies of requests cost while they are read and held. The zero value sets
// no bounds except the limit of each body.
type Bodies struct {
	// Begin is called before the first byte of a body is read, with the context that the gates
	// returned and the greatest number of bytes that the body can have. charge is called for each
	// piece of the body that was read, with its bytes; a *fault.Error of it refuses the request. end
	// is called once, when the request is answered. nil means that no body is charged.
	Begin func(ctx context.Context, most int64) (charge func(bytes int) error, end func())

	// A client that sends fewer than MinRate bytes per second of a body, over the time Over in which
	// the server waits for it, is refused. If one of the two is 0, a body may take as long as the
	// http.Server allows.
	MinRate int64
	Over    time.Duration
}

// WithBodies bounds what the bodies of requests cost.
func WithBodies(b Bodies) Option { return func(s *Server) { s.bodies = b } }

// intake is the body of an HTTP request while it is read. If it is not read to its end, the server
// closes the connection: net/http would otherwise read up to 256 KiB and discard them.
type intake struct {
	io.ReadCloser
	w        http.ResponseWriter
	control  http.ResponseController
	declared int64 // the bytes of the body; -1 if they are unknown
	http1    bool
	expects  bool // to be asked for the body
	complete bool
	body     body // the bytes that were read

	bodies  Bodies
	pace    *pace
	charge  func(bytes int) error
	end     func()
	latest  time.Time     // when the http.Server ends the reading; zero for no such time
	waited  time.Duration // in reads, since the last time that the least bytes were read
	arrived int64         // in that time
}

// hasBody reports whether a request has, or may have, a body.
func hasBody(r *http.Request) bool { return r.Body != nil && r.ContentLength != 0 }

// takeIn returns the intake of a request with a body. The caller must call leave when the request
// is answered.
func (s *Server) takeIn(w http.ResponseWriter, r *http.Request) *intake {
	in := &intake{
		ReadCloser: r.Body, w: w, control: *http.NewResponseController(w), declared: r.ContentLength,
		http1: r.ProtoMajor == 1, expects: r.Header.Get("Expect") != "", bodies: s.bodies, pace: s.pace,
	}
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.ReadTimeout > 0 {
		in.latest = time.Now().Add(server.ReadTimeout)
	}
	if in.http1 {
		w.Header()["Connection"] = closing // until the body is complete
	}
	return in
}

var closing = []string{"close"}

// intakeOf returns the intake of a request of a route, or nil if the request has no body.
func intakeOf(r *http.Request) *intake {
	in, _ := r.Body.(*intake)
	return in
}

// readAll reads the body, which may have limit bytes. ctx is the context that the gates returned.
func (in *intake) readAll(ctx context.Context, limit int64) error {
	if in.declared > limit {
		return failure.TooLarge(limit)
	}
	most := limit
	if in.declared >= 0 {
		most = in.declared
	}
	if in.bodies.Begin != nil {
		in.charge, in.end = in.bodies.Begin(ctx, most)
	}
	for {
		n, err := in.Read(in.body.room(most))
		in.body.add(n)
		_, over := errors.AsType[*http.MaxBytesError](err)
		refused, isRefused := errors.AsType[*fault.Error](err)
		switch {
		case over, in.body.size() > most:
			return failure.TooLarge(limit)
		case isRefused:
			return refused
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return failure.Malformed("the body came too slowly").Wrap(err)
		case err != nil:
			return failure.Malformed("the body ended before it was complete").Wrap(err)
		}
	}
}

// Read reads and charges a piece of the body.
func (in *intake) Read(p []byte) (int, error) {
	p = p[:min(len(p), pieceSize)]
	n, err := in.readInTime(p)
	if in.arrived += int64(n); float64(in.arrived) >= float64(in.bodies.MinRate)*in.bodies.Over.Seconds() {
		in.waited, in.arrived = 0, 0
	}
	if errors.Is(err, io.EOF) {
		in.finish()
	}
	if n > 0 && in.charge != nil {
		if refused := in.charge(n); refused != nil {
			return n, refused
		}
	}
	return n, err
}

// readInTime reads a piece of the body, within the time that its client has left.
func (in *intake) readInTime(p []byte) (int, error) {
	if in.bodies.MinRate <= 0 || in.bodies.Over <= 0 {
		return in.ReadCloser.Read(p)
	}
	left := in.bodies.Over - in.waited
	if left <= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	begun := time.Now()
	in.pace.begin(in, begun.Add(left))
	n, err := in.ReadCloser.Read(p)
	if late := in.pace.end(in); late && (err == nil || errors.Is(err, io.EOF)) {
		_ = in.setDeadline(in.latest) // it has arrived after all; this fails only if the client has left
	}
	in.waited += time.Since(begun)
	return n, err
}

// A body that is skipped has at most skipped bytes, and must have arrived with its request.
const (
	skipped  = 4 << 10 // as much as net/http reads at once
	skipTime = time.Millisecond
)

// skip reads a small body of a request that is refused because of the load, so that the client need
// not connect again, which costs both more than the refusal. in may be nil.
func (in *intake) skip() {
	if in == nil || !in.http1 || in.expects || in.declared < 0 || in.declared > skipped ||
		in.control.SetReadDeadline(time.Now().Add(skipTime)) != nil {
		return
	}
	if _, err := io.Copy(io.Discard, in.ReadCloser); err == nil {
		in.finish()
		_ = in.setDeadline(in.latest) // fails only if the client has left
	}
}

// finish makes the connection fit for the next request.
func (in *intake) finish() {
	in.complete = true
	if in.http1 {
		in.w.Header().Del("Connection")
	}
}

func (in *intake) setDeadline(at time.Time) error {
	if err := in.control.SetReadDeadline(at); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// leave gives back what the body was charged, and leaves the rest of the body unread.
func (in *intake) leave() {
	in.body.drop()
	if in.end != nil {
		in.end()
	}
	if in.complete || !in.http1 { // HTTP/2 resets the stream
		return
	}
	// After a body over its limit, net/http waits for half a second before it closes the connection.
	// Otherwise a reset, because of the unread bytes, could destroy the response on its way. Only
	// MaxBytesReader can tell the response writer of net/http that there was such a body.
	w := in.w
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = inner.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader(".")), 0).Read(make([]byte, 1))
	_ = in.setDeadline(time.Unix(1, 0)) // net/http reads on when it closes the body
}
