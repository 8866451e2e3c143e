package kithttp

import (
	"context"
	"reflect"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Operation is a route for another transport, which decodes requests and encodes responses itself.
type Operation struct {
	RouteInfo
	Request  reflect.Type // a struct; its tags name its fields
	Response reflect.Type

	// Endpoint takes a value of the type Request, and has the middleware of the server and of the route.
	// RouteFrom has the route, and RequestFrom returns nil.
	Endpoint endpoint.Endpoint

	handling handling
}

// Operations returns the routes in the order in which they were added.
func (s *Server) Operations() []Operation {
	all := make([]Operation, len(s.routes))
	for i, o := range s.routes {
		all[i] = Operation{
			RouteInfo: o.info, Request: o.shape.typ, Response: o.response, Endpoint: o.endpoint, handling: o.handling,
		}
	}
	return all
}

// Admit runs the gates of the route. It returns the context with which the request continues, or the
// error that refuses it. It must run before the request is decoded.
func (o Operation) Admit(ctx context.Context) (context.Context, error) {
	ctx = &exchange{Context: ctx, route: &o.RouteInfo}
	for _, gate := range o.handling.gates {
		var err error
		if ctx, err = gate(ctx); err != nil {
			return ctx, err
		}
	}
	return ctx, nil
}

// Aim returns the error that refuses a request because of its path, if the route is [Aimed]. path
// returns the text of a path parameter.
func (o Operation) Aim(ctx context.Context, path func(name string) string) error {
	if o.handling.aim == nil {
		return nil
	}
	return o.handling.aim(ctx, path)
}

// Refuse returns the error with which a request is refused that was about to be refused with err; see
// [Settled]. It returns nil if err is nil. The endpoint does the same for its own errors.
func (o Operation) Refuse(ctx context.Context, err error) error { return o.handling.refusal(ctx, err) }

// Check adds the fields that the endpoint would refuse to f; see [Checked].
func (o Operation) Check(req any, f *fault.Fields) {
	if o.handling.check != nil {
		o.handling.check(req, f)
	}
}

// Aimed refuses requests by what they are about, after the gates and before the rest of a request is
// decoded. refuse returns a *fault.Error, or nil. path returns the text of a path parameter, which may
// be malformed.
func Aimed(refuse func(ctx context.Context, path func(name string) string) error) HandleOption {
	return func(h *handling) { h.aim = refuse }
}
