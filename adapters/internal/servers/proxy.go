package servers

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// Proxy stands before a server, and cuts its clients' connections where a test wants it. Its methods fail the test where they
// do not succeed, so they are called from the test's own goroutine.
type Proxy struct {
	t       testing.TB
	proxy   *toxiproxy.Proxy
	dsn     *url.URL
	cuts    *cut // the last that was asked for; nil before
	refuses bool
}

// NewProxy puts a proxy before the server at an address, postgres://… or mongodb://…, which names one host with its port.
func NewProxy(t testing.TB, dsn string) *Proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil || u.Port() == "" {
		t.Fatal("a proxy needs an address of one host, with its port")
	}
	port, err := freePort() // the same after Refuse and Heal
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{t: t, proxy: toxiproxy.NewProxy(server, "proxy", addr, u.Host), dsn: u}
	u.Host = addr
	if u.Scheme == "mongodb" { // a client that looks for the replica set's members is sent past the proxy
		q := u.Query()
		q.Set("directConnection", "true")
		u.RawQuery = q.Encode()
	}
	if err := p.proxy.Start(); err != nil {
		t.Fatalf("start a proxy: %v", err)
	}
	t.Cleanup(p.proxy.Stop)
	return p
}

// DSN is the server's address by way of the proxy.
func (p *Proxy) DSN() string { return p.dsn.String() }

// CutAnswers closes each connection, whether it is open already or still to come, after so many more bytes of the server's
// answers. With 0 the next answer is lost whole, and the server has done what it was asked.
func (p *Proxy) CutAnswers(after int64) {
	p.t.Helper()
	p.cut(stream.Downstream, after)
}

// CutRequests closes each connection after so many more bytes of the client's requests.
func (p *Proxy) CutRequests(after int64) {
	p.t.Helper()
	p.cut(stream.Upstream, after)
}

// Refuse closes all connections and takes no more, until Heal.
func (p *Proxy) Refuse() {
	p.proxy.Stop()
	p.refuses = true
}

// Heal ends whatever was wrong. Connections that were cut stay so.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.proxy.Toxics.ResetToxics(context.Background())
	if !p.refuses {
		return
	}
	if err := p.proxy.Start(); err != nil {
		p.t.Fatalf("start a proxy again: %v", err)
	}
	p.refuses = false
}

func (p *Proxy) cut(direction stream.Direction, after int64) {
	p.t.Helper()
	p.proxy.Toxics.ResetToxics(context.Background())
	what := fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {"bytes": %d}}`, cutName, direction, after)
	toxic, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(what))
	if err != nil {
		p.t.Fatalf("cut connections: %v", err)
	}
	p.cuts, _ = toxic.Toxic.(*cut)
}

// AwaitCut waits until a connection was closed where CutAnswers or CutRequests said. It fails the test after so long.
func (p *Proxy) AwaitCut(within time.Duration) {
	p.t.Helper()
	for late := time.After(within); p.cuts.made.Load() == 0; {
		select {
		case <-time.After(time.Millisecond):
		case <-late:
			p.t.Fatalf("no connection was cut within %v", within)
		}
	}
}

const cutName = "cut"

func init() { toxics.Register(cutName, new(cut)) }

// cut is toxiproxy's own limit_data, but goes on to take what comes after the end. Otherwise the goroutines that bring it
// would wait for ever.
type cut struct {
	Bytes int64        `json:"bytes"`
	made  atomic.Int64 // how many connections were cut
}

// NewState is how many bytes a connection has left.
func (c *cut) NewState() any {
	left := c.Bytes
	return &left
}

// Pipe carries bytes from one end of a connection to the other.
func (c *cut) Pipe(stub *toxics.ToxicStub) {
	left := stub.State.(*int64)
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			kept := min(*left, int64(len(chunk.Data)))
			*left -= kept
			if kept > 0 {
				chunk.Data = chunk.Data[:kept]
				stub.Output <- chunk
			}
			if *left == 0 {
				stub.Close()
				c.made.Add(1)
				for range stub.Input {
					continue // nobody is left to have it
				}
				return
			}
		}
	}
}
