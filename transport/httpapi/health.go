package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Health is what a server says of itself while it is well.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// ErrNotReady is a server that cannot do its work at present.
var ErrNotReady = fault.New(fault.Unavailable, "not_ready", "the server is not ready")

var (
	tagHealth = []string{"operations"}

	healthz = kithttp.Route[kithttp.None, Health]{
		Name: "healthz", Method: http.MethodGet, Path: "/healthz", Summary: "Whether the server runs", Tags: tagHealth,
	}
	readyz = kithttp.Route[kithttp.None, Health]{
		Name: "readyz", Method: http.MethodGet, Path: "/readyz", Summary: "Whether the server can do its work",
		Tags: tagHealth, Faults: []fault.Kind{fault.Unavailable},
	}
)

// serveHealth limits nobody: who asks is whoever runs the server.
func (a *API) serveHealth() {
	kithttp.Handle(a.server, healthz, func(context.Context, kithttp.None) (Health, error) {
		return Health{Status: "ok"}, nil
	})
	kithttp.Handle(a.server, readyz, func(ctx context.Context, _ kithttp.None) (Health, error) {
		if a.ready != nil {
			if err := a.ready(ctx); err != nil {
				return Health{}, ErrNotReady.Because(err)
			}
		}
		return Health{Status: "ok"}, nil
	})
}
