package kitgrpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// arrival is a call until its last message has arrived. It may be nil, if the server does not have
// the options of [Server.ServerOptions].
type arrival struct {
	link   *link // that the call came on; nil if it is not known
	cost   int64 // of the call itself, on the link
	cancel context.CancelCauseFunc
	forget func() bool // stops the watch for the end of the call

	mu     sync.Mutex
	timer  *time.Timer  // ends the call; nil if nothing does
	answer statusWriter // nil before the call has a handler, and after its end
	cutBy  *fault.Error // why the call was cut off; nil if it was not

	running bool // whether a handler runs
	hasLeft bool // whether it has left, and its handler has not yet returned
}

// statusWriter ends a call with a status, which its client gets although a handler still waits for
// a message. The stream of grpc-go is one, but does not promise it: without it, the client gets
// codes.Canceled.
type statusWriter interface{ WriteStatus(s *status.Status) error }

type arrivalKey struct{}

func arrivalOf(ctx context.Context) *arrival {
	a, _ := ctx.Value(arrivalKey{}).(*arrival)
	return a
}

// Cut ends a call at once, with the status of err: ctx is that of its stream. It does nothing if
// the server does not have the options of [Server.ServerOptions].
func Cut(ctx context.Context, err *fault.Error) {
	if a := arrivalOf(ctx); a != nil {
		a.cut(err)
	}
}

// refuse makes the next receiving of a message fail.
func (a *arrival) refuse(err *fault.Error) (answer statusWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cutBy == nil {
		a.cutBy = err
	}
	return a.answer
}

// cut ends the call.
func (a *arrival) cut(err *fault.Error) {
	answer := a.refuse(err)
	if answer != nil {
		_ = answer.WriteStatus(StatusOf(failure.Public(err))) // fails only if the client has left
	}
	a.cancel(err)
}

// refused returns why the call was cut off, or nil.
func (a *arrival) refused() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cutBy == nil {
		return nil
	}
	return a.cutBy
}

// within ends the call after a time, unless inTime is called before.
func (a *arrival) within(d time.Duration, err *fault.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(d, func() { a.cut(err) })
}

func (a *arrival) inTime() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
	}
}

// left is called when the call has ended before its last message arrived.
func (a *arrival) left() {
	a.inTime()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hasLeft = true; !a.running {
		a.release()
	}
}

// end is called when the handler of the call has returned.
func (a *arrival) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running = false; a.hasLeft {
		a.release()
	}
}

// release gives up what has arrived, once. a.mu must be held.
func (a *arrival) release() {
	a.answer, a.hasLeft = nil, false
	a.link.left(a)
}

// arrived is called when the last message has arrived, with its bytes.
func (a *arrival) arrived(bytes int64) {
	a.inTime()
	if a.link != nil && a.forget() {
		a.link.arrived(a, bytes+allowance)
	}
}

// tap begins each call, before a handler has it.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithCancelCause(ctx) // ends with the stream
	a := &arrival{cancel: cancel, cost: callCost}
	ctx = context.WithValue(ctx, arrivalKey{}, a)
	if p, ok := peer.FromContext(ctx); ok {
		if found, ok := s.links.Load(p.Addr); ok {
			a.link = found.(*link)
		}
	}
	if !s.ours[info.FullMethodName] && s.options.Pace > 0 {
		a.within(s.options.Pace, errSlow)
	}
	if a.link != nil {
		for key, values := range info.Header {
			for _, value := range values {
				a.cost += int64(len(key)+len(value)) + fieldCost
			}
		}
		a.forget = context.AfterFunc(ctx, a.left)
		a.link.began(a)
	}
	return ctx, nil
}

// followStream follows the calls of other services that have streams.
func (s *Server) followStream(srv any, raw grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	a := arrivalOf(raw.Context())
	if a == nil || s.ours[info.FullMethod] {
		return next(srv, raw)
	}
	a.begin(raw.Context())
	defer a.end()
	return next(srv, &followed{raw, a, info.IsClientStream})
}

// followed is the stream of another service.
type followed struct {
	grpc.ServerStream
	arrival *arrival
	many    bool
}

// RecvMsg receives a message.
func (f *followed) RecvMsg(m any) error {
	return f.arrival.follow(f.Context(), m, f.many, f.ServerStream.RecvMsg)
}

// followUnary follows the calls of other services that have one message, which has arrived.
func (s *Server) followUnary(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if a := arrivalOf(ctx); a != nil && !s.ours[info.FullMethod] {
		a.arrived(sizeOf(request))
	}
	return next(ctx, request)
}

// begin is called when a call has a handler.
func (a *arrival) begin(ctx context.Context) {
	answer, _ := grpc.ServerTransportStreamFromContext(ctx).(statusWriter)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer, a.running = answer, true
}

// follow receives a message of a call, which may have many.
func (a *arrival) follow(ctx context.Context, m any, many bool, receive func(m any) error) error {
	if a == nil {
		return receive(m)
	}
	if err := a.refused(); err != nil {
		return StatusError(ctx, err)
	}
	err := receive(m)
	switch {
	case err == nil && many:
		a.inTime() // how long the next one takes is up to the other service
		if a.link != nil {
			a.link.took(sizeOf(m) + allowance)
		}
	case err == nil:
		a.arrived(sizeOf(m))
	case errors.Is(err, io.EOF):
		a.arrived(0)
	}
	return err
}

// sizeOf returns the bytes of a message, or 0 if they are not known.
func sizeOf(m any) int64 {
	switch m := m.(type) {
	case *received:
		return int64(m.size)
	case proto.Message:
		return int64(proto.Size(m))
	}
	return 0
}
