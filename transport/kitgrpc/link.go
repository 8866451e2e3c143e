package kitgrpc

import (
	"net"
	"reflect"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// The bytes that are counted on a link beside those that arrive.
const (
	callCost  = 8 << 10 // of a call without its metadata
	fieldCost = 64      // of a value of metadata, without its bytes

	spare     = 16 << 10 // on each link without a charge
	step      = 16 << 10 // what is charged at once
	allowance = 1 << 10  // for the frames and the metadata of a message that was taken

	writeTime = 20 * time.Millisecond // in which gRPC begins to write the end of a call
)

// link is a connection. It counts the bytes that arrive while calls wait for more of them: gRPC
// holds these bytes, and tells nobody before a message is complete. If there is no room for more,
// the calls that wait are refused.
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
// [Server.ServerOptions]. The address of a peer must be a pointer of its own, as that of package net
// is: it identifies the connection of a call.
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
	if !reflect.TypeOf(counted.peer).Comparable() {
		counted.peer = &address{counted.peer}
	}
	counted.quiet.L = &counted.mu
	l.server.links.Store(counted.peer, counted)
	return counted, nil
}

// address is an address that can be a key.
type address struct{ net.Addr }

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

// Read reads bytes and counts them. If there is no room for them, it refuses the calls that wait,
// and returns when they have ended: what it has read belongs to them, and more must not come
// before.
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

// isQuiet reports whether no call waits for a message, and gRPC has written the end of each. l.mu
// must be held, also for settle and account.
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
	if err != nil {
		return n, err // the connection is closed
	}
	l.writing = false
	if l.late > 0 {
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
			// It has no handler yet, and grpc-go does not release the timer of a call that has
			// ended here.
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

// account charges what is held. If there is no room, it returns the calls that wait, and why they
// are refused.
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
