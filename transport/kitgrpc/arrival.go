package kitgrpc

import (
	"context"
	"errors"
	"io"
	"net"
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

// arrival is a call until its last message has arrived. It may be nil, if the server does not have the
// options of [Server.ServerOptions].
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
	hasLeft bool
}

// statusWriter ends a call with a status, which its client gets although a handler still waits for a
// message. The stream of grpc-go is one, but does not promise it: without it, the client gets
// codes.Canceled.
type statusWriter interface{ WriteStatus(s *status.Status) error }

type arrivalKey struct{}

func arrivalOf(ctx context.Context) *arrival {
	a, _ := ctx.Value(arrivalKey{}).(*arrival)
	return a
}

// Cut ends a call at once, with the status of err: ctx is that of its stream. It does nothing if the
// server does not have the options of [Server.ServerOptions].
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

// release gives up what has arrived. a.mu must be held.
func (a *arrival) release() {
	a.answer = nil
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
	a.answer, a.running = answer, !a.hasLeft
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

// The bytes that are counted on a link beside those that arrive.
const (
	callCost  = 8 << 10 // of a call without its metadata
	fieldCost = 64      // of a value of metadata, without its bytes

	spare     = 16 << 10 // on each link without a charge
	step      = 16 << 10 // what is charged at once
	allowance = 1 << 10  // for the frames and the metadata of a message that was taken

	writeTime = 20 * time.Millisecond // in which gRPC begins to write the end of a call
)

// link is a connection. It counts the bytes that arrive while calls wait for more of them: gRPC holds
// these bytes, and tells nobody before a message is complete. If there is no room for more, the calls
// that wait are refused.
type link struct {
	net.Conn
	server *Server
	peer   net.Addr

	mu      sync.Mutex
	quiet   sync.Cond // of the link: see isQuiet
	closed  bool
	waiting map[*arrival]struct{}
	gone    int   // calls that have left, of which gRPC has not written the end
	held    int64 // bytes, and the costs of calls
	charged int64
	charge  func(bytes int) error // nil while nothing is charged
	release func()

	writing  bool
	late     int // of those that have left, the calls whose end is written after what is written now
	lateCost int64
}

// Listener returns a listener whose connections are counted, for a grpc.Server with the options of
// [Server.ServerOptions]. The address of a peer is a pointer, as that of package net is: it identifies
// the connection of a call.
func (s *Server) Listener(l net.Listener) net.Listener { return &countingListener{l, s} }

type countingListener struct {
	net.Listener
	server *Server
}

// Accept waits for the next connection.
func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	counted := &link{Conn: conn, server: l.server, peer: conn.RemoteAddr(), waiting: map[*arrival]struct{}{}}
	counted.quiet.L = &counted.mu
	l.server.links.Store(counted.peer, counted)
	return counted, nil
}

// RemoteAddr returns the address of the peer, always the same pointer.
func (l *link) RemoteAddr() net.Addr { return l.peer }

// Close closes the connection.
func (l *link) Close() error {
	l.server.links.CompareAndDelete(l.peer, l)
	l.mu.Lock()
	l.closed, l.gone = true, 0
	clear(l.waiting)
	l.settle(l.held)
	l.mu.Unlock()
	return l.Conn.Close()
}

// Read reads bytes and counts them. If there is no room for them, it refuses the calls that wait, and
// returns when they have ended: what it has read belongs to them, and more must not come before.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isQuiet() {
		l.held = 0 // what came before has been dealt with, except for the begin of a call
	}
	l.held += int64(n)
	refused, full := l.account()
	if full == nil {
		return n, err
	}
	l.mu.Unlock()
	for _, a := range refused {
		a.cut(full)
	}
	l.mu.Lock()
	for !l.isQuiet() {
		l.quiet.Wait() // at most for as long as a write may take, which closes the connection
	}
	return n, err
}

// isQuiet reports whether no call waits for a message, and gRPC has written the end of each. l.mu must
// be held, also for settle and account.
func (l *link) isQuiet() bool { return len(l.waiting)+l.gone == 0 }

// Write writes within the time that a client has to receive a message.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	l.writing = true
	l.mu.Unlock()
	if pace := l.server.options.Pace; pace > 0 {
		if err := l.SetWriteDeadline(time.Now().Add(pace)); err != nil {
			return 0, err
		}
	}
	n, err := l.Conn.Write(p)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil { // otherwise the connection is closed
		l.writing = false
		l.gone -= l.late
		l.settle(l.lateCost)
		l.late, l.lateCost = 0, 0
	}
	return n, err
}

// began counts a call that waits for a message.
func (l *link) began(a *arrival) {
	l.mu.Lock()
	if !l.closed {
		l.waiting[a] = struct{}{}
		l.held += a.cost
	}
	refused, full := l.account()
	l.mu.Unlock()
	for _, one := range refused {
		if one == a {
			// It has no handler yet, and grpc-go does not release the timer of a call that has ended here.
			a.refuse(full)
			a.within(time.Second, full)
			continue
		}
		one.cut(full)
	}
}

// took is called when a call has got one of its messages, with its bytes.
func (l *link) took(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle(bytes)
}

// arrived is called when a call has got its last message, with its bytes.
func (l *link) arrived(a *arrival, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, a)
	l.settle(a.cost + bytes)
}

// left is called when a call has ended before its last message arrived. gRPC holds what has arrived
// until it has written the end of the call: immediately, unless the client does not read.
func (l *link) left(a *arrival) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.waiting, a); l.closed {
		return
	}
	l.gone++
	time.AfterFunc(writeTime, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case l.closed:
		case l.writing:
			l.late++
			l.lateCost += a.cost
		default:
			l.gone--
			l.settle(a.cost)
		}
	})
}

// settle counts bytes that are no longer held.
func (l *link) settle(bytes int64) {
	l.held = max(l.held-bytes, 0)
	if l.isQuiet() {
		l.held = 0
		l.quiet.Broadcast()
	}
	if l.held <= spare && l.charge != nil {
		l.release()
		l.charge, l.release, l.charged = nil, nil, 0
	}
}

// account charges what is held. If there is no room, it returns the calls that wait, and why they are
// refused.
func (l *link) account() (refused []*arrival, full *fault.Error) {
	if l.server.options.Hold == nil || len(l.waiting) == 0 {
		return nil, nil
	}
	for l.held-spare > l.charged {
		if l.charge == nil {
			l.charge, l.release = l.server.options.Hold(l.peer)
		}
		if err := l.charge(step); err != nil {
			for a := range l.waiting {
				refused = append(refused, a)
			}
			return refused, failure.Public(err)
		}
		l.charged += step
	}
	return nil, nil
}
