package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// bearer is the name of the security scheme.
const bearer = "bearer"

// anyone serves a route for callers who need not be signed in. It has a class, by what it costs.
func anyone[Req, Resp any](
	a *API, c edge.Class, r kithttp.Route[Req, Resp], h func(context.Context, Req) (Resp, error), opts ...kithttp.HandleOption,
) {
	admit := []kithttp.HandleOption{kithttp.Gated(a.gate.Anyone), a.inLane(c)}
	if c == edge.Cheap { // the gates of others read nothing, and their lanes bound the rest
		admit = append(admit, kithttp.Gated(a.arrive(r.Name)), kithttp.Settled(a.gate.Confirm))
	}
	kithttp.Handle(a.server, describe(c, r), h, append(opts, admit...)...)
}

// arrive returns the first gate of a route that reads the store.
func (a *API) arrive(route string) kithttp.Gate {
	if endsSession(route) {
		return a.gate.ArriveKept
	}
	return a.gate.Arrive
}

// endsSession reports whether a route ends sessions. Its requests have a way in under any load.
func endsSession(route string) bool {
	return route == logOut.Name || route == endSession.Name || route == endOtherSessions.Name
}

// turnsAwayFrom lets ServeHTTP refuse the requests of a route whose first gate is that of
// [API.arrive], unless the host has left the route out, and may have another one in its place.
func (a *API) turnsAwayFrom(route kithttp.RouteInfo) {
	isServed := slices.ContainsFunc(a.server.Routes(), func(r kithttp.RouteInfo) bool { return r.Name == route.Name })
	if isServed && !endsSession(route.Name) {
		a.turnsAway[route.Method+" "+route.Path] = true
	}
}

// arriving returns what lets a request of a route arrive before it passes the gates.
func (a *API) arriving(arrive kithttp.Gate, c edge.Class, gates ...kithttp.Gate) []kithttp.HandleOption {
	return []kithttp.HandleOption{
		kithttp.Gated(arrive), kithttp.Gated(gates...), kithttp.Settled(a.gate.Confirm), a.inLane(c),
	}
}

// asUser serves a route for signed-in users.
func asUser[Req, Resp any](
	a *API, c edge.Class, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error),
	opts ...kithttp.HandleOption,
) {
	r.Security = []string{bearer}
	gate := a.gate.SignedIn
	reads := r.Method == http.MethodGet && (c == edge.Cheap || c == edge.Search)
	if a.presumes && (reads || r.Name == send.Name || r.Name == markRead.Name) {
		// The use case checks the session, which saves a round trip to the store. These are the routes
		// that are used most, and their handlers do nothing for the caller outside of units of work.
		gate = a.gate.Presumed
	}
	kithttp.Handle(a.server, describe(c, r, users.ErrNotSignedIn, users.ErrSuspended), withCaller(h),
		append(a.arriving(a.arrive(r.Name), c, gate), opts...)...)
	a.turnsAwayFrom(r.Info())
}

// asSuspended serves a route for signed-in users, those who are suspended included.
func asSuspended[Req, Resp any](
	a *API, c edge.Class, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error),
	opts ...kithttp.HandleOption,
) {
	r.Security = []string{bearer}
	kithttp.Handle(a.server, describe(c, r, users.ErrNotSignedIn), withCaller(h),
		append(a.arriving(a.arrive(r.Name), c, a.gate.SignedInOrSuspended), opts...)...)
	a.turnsAwayFrom(r.Info())
}

// asAdmin serves a route for admins, who have a way in when others are refused. Gates in opts run
// last.
func asAdmin[Req, Resp any](
	a *API, c edge.Class, r kithttp.Route[Req, Resp], h func(context.Context, users.Caller, Req) (Resp, error),
	opts ...kithttp.HandleOption,
) {
	r.Security = []string{bearer}
	kithttp.Handle(a.server, describe(c, r, users.ErrNotSignedIn, users.ErrSuspended, users.ErrAdminsOnly, users.ErrSecondFactorRequired), withCaller(h),
		append(a.arriving(a.gate.ArriveKept, c, a.gate.SignedIn, edge.AdminsOnly), opts...)...)
}

// inLane runs the endpoint of a route in the lane of its class: when the request is decoded, until
// its response is made. A client that sends or reads slowly has no place in a lane. A Stream enters
// its lane itself, because it reads the store while it is written. Cheap requests have the place
// with which they arrived, and others give it back.
func (a *API) inLane(c edge.Class) kithttp.HandleOption {
	return kithttp.Wrapped(func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			if priced, ok := request.(interface{ isCheap() bool }); c == edge.Cheap || ok && priced.isCheap() {
				if err := a.gate.Resume(ctx); err != nil {
					return nil, err
				}
				return next(ctx, request)
			}
			a.gate.Depart(ctx)
			if c == edge.Export || c == edge.Live {
				return next(ctx, request)
			}
			var account string
			if named, ok := request.(interface{ account() string }); ok {
				account = named.account()
			}
			leave, err := a.gate.Enter(ctx, c, account)
			if err != nil {
				return nil, err
			}
			defer leave()
			return next(ctx, request)
		}
	})
}

// describe completes a route for the OpenAPI document. It adds the errors of the gates and of the
// lane, the errors that every route may have, the error and the header of a route with a key, and
// the error of a route with paging.
func describe[Req, Resp any](c edge.Class, r kithttp.Route[Req, Resp], gates ...*fault.Error) kithttp.Route[Req, Resp] {
	r.Faults = slices.Concat(r.Faults, gates, []*fault.Error{
		edge.ErrTooManyRequests, edge.ErrBodiesBusy, edge.ErrBodyShare,
		uow.ErrConflict, uow.ErrUnreachable, uow.ErrRefused, uow.ErrOutcomeUnknown, failure.TimedOut, ErrClosing,
	})
	r.Faults = append(r.Faults, edge.ErrBusy)
	switch c {
	case edge.Cheap:
	case edge.Export:
		r.Faults = append(r.Faults, edge.ErrExportRunning, edge.ErrExportsBusy)
	case edge.Live:
		r.Faults = append(r.Faults, edge.ErrTooManyStreams, edge.ErrStreamsBusy)
	default:
		r.Faults = append(r.Faults, edge.ErrTooManyAtOnce)
	}
	var req Req
	if _, ok := any(req).(interface{ key() idempotency.Key }); ok {
		r.Faults = append(r.Faults, idempotency.ErrKeyReused)
		r.Headers = []kithttp.Header{{Name: replayedHeader, Description: "true if an earlier request with the same " +
			"Idempotency-Key was executed, and this response repeats its response; otherwise absent."}}
	}
	if _, ok := any(req).(interface{ page() }); ok {
		r.Faults = append(r.Faults, edge.ErrCursor)
	}
	return r
}

func withCaller[Req, Resp any](h func(context.Context, users.Caller, Req) (Resp, error)) func(context.Context, Req) (Resp, error) {
	return func(ctx context.Context, req Req) (Resp, error) {
		caller, _ := edge.CallerFrom(ctx) // always present behind Gate.SignedIn
		return h(ctx, caller, req)
	}
}

// describeCall adds the edge.Call of the request to the context, for the gate.
func (a *API) describeCall(ctx context.Context, r *http.Request) context.Context {
	x := exchangeOf(ctx)
	x.address = a.clientAddress(r)
	return edge.WithCall(ctx, edge.Call{
		Operation: kithttp.RouteFrom(ctx).Name,
		Token:     edge.BearerToken(r.Header.Values("Authorization")),
		Address:   x.address,
		Client:    r.UserAgent(),
		Languages: r.Header.Get("Accept-Language"),
	})
}

const (
	idempotencyHeader = "Idempotency-Key"
	replayedHeader    = "Idempotency-Replayed"
)

// markReplay sets the header Idempotency-Replayed if the response repeats that of an earlier
// request.
func markReplay(ctx context.Context, w http.ResponseWriter) context.Context {
	if idempotency.Replayed(ctx) {
		w.Header().Set(replayedHeader, "true")
	}
	return ctx
}

func peerAddress(r *http.Request) string { return edge.PeerAddress(r.RemoteAddr) }
