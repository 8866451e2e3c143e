package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Health is the response of a server that is healthy or ready.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// The errors of a server that cannot serve requests.
var (
	// ErrNotReady is returned by /readyz if the server cannot serve requests at present: if
	// Options.Ready returns an error other than ErrClosing.
	ErrNotReady = edge.ErrNotReady

	// ErrClosing is returned for a request that arrives while the server shuts down, and by /readyz
	// already before, while the server drains.
	ErrClosing = edge.ErrClosing
)

var (
	tagHealth = []string{"operations"}

	probeLive  = healthz.Method + " " + healthz.Path
	probeReady = readyz.Method + " " + readyz.Path

	healthz = kithttp.Route[kithttp.None, Health]{
		Name: "healthz", Method: http.MethodGet, Path: "/healthz", Summary: "Check that the server runs", Tags: tagHealth,
		Faults: []*fault.Error{edge.ErrBodiesBusy, edge.ErrBodyShare},
	}
	readyz = kithttp.Route[kithttp.None, Health]{
		Name: "readyz", Method: http.MethodGet, Path: "/readyz", Summary: "Check that the server can serve requests",
		Tags: tagHealth, Faults: []*fault.Error{ErrNotReady, ErrClosing, edge.ErrBodiesBusy, edge.ErrBodyShare},
	}
)

// serveHealth adds the health routes. They have no limits, because the operator's tools call them.
func (a *API) serveHealth() {
	kithttp.Handle(a.server, healthz, alive)
	kithttp.Handle(a.server, readyz, func(ctx context.Context, _ kithttp.None) (Health, error) {
		if a.ready == nil {
			return Health{Status: "ok"}, nil
		}
		switch err := a.ready(ctx); {
		case errors.Is(err, ErrClosing):
			return Health{}, err
		case err != nil:
			return Health{}, ErrNotReady.Wrap(err)
		}
		return Health{Status: "ok"}, nil
	})
}

// Starting returns the handler of a server whose store is not open yet, for instance because it is
// being brought up to date: /healthz has the status 200, and everything else is refused with
// ErrNotReady.
func Starting() http.Handler {
	s := kithttp.NewServer()
	kithttp.Handle(s, healthz, alive)
	s.HandleHTTP("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.WriteError(r.Context(), ErrNotReady, w)
	}))
	return s
}

func alive(context.Context, kithttp.None) (Health, error) { return Health{Status: "ok"}, nil }
