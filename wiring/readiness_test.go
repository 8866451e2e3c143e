package wiring_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// disk is a store whose disk can be full, away or slow. Its units that write are counted.
type disk struct {
	ports.Storage
	full, away    atomic.Bool
	slow          time.Duration
	pings, writes atomic.Int64
}

func (d *disk) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode != uow.Write {
		return d.Storage.Run(ctx, mode, fn)
	}
	d.writes.Add(1)
	if d.full.Load() {
		return uow.ErrUnreachable.Wrap(errors.New("no space left on the device"))
	}
	return d.Storage.Run(ctx, mode, fn)
}

func (d *disk) Ping(ctx context.Context) error {
	d.pings.Add(1)
	select {
	case <-time.After(d.slow):
	case <-ctx.Done():
		return uow.ErrUnreachable.Wrap(ctx.Err())
	}
	if d.away.Load() {
		return uow.ErrUnreachable
	}
	return d.Storage.Ping(ctx)
}

func serveFrom(t *testing.T, d *disk) *wiring.App {
	t.Helper()
	d.Storage = memory.New()
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Log = 4, slog.New(slog.DiscardHandler)
	app, err := wiring.New(t.Context(), c, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return app
}

// probe returns the status and the code of /readyz.
func probe(t *testing.T, app *wiring.App) (status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	app.Handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/readyz", nil))
	return answer.Code, answer.Body.String()
}

// TestProbesDoNotLoadTheStore checks that a thousand probes ask the store once, and again after a
// second, also while the store is slow.
func TestProbesDoNotLoadTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{slow: 3 * time.Second}
		app := serveFrom(t, d)
		for want := int64(1); want <= 2; want++ {
			var probes sync.WaitGroup
			for range 1000 {
				probes.Go(func() {
					if status, body := probe(t, app); status != http.StatusOK {
						t.Errorf("got %d %s", status, body)
					}
				})
			}
			probes.Wait()
			time.Sleep(900 * time.Millisecond)
			if status, _ := probe(t, app); status != http.StatusOK { // the result is still recent
				t.Errorf("got %d", status)
			}
			if got := d.pings.Load(); got != want {
				t.Errorf("the store was asked %d times, want %d", got, want)
			}
			time.Sleep(101 * time.Millisecond)
		}
		d.slow = time.Hour
		begun := time.Now()
		if status, body := probe(t, app); status != http.StatusServiceUnavailable || !strings.Contains(body, "not_ready") {
			t.Errorf("a store that hangs: got %d %s", status, body)
		}
		if waited := time.Since(begun); waited > 5*time.Second {
			t.Errorf("a probe of a store that hangs took %v", waited)
		}
		if got := d.writes.Load(); got != 0 {
			t.Errorf("probes wrote %d times to a healthy store", got)
		}
	})
}

// TestNotReadyWhileTheDiskIsFull checks that a server whose store can be read and not written is
// not ready, that it becomes ready by itself, and that its tests of writing leave nothing.
func TestNotReadyWhileTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		app := serveFrom(t, d)
		register := func() error {
			_, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"})
			return err
		}
		d.full.Store(true)
		if err := register(); !errors.Is(err, uow.ErrUnreachable) {
			t.Fatalf("got %v, want %v", err, uow.ErrUnreachable)
		}
		for range 3 {
			if status, body := probe(t, app); status != http.StatusServiceUnavailable || !strings.Contains(body, "not_ready") || strings.Contains(body, "device") {
				t.Errorf("with a full disk: got %d %s", status, body)
			}
			time.Sleep(2 * time.Second)
		}
		d.full.Store(false)
		if status, body := probe(t, app); status != http.StatusOK {
			t.Errorf("with space again: got %d %s", status, body)
		}
		if err := register(); err != nil {
			t.Error(err)
		}
		written := d.writes.Load()
		time.Sleep(2 * time.Second)
		if status, _ := probe(t, app); status != http.StatusOK || d.writes.Load() != written {
			t.Errorf("got %d, and a healthy store was written", status)
		}
		err := ports.NewStore(app.Storage, uow.Policy{}).View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			for _, table := range ports.Tables {
				if table.Name != "idempotency_records" {
					continue
				}
				rows, err := tx.Rows().Read(ctx, table, nil, 10)
				if err != nil || len(rows) != 0 {
					t.Errorf("the tests of writing left %v (error %v)", rows, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestNotReadyWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		app := serveFrom(t, d)
		for _, away := range []bool{true, false} {
			d.away.Store(away)
			if status, _ := probe(t, app); (status == http.StatusOK) == away {
				t.Errorf("away %v: got %d", away, status)
			}
			time.Sleep(2 * time.Second)
		}
	})
}

// TestDrain checks that a server that drains is not ready, serves requests, and asks its clients to
// close their connections.
func TestDrain(t *testing.T) {
	app := serveFrom(t, &disk{})
	ask := func(path string) (int, string, string) {
		answer := httptest.NewRecorder()
		app.Handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		return answer.Code, answer.Body.String(), answer.Header().Get("Connection")
	}
	if status, _, connection := ask("/readyz"); status != http.StatusOK || connection != "" {
		t.Errorf("before: got %d and Connection %q", status, connection)
	}
	app.Drain()
	for path, want := range map[string]int{"/readyz": 503, "/healthz": 200, "/v1/policy": 200} {
		status, body, connection := ask(path)
		if status != want || connection != "close" || want == 503 && !strings.Contains(body, "shutting_down") {
			t.Errorf("%s: got %d %s and Connection %q, want %d", path, status, body, connection, want)
		}
	}
}
