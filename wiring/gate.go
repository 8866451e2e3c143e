package wiring

import (
	"context"
	"net/http"
	"sync"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// gate counts the requests and the calls of Run that are inside, so that close can wait for them.
type gate struct {
	closing context.Context // ends when the gate closes
	shut    context.CancelFunc

	mu     sync.Mutex
	inside int
	empty  chan struct{} // closed when the gate is closed and inside is 0
}

func newGate() *gate {
	g := &gate{empty: make(chan struct{})}
	g.closing, g.shut = context.WithCancel(context.Background())
	return g
}

// enter reports whether the gate is open. If it is, the caller must call leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing.Err() != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closing.Err() != nil && g.inside == 0 {
		close(g.empty)
	}
}

// close makes enter return false and waits until inside is 0. It returns ctx.Err() if ctx ends
// first.
func (g *gate) close(ctx context.Context) error {
	g.mu.Lock()
	if g.closing.Err() == nil {
		g.shut()
		if g.inside == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.empty:
		return nil
	default:
	}
	select {
	case <-g.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guard returns a handler that passes requests to the API while the gate is open.
func guard(readiness *Readiness, api *httpapi.API) http.Handler {
	g := readiness.work
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.enter() {
			api.Server().WriteError(r.Context(), httpapi.ErrClosing, w)
			return
		}
		defer g.leave()
		if readiness.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		api.ServeHTTP(w, r)
	})
}
