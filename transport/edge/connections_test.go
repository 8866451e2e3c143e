package edge_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/edge"
)

// queue is a listener of connections from addresses of the test's choice.
type queue struct {
	net.Listener
	waiting chan net.Conn
}

func (q queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.waiting:
		return c, nil
	default:
		return nil, net.ErrClosed
	}
}

type connFrom struct {
	net.Conn
	client net.Addr
}

func (c connFrom) RemoteAddr() net.Addr { return c.client }

// connect lets a client connect, and returns the connection that the listener accepts, or nil if it
// refuses it.
func (q queue) connect(t *testing.T, l net.Listener, address string) net.Conn {
	t.Helper()
	var client net.Addr = &net.UnixAddr{Net: "unix"}
	if address != "" {
		client = &net.TCPAddr{IP: net.ParseIP(address), Port: 1}
	}
	ours, theirs := net.Pipe()
	q.waiting <- connFrom{ours, client}
	conn, err := l.Accept()
	if err != nil {
		if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a refused connection was not closed: %v", err)
		}
		return nil
	}
	return conn
}

func TestConnectionsOfAnAddress(t *testing.T) {
	q := queue{waiting: make(chan net.Conn, 1)}
	var refused []string
	l := edge.LimitConnections(q, edge.ConnectionLimits{PerAddress: 2}, func(client net.Addr) { refused = append(refused, client.String()) })
	first, second := q.connect(t, l, "192.0.2.1"), q.connect(t, l, "::ffff:192.0.2.1")
	if first == nil || second == nil || q.connect(t, l, "192.0.2.1") != nil {
		t.Error("want two connections of an address, and no third")
	}
	if q.connect(t, l, "192.0.2.2") == nil {
		t.Error("another address was refused")
	}
	if q.connect(t, l, "2001:db8::1") == nil || q.connect(t, l, "2001:db8::2") == nil || q.connect(t, l, "2001:db8::3") != nil {
		t.Error("want two connections of an IPv6 /64, and no third")
	}
	if q.connect(t, l, "2001:db8:0:1::1") == nil {
		t.Error("another IPv6 /64 was refused")
	}
	_ = first.Close()
	_ = first.Close() // counts once
	if q.connect(t, l, "192.0.2.1") == nil || q.connect(t, l, "192.0.2.1") != nil {
		t.Error("after one of two connections was closed, want one more")
	}
	for range 10 {
		if q.connect(t, l, "") == nil {
			t.Error("a connection without an address was refused")
		}
	}
	if len(refused) != 3 || refused[0] != "192.0.2.1:1" {
		t.Errorf("told of the refused connections %q", refused)
	}
}

func TestConnectionsOfAProxy(t *testing.T) {
	proxies, err := edge.ParseProxies("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	q := queue{waiting: make(chan net.Conn, 1)}
	l := edge.LimitConnections(q, edge.ConnectionLimits{Total: 12, PerAddress: 1, Proxies: proxies}, func(net.Addr) {})
	if q.connect(t, l, "198.51.100.1") == nil || q.connect(t, l, "198.51.100.1") != nil {
		t.Error("want one connection of an address that is no proxy")
	}
	for range 11 {
		if q.connect(t, l, "192.0.2.1") == nil {
			t.Error("a connection of a proxy was refused")
		}
	}
	if q.connect(t, l, "192.0.2.1") != nil {
		t.Error("a connection of a proxy was accepted beyond the limit of all")
	}
}

func TestConnectionsInAll(t *testing.T) {
	q := queue{waiting: make(chan net.Conn, 1)}
	l := edge.LimitConnections(q, edge.ConnectionLimits{Total: 2}, func(net.Addr) {})
	first := q.connect(t, l, "192.0.2.1")
	if first == nil || q.connect(t, l, "") == nil || q.connect(t, l, "192.0.2.3") != nil {
		t.Error("want two connections, and no third")
	}
	_ = first.Close()
	if q.connect(t, l, "192.0.2.1") == nil || q.connect(t, l, "192.0.2.1") != nil {
		t.Error("after one of two connections was closed, want one more")
	}
	free := edge.LimitConnections(q, edge.ConnectionLimits{}, nil)
	for range 100 {
		if q.connect(t, free, "192.0.2.1") == nil {
			t.Error("without limits, a connection was refused")
		}
	}
}

// TestLimitedConnectionEndsWithoutReset checks that the end of the sending reaches the client.
func TestLimitedConnectionEndsWithoutReset(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := edge.LimitConnections(inner, edge.DefaultConnectionLimits(), func(net.Addr) {})
	t.Cleanup(func() { _ = l.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client got %v, want the end", err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Errorf("the client can no longer send: %v", err)
	}

	q := queue{waiting: make(chan net.Conn, 1)}
	pipe := q.connect(t, edge.LimitConnections(q, edge.ConnectionLimits{}, nil), "192.0.2.1")
	if err := pipe.(interface{ CloseWrite() error }).CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a connection without CloseWrite returned %v", err)
	}
}
