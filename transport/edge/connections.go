package edge

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// ConnectionLimits are the limits of the connections that a listener holds open, idle ones
// included. The zero value sets no limits.
type ConnectionLimits struct {
	Total      int // 0 means no limit
	PerAddress int // of one IP address; an IPv6 /64 counts as one address; 0 means no limit

	// Proxies are the addresses to which PerAddress does not apply: a proxy has the connections of
	// all its clients.
	Proxies Proxies
}

// DefaultConnectionLimits returns limits for a server that its clients reach directly, or through
// proxies that are added as Proxies.
func DefaultConnectionLimits() ConnectionLimits {
	return ConnectionLimits{Total: 10_000, PerAddress: 500}
}

// LimitConnections returns a listener that accepts the connections of l within the limits. A
// connection over a limit is closed at once, so that it holds neither memory nor a place in the
// queue of the system; then refused is called with the address of the client. A connection counts
// until it is closed.
//
// A listener that reads from a connection before it returns it, as for TLS or for the PROXY
// protocol, must be around this one and not in it.
func LimitConnections(l net.Listener, limits ConnectionLimits, refused func(client net.Addr)) net.Listener {
	return &limitedListener{Listener: l, limits: limits, refused: refused, byAddress: map[string]int{}}
}

type limitedListener struct {
	net.Listener
	limits  ConnectionLimits
	refused func(client net.Addr)

	mu        sync.Mutex
	open      int
	byAddress map[string]int
}

// Accept waits for the next connection within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := conn.RemoteAddr()
		key := ""
		if tcp, ok := client.(*net.TCPAddr); ok && !l.limits.Proxies.Trust(client.String()) {
			key = network(tcp.IP.String())
		}
		if l.admit(key) {
			return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(key) })}, nil
		}
		_ = conn.Close()
		l.refused(client)
	}
}

func (l *limitedListener) admit(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limits.Total > 0 && l.open >= l.limits.Total ||
		l.limits.PerAddress > 0 && key != "" && l.byAddress[key] >= l.limits.PerAddress {
		return false
	}
	l.open++
	l.byAddress[key]++
	return true
}

func (l *limitedListener) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byAddress[key]--; l.byAddress[key] == 0 {
		delete(l.byAddress, key)
	}
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection, which then no longer counts.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite ends the sending. net/http needs it to end a connection without a reset.
func (c *limitedConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return fmt.Errorf("edge: end the sending of a connection: %w", errors.ErrUnsupported)
	}
	return half.CloseWrite()
}
