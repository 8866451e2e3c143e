package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Health is the response of a server that is healthy or ready.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// The errors of a server that cannot serve requests.
var (
	// ErrNotReady is returned by /readyz if the server cannot serve requests at present.
	ErrNotReady = fault.New(fault.Unavailable, "not_ready", "the server is not ready")

	// ErrClosing is returned for a request that arrives while the server shuts down.
	ErrClosing = fault.New(fault.Unavailable, "shutting_down", "the server is shutting down: try again later")
)

var (
	tagHealth = []string{"operations"}

	probeLive  = healthz.Method + " " + healthz.Path
	probeReady = readyz.Method + " " + readyz.Path

	healthz = kithttp.Route[kithttp.None, Health]{
		Name: "healthz", Method: http.MethodGet, Path: "/healthz", Summary: "Check that the server runs", Tags: tagHealth,
	}
	readyz = kithttp.Route[kithttp.None, Health]{
		Name: "readyz", Method: http.MethodGet, Path: "/readyz", Summary: "Check that the server can serve requests",
		Tags: tagHealth, Faults: []*fault.Error{ErrNotReady, ErrClosing},
	}
)

// serveHealth adds the health routes. They have no limits, because the operator's tools call them.
func (a *API) serveHealth() {
	kithttp.Handle(a.server, healthz, func(context.Context, kithttp.None) (Health, error) {
		return Health{Status: "ok"}, nil
	})
	kithttp.Handle(a.server, readyz, func(ctx context.Context, _ kithttp.None) (Health, error) {
		if a.ready != nil {
			if err := a.ready(ctx); err != nil {
				return Health{}, ErrNotReady.Wrap(err)
			}
		}
		return Health{Status: "ok"}, nil
	})
}
