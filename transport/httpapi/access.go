package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// bearer is the name of the security scheme.
const bearer = "bearer"

// anyone serves a route that needs no signing in.
func anyone[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, Req) (Resp, error)) {
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.TooManyRequests})
	kithttp.Handle(a.server, r, h, kithttp.Gated(a.gate.Anyone))
}

// asUser serves a route for signed-in users.
func asUser[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error)) {
	r.Security = []string{bearer}
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.TooManyRequests})
	kithttp.Handle(a.server, r, withCaller(h), kithttp.Gated(a.gate.SignedIn))
}

// asAdmin serves a route for admins; more gates are asked after these.
func asAdmin[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error), more ...kithttp.Gate) {
	r.Security = []string{bearer}
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.Forbidden, fault.TooManyRequests})
	kithttp.Handle(a.server, r, withCaller(h), kithttp.Gated(a.gate.SignedIn, edge.AdminsOnly), kithttp.Gated(more...))
}

func withCaller[Req, Resp any](h func(context.Context, users.Caller, Req) (Resp, error)) func(context.Context, Req) (Resp, error) {
	return func(ctx context.Context, req Req) (Resp, error) {
		caller, _ := edge.CallerFrom(ctx) // the gate has seen to it
		return h(ctx, caller, req)
	}
}

// describeCall tells the gate what it needs of a request.
func (a *API) describeCall(ctx context.Context, r *http.Request) context.Context {
	return edge.WithCall(ctx, edge.Call{
		Operation: kithttp.RouteFrom(ctx).Name,
		Token:     bearerToken(r),
		Address:   a.clientAddress(r),
	})
}

func peerAddress(r *http.Request) string { return edge.PeerAddress(r.RemoteAddr) }

// bearerToken reads the one Authorization header that a request may have (RFC 6750), or returns "".
func bearerToken(r *http.Request) string {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}
