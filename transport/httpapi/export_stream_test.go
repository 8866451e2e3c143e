package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// gallery is a storage that returns other bytes for the image of a message than those that were
// sent.
type gallery struct {
	ports.Storage
	image func(n int64) ([]byte, error) // n counts the calls, from 1
	read  atomic.Int64
}

func (g *gallery) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	return g.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, galleryTx{tx, g}) })
}

type galleryTx struct {
	ports.Tx
	of *gallery
}

func (tx galleryTx) Messaging() messaging.Repository {
	return galleryMessages{tx.Tx.Messaging(), tx.of}
}

type galleryMessages struct {
	messaging.Repository
	of *gallery
}

func (r galleryMessages) Attachment(ctx context.Context, m id.Message) (messaging.Attachment, error) {
	a, err := r.Repository.Attachment(ctx, m)
	if err == nil {
		a.Bytes, err = r.of.image(r.of.read.Add(1))
	}
	return a, err
}

// exporting is a world behind a server with a network, which has small buffers.
type exporting struct {
	*world
	server       *httptest.Server
	gallery      *gallery
	local, admin person
}

func newExporting(t *testing.T, limits edge.ExportLimits, image func(n int64) ([]byte, error)) *exporting {
	t.Helper()
	x := &exporting{gallery: &gallery{Storage: memory.New(), image: image}}
	x.world = newWorldIn(t, x.gallery, func(o *httpapi.Options) { o.Limits.Exports = limits })
	x.local, x.admin = x.person("Luis"), x.world.admin("Ann")
	x.searchable(x.local)
	x.server = httptest.NewUnstartedServer(x.api)
	x.server.Config.WriteTimeout = 200 * time.Millisecond // does not hold for exports
	x.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if err := c.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
			t.Error(err)
		}
		return ctx
	}
	x.server.Start()
	t.Cleanup(x.server.Close)
	return x
}

// user signs up a user who has sent messages with images.
func (x *exporting) user(name string, images int) person {
	x.t.Helper()
	p := x.person(name)
	must[httpapi.Transaction](x.t)(x.admin.PostTokens(x.ctx, p.id, httpapi.Adjustment{Type: "BONUS", Amount: 1000, Reason: "many"}, ""))
	talk := x.talk(p, x.local)
	must[httpapi.Message](x.t)(x.local.Send(x.ctx, talk, httpapi.Draft{Content: new("send me your pictures")}, ""))
	for range images {
		draft := messaging.Draft{Attachment: messaging.ParseDataURL([]byte(dataURL("image/png", picture(x.t, 2, 2))))}
		if _, err := x.services.Messaging.Send(x.ctx, p.id, talk, draft, ""); err != nil {
			x.t.Fatal(err)
		}
	}
	return p
}

// open asks for an export over a connection of its own, with a small buffer.
func (x *exporting) open(method string, p person) *http.Response {
	x.t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(32 << 10)
		}
		return c, err
	}}
	r, err := http.NewRequestWithContext(x.ctx, method, x.server.URL+"/v1/me/export", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	response, err := transport.RoundTrip(r)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() {
		_ = response.Body.Close()
		transport.CloseIdleConnections()
	})
	return response
}

// refused fails the test unless an export is refused with a problem document.
func (x *exporting) refused(p person, status int, code string, retryAfter string) {
	x.t.Helper()
	r := x.open(http.MethodGet, p)
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != status || !strings.Contains(string(body), `"code":"`+code+`"`) || r.Header.Get("Retry-After") != retryAfter {
		x.t.Errorf("got %d %v %s, %v, want %d %s", r.StatusCode, r.Header, body, err, status, code)
	}
	if r.Header.Get("Content-Disposition") != "" {
		x.t.Error("a refusal has the headers of an export")
	}
}

// broken fails the test unless the rest of a response ends with an error and is no JSON.
func (x *exporting) broken(r *http.Response) {
	x.t.Helper()
	body, err := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusOK || err == nil || json.Valid(body) {
		x.t.Errorf("got %d and %d bytes, error %v, JSON: %v; want a broken document", r.StatusCode, len(body), err, json.Valid(body))
	}
}

// eventually fails the test unless an export of a user is admitted soon.
func (x *exporting) eventually(p person) *http.Response {
	x.t.Helper()
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if r := x.open(http.MethodGet, p); r.StatusCode == http.StatusOK {
			return r
		}
	}
	x.t.Fatal("the export of another client still runs")
	return nil
}

func ofSize(n int) func(int64) ([]byte, error) {
	return func(int64) ([]byte, error) { return make([]byte, n), nil }
}

// TestExportOfManyImages exports the largest images, while ten other readers stall, and measures
// how much memory the server holds. The images are several times as much as it may hold.
func TestExportOfManyImages(t *testing.T) {
	const bound = 64 << 20
	images := 60
	if os.Getenv("CICERONE_SOAK") == "1" {
		images = 300
	}
	x := newExporting(t, edge.DefaultLimits().Exports, ofSize(messaging.MaxAttachment))
	vera := x.user("Vera", images)
	var stalled []person
	for i := range 10 {
		stalled = append(stalled, x.user(fmt.Sprint("Stalled", i), 5))
	}
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // or the garbage grows with what the tests before have left
	idle := heap(true)
	r := x.open(http.MethodGet, vera)
	admitted := 0
	for _, p := range stalled {
		if x.open(http.MethodGet, p).StatusCode == http.StatusOK {
			admitted++
		}
	}
	if admitted != 3 {
		t.Errorf("%d of the stalled readers were admitted, want 3", admitted)
	}
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "application/json" || r.ContentLength != -1 {
		t.Errorf("got %d %v", r.StatusCode, r.Header)
	}

	var peak uint64
	var read int64
	var tail []byte
	buffer := make([]byte, 64<<10)
	for blocks := 0; ; blocks++ {
		n, err := r.Body.Read(buffer)
		read += int64(n)
		tail = append(tail, buffer[:n]...)
		tail = tail[max(0, len(tail)-16):]
		if blocks%64 == 0 {
			peak = max(peak, heap(false))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < int64(images)*messaging.MaxAttachment*4/3 || !bytes.HasSuffix(tail, []byte(`}]}`)) {
		t.Errorf("read %d bytes that end with %s", read, tail)
	}
	t.Logf("%d MiB were read; the server held at most %d MiB above idle", read>>20, (peak-idle)>>20)
	if peak > idle+bound {
		t.Errorf("the server held %d MiB above idle, want at most %d", (peak-idle)>>20, bound>>20)
	}
}

// heap returns the size of the heap in bytes, garbage included unless it is collected first.
func heap(collect bool) uint64 {
	if collect {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestExportsAreLimited(t *testing.T) {
	x := newExporting(t, edge.DefaultLimits().Exports, ofSize(messaging.MaxAttachment))
	var people []person
	var running []*http.Response
	for i := range 4 {
		p := x.user(fmt.Sprint("Vera", i), 8)
		if r := x.open(http.MethodHead, p); r.StatusCode != http.StatusOK { // takes no place
			t.Fatalf("HEAD: got %d", r.StatusCode)
		}
		r := x.open(http.MethodGet, p)
		if r.StatusCode != http.StatusOK {
			t.Fatalf("export %d: got %d", i, r.StatusCode)
		}
		people, running = append(people, p), append(running, r)
	}
	fifth := x.user("Fifth", 8)
	x.refused(people[0], 429, "export_running", "10")
	x.refused(fifth, 503, "exports_busy", "30")

	// After the last byte.
	if body, err := io.ReadAll(running[0].Body); err != nil || !json.Valid(body) {
		t.Fatalf("the first export: %v", err)
	}
	next := x.eventually(fifth)
	x.refused(people[0], 503, "exports_busy", "30")

	// After the client has left.
	if err := next.Body.Close(); err != nil {
		t.Fatal(err)
	}
	x.eventually(people[0])
}

func TestSlowReadersAreCutOff(t *testing.T) {
	limits := edge.ExportLimits{PerUser: 1, MinRate: 1_000_000, Over: 500 * time.Millisecond}
	t.Run("stalled", func(t *testing.T) {
		x := newExporting(t, limits, ofSize(messaging.MaxAttachment))
		vera := x.user("Vera", 8)
		r := x.open(http.MethodGet, vera)
		x.eventually(vera)
		x.broken(r)
	})
	t.Run("below the rate", func(t *testing.T) {
		x := newExporting(t, limits, ofSize(messaging.MaxAttachment))
		x.broken(slowly(x.open(http.MethodGet, x.user("Vera", 8)), 300_000))
	})
	t.Run("above the rate", func(t *testing.T) {
		limits := limits
		limits.MinRate = 100_000 // far below 4 MB/s, because a busy machine pauses the reader
		x := newExporting(t, limits, ofSize(1<<20))
		body, err := io.ReadAll(slowly(x.open(http.MethodGet, x.user("Vera", 8)), 4_000_000).Body)
		if err != nil || !json.Valid(body) {
			t.Errorf("read %d bytes: %v", len(body), err)
		}
	})
	t.Run("1 MB/s with the default rate", func(t *testing.T) {
		x := newExporting(t, edge.DefaultLimits().Exports, ofSize(1<<20))
		body, err := io.ReadAll(slowly(x.open(http.MethodGet, x.user("Vera", 3)), 1_000_000).Body)
		if err != nil || !json.Valid(body) {
			t.Errorf("read %d bytes: %v", len(body), err)
		}
	})
}

// slowly makes a body be read at a rate in bytes per second.
func slowly(r *http.Response, rate int) *http.Response {
	r.Body = struct {
		io.Reader
		io.Closer
	}{throttled{r.Body, rate}, r.Body}
	return r
}

type throttled struct {
	io.Reader
	rate int
}

func (s throttled) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b[:min(len(b), s.rate/50)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate))
	return n, err
}

// TestExportThatFails fails at the beginning, which is answered with a problem document, and in the
// middle, which breaks the connection.
func TestExportThatFails(t *testing.T) {
	failing := func(at int64) func(int64) ([]byte, error) {
		return func(n int64) ([]byte, error) {
			if n == at {
				return nil, fault.New(fault.Unavailable, "store_unreachable", "the store cannot be reached")
			}
			return make([]byte, 1<<20), nil
		}
	}
	t.Run("at the beginning", func(t *testing.T) {
		x := newExporting(t, edge.DefaultLimits().Exports, failing(1))
		vera := x.user("Vera", 5)
		x.refused(vera, 503, "store_unreachable", "1")
		if body, err := io.ReadAll(x.open(http.MethodGet, vera).Body); err != nil || !json.Valid(body) {
			t.Errorf("the next export: %v", err)
		}
	})
	t.Run("in the middle", func(t *testing.T) {
		x := newExporting(t, edge.DefaultLimits().Exports, failing(4))
		vera := x.user("Vera", 5)
		x.broken(x.open(http.MethodGet, vera))
		x.eventually(vera)
	})
	t.Run("with panics", func(t *testing.T) { // more of them than there are images at a time
		x := newExporting(t, edge.DefaultLimits().Exports, func(n int64) ([]byte, error) {
			if n <= 3 {
				panic("the image cannot be read")
			}
			return make([]byte, 1<<10), nil
		})
		vera := x.user("Vera", 1)
		for range 3 {
			x.refused(vera, 500, "internal", "")
		}
		if body, err := io.ReadAll(x.open(http.MethodGet, vera).Body); err != nil || !json.Valid(body) {
			t.Errorf("the next export: %v", err)
		}
	})
	for what, leave := range map[string]func(x *exporting, vera person) error{
		"the account becomes inactive": func(x *exporting, vera person) error {
			_, err := x.admin.ChangeUser(x.ctx, vera.id, httpapi.AccountChange{IsActive: kithttp.Some(false), Reason: kithttp.Some("rude")})
			return err
		},
		"the session ends":      func(x *exporting, vera person) error { return x.client.SignOut(x.ctx, vera.refresh) },
		"the account is erased": func(x *exporting, vera person) error { return vera.EraseMe(x.ctx, password) },
	} {
		t.Run(what, func(t *testing.T) {
			x := newExporting(t, edge.DefaultLimits().Exports, ofSize(messaging.MaxAttachment))
			vera := x.user("Vera", 8)
			r := x.open(http.MethodGet, vera)
			if err := leave(x, vera); err != nil {
				t.Fatal(err)
			}
			x.broken(r)
		})
	}
}
