package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// bearer is the name of the security scheme.
const bearer = "bearer"

// anyone serves a route that needs no signing in.
func anyone[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, Req) (Resp, error)) {
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.TooManyRequests})
	kithttp.Handle(a.server, r, h, a.limitAddress)
}

// asUser serves a route for whoever is signed in.
func asUser[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error)) {
	r.Security = []string{bearer}
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.TooManyRequests})
	kithttp.Handle(a.server, r, withCaller(h), a.SignedIn)
}

// asAdmin serves a route for admins alone; inner middleware runs when it is known who calls.
func asAdmin[Req, Resp any](a *API, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error), inner ...endpoint.Middleware) {
	r.Security = []string{bearer}
	r.Faults = slices.Concat(r.Faults, []fault.Kind{fault.Forbidden, fault.TooManyRequests})
	kithttp.Handle(a.server, r, withCaller(h), append([]endpoint.Middleware{a.SignedIn, a.AdminsOnly}, inner...)...)
}

func withCaller[Req, Resp any](h func(context.Context, users.Caller, Req) (Resp, error)) func(context.Context, Req) (Resp, error) {
	return func(ctx context.Context, req Req) (Resp, error) {
		caller, _ := CallerFrom(ctx) // SignedIn has seen to it
		return h(ctx, caller, req)
	}
}

type callerKey struct{}

// CallerFrom is who makes the request under way, behind [API.SignedIn].
func CallerFrom(ctx context.Context) (caller users.Caller, ok bool) {
	caller, ok = ctx.Value(callerKey{}).(users.Caller)
	return caller, ok
}

// SignedIn is the middleware of routes for those who are signed in: it refuses others with
// users.ErrNotSignedIn, puts the caller into the context, and holds them to their limit. A failed try counts
// against the limit of its address.
func (a *API) SignedIn(next endpoint.Endpoint) endpoint.Endpoint {
	next = a.limitCaller(next)
	refuse := a.limitAddress(func(context.Context, any) (any, error) { return nil, users.ErrNotSignedIn })
	return func(ctx context.Context, request any) (any, error) {
		token, ok := bearerToken(kithttp.RequestFrom(ctx))
		if !ok {
			return refuse(ctx, request)
		}
		caller, err := a.services.Users.Authenticate(ctx, token)
		if errors.Is(err, fault.Unauthenticated) {
			return refuse(ctx, request)
		}
		if err != nil {
			return nil, err
		}
		return next(context.WithValue(ctx, callerKey{}, caller), request)
	}
}

// AdminsOnly is the middleware, inside of [API.SignedIn], that refuses all but admins with
// users.ErrAdminsOnly.
func (a *API) AdminsOnly(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		caller, _ := CallerFrom(ctx)
		if err := caller.RequireAdmin(); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
}

// bearerToken reads the one Authorization header that a request may have (RFC 6750).
func bearerToken(r *http.Request) (string, bool) {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	token = strings.TrimLeft(token, " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}
