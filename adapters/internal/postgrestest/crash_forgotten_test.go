package postgrestest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// TestConnectionsForgotten makes a proxy, like a firewall that has lost its state, drop all data of
// the open connections without closing them. New connections work.
func TestConnectionsForgotten(t *testing.T) {
	network := newForgetful(t, servers.Postgres(t), func([]byte) bool { return false })
	defer network.close()
	o := impatient
	o.StatementTimeout = 500 * time.Millisecond
	o.IdleTimeout = time.Second // after which the server closes them and releases their locks
	l := newLife(t, serve(t, network.dsn, o))
	times := size(1, 20)
	for range times {
		l.Work()
		network.forget()
		l.Healed()
	}
	l.End(fmt.Sprintf("%d times forgotten", times))
}

// forgetful is a proxy that passes data on until forget is called. It closes a connection in place
// of the answer to data for which cuts returns true.
type forgetful struct {
	cuts   func(sent []byte) bool // reports whether to do so
	dsn    string
	listen net.Listener
	server string
	served chan struct{} // closed when no more connections are accepted
	all    sync.WaitGroup

	mu    sync.Mutex
	pairs []*pair
}

// pair is the two ends of a connection.
type pair struct {
	client, server net.Conn
	mu             sync.Mutex
	forgotten      bool
	cuts           func(sent []byte) bool
	isCut          bool
}

func newForgetful(t *testing.T, dsn string, cuts func(sent []byte) bool) *forgetful {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	listen, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	f := &forgetful{cuts: cuts, listen: listen, server: u.Host, served: make(chan struct{})}
	u.Host = listen.Addr().String()
	f.dsn = u.String()
	go f.serve()
	return f
}

// close closes the remaining connections.
func (f *forgetful) close() {
	_ = f.listen.Close()
	<-f.served
	f.mu.Lock()
	for _, p := range f.pairs {
		_, _ = p.client.Close(), p.server.Close() // most are closed already
	}
	f.mu.Unlock()
	f.all.Wait()
}

func (f *forgetful) serve() {
	defer close(f.served)
	for {
		client, err := f.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", f.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p := &pair{client: client, server: server, cuts: f.cuts}
		f.mu.Lock()
		f.pairs = append(f.pairs, p)
		f.mu.Unlock()
		f.all.Go(func() { p.pass(client, server) })
		f.all.Go(func() { p.pass(server, client) })
	}
}

// forget keeps all connections open, but drops their data.
func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pairs {
		p.mu.Lock()
		p.forgotten = true
		p.mu.Unlock()
	}
}

// pass copies data from one end to the other, and closes the other end at the end.
func (p *pair) pass(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		if from == p.server && p.isCut {
			n, err = 0, errors.Join(err, io.ErrUnexpectedEOF)
		}
		p.isCut = p.isCut || n > 0 && from == p.client && p.cuts(buffer[:n])
		if !p.forgotten {
			_, _ = to.Write(buffer[:n]) // fails if the other end is closed
			if err != nil {
				_ = to.Close()
			}
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}
