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

// Proxy is a proxy in front of a server. It cuts connections at a place that a test chooses. Its
// methods fail the test on an error, so they must be called from the goroutine of the test.
type Proxy struct {
	t       testing.TB
	proxy   *toxiproxy.Proxy
	dsn     *url.URL
	cuts    *cut // of the last call of CutAnswers or CutRequests; nil before
	refuses bool
}

// NewProxy starts a proxy in front of the server at an address, postgres://… or mongodb://…, which
// must have one host with its port.
func NewProxy(t testing.TB, dsn string) *Proxy {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil || u.Port() == "" {
		t.Fatal("a proxy needs an address with one host and its port")
	}
	port, err := freePort() // the same after Refuse and Heal
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{t: t, proxy: toxiproxy.NewProxy(server, "proxy", addr, u.Host), dsn: u}
	u.Host = addr
	if u.Scheme == "mongodb" { // otherwise the client connects to the members of the replica set, and not to the proxy
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

// DSN returns the address of the server through the proxy.
func (p *Proxy) DSN() string { return p.dsn.String() }

// CutAnswers closes each open and each new connection after so many more bytes of the server's
// answers. With 0, the server executes the next request and its answer is lost completely.
func (p *Proxy) CutAnswers(after int64) {
	p.t.Helper()
	p.cut(stream.Downstream, after)
}

// CutRequests closes each open and each new connection after so many more bytes of the client's
// requests.
func (p *Proxy) CutRequests(after int64) {
	p.t.Helper()
	p.cut(stream.Upstream, after)
}

// Refuse closes all connections and accepts no more, until Heal is called.
func (p *Proxy) Refuse() {
	p.proxy.Stop()
	p.refuses = true
}

// Heal ends the effects of CutAnswers, CutRequests and Refuse. Connections that were cut remain
// closed.
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
	config := fmt.Sprintf(`{"type": %q, "stream": %q, "attributes": {"bytes": %d}}`, cutName, direction, after)
	toxic, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(config))
	if err != nil {
		p.t.Fatalf("cut connections: %v", err)
	}
	p.cuts, _ = toxic.Toxic.(*cut)
}

// AwaitCut waits until CutAnswers or CutRequests has closed a connection. It fails the test after
// the given time.
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

// cut is like the toxic limit_data of toxiproxy, but continues to receive data after the end.
// Otherwise the goroutines that send it would block for ever.
type cut struct {
	Bytes int64        `json:"bytes"`
	made  atomic.Int64 // the number of connections that were cut
}

// NewState returns the number of bytes that a connection has left.
func (c *cut) NewState() any {
	left := c.Bytes
	return &left
}

// Pipe copies bytes from one end of a connection to the other.
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
					continue // discard
				}
				return
			}
		}
	}
}
