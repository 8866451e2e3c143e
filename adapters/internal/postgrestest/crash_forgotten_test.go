package postgrestest

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
)

// TestConnectionsForgotten: something between here and the server has lost its memory of all connections. Nothing arrives on
// them any more, and nobody says so; new ones are as good as ever.
func TestConnectionsForgotten(t *testing.T) {
	network := newForgetful(t, servers.Postgres(t))
	defer network.close()
	o := impatient
	o.StatementTimeout = 500 * time.Millisecond
	o.IdleTimeout = time.Second // after which the server forgets them, too, and lets go of what they had locked
	l := newLife(t, serve(t, network.dsn, o))
	times := size(1, 20)
	for range times {
		l.Work()
		network.forget()
		l.Healed()
	}
	l.End(fmt.Sprintf("%d times forgotten", times))
}

// forgetful passes on what comes, until it forgets.
type forgetful struct {
	dsn    string
	listen net.Listener
	server string
	served chan struct{} // closed when no more connections are taken
	all    sync.WaitGroup

	mu    sync.Mutex
	pairs []*pair
}

// pair is a connection: its two ends.
type pair struct {
	client, server net.Conn
	mu             sync.Mutex
	forgotten      bool
}

func newForgetful(t *testing.T, dsn string) *forgetful {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	listen, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	f := &forgetful{listen: listen, server: u.Host, served: make(chan struct{})}
	u.Host = listen.Addr().String()
	f.dsn = u.String()
	go f.serve()
	return f
}

// close ends what is left.
func (f *forgetful) close() {
	_ = f.listen.Close()
	<-f.served
	f.mu.Lock()
	for _, p := range f.pairs {
		_, _ = p.client.Close(), p.server.Close() // most are closed
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
		p := &pair{client: client, server: server}
		f.mu.Lock()
		f.pairs = append(f.pairs, p)
		f.mu.Unlock()
		f.all.Go(func() { p.pass(client, server) })
		f.all.Go(func() { p.pass(server, client) })
	}
}

// forget leaves all connections open, and nothing arrives on them.
func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pairs {
		p.mu.Lock()
		p.forgotten = true
		p.mu.Unlock()
	}
}

// pass takes what comes from one end to the other, its end included.
func (p *pair) pass(from, to net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		if !p.forgotten {
			_, _ = to.Write(buffer[:n]) // who does not read any more has closed
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
