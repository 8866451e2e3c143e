package kithttp

import (
	"context"
	"reflect"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
)

// HandleOption is an option of [Handle].
type HandleOption func(*handling)

type handling struct {
	checked    reflect.Type // of the request that check takes
	check      func(req any, f *fault.Fields)
	gates      []Gate
	aim        func(ctx context.Context, path func(name string) string) error
	middleware []endpoint.Middleware
	settle     func(ctx context.Context, err error) error // nil for none

	parsed reflect.Type // of the request that parse takes
	parse  func(body []byte, req any) bool

	appended reflect.Type // of the response that append takes
	append   func(b []byte, response any) ([]byte, error)
}

// Gated puts gates in front of a route. They run in order, until one refuses.
func Gated(gates ...Gate) HandleOption {
	return func(h *handling) { h.gates = append(h.gates, gates...) }
}

// Checked completes the error for a request in which decoding has found invalid fields: check adds
// the fields that the handler would refuse to f. The fields that decoding has refused are zero in
// req, and what check adds for them is ignored. check does not run for any other request, so the
// handler must check the request itself.
//
// Req must be the type of the route's request, otherwise Handle panics.
func Checked[Req any](check func(req Req, f *fault.Fields)) HandleOption {
	return func(h *handling) {
		h.checked = reflect.TypeFor[Req]()
		h.check = func(req any, f *fault.Fields) { check(req.(Req), f) }
	}
}

// Wrapped wraps the endpoint of a route, inside of the server's middleware. The first is the
// outermost.
func Wrapped(mw ...endpoint.Middleware) HandleOption {
	return func(h *handling) { h.middleware = append(h.middleware, mw...) }
}

// Settled lets settle decide about a request that the gates have admitted. settle gets the context
// that they returned, and the error with which the request is about to be refused, or nil before the
// response of one that succeeded. It returns the error that refuses the request instead, or nil. It
// may be called again for a request.
func Settled(settle func(ctx context.Context, err error) error) HandleOption {
	return func(h *handling) { h.settle = settle }
}

// Appended encodes the responses of a route with a function in the place of the JSON library, which
// looks at the fields of every value. add appends to b what the library would write, or returns an
// error if the library would.
//
// Resp must be the type of the route's response, otherwise Handle panics.
func Appended[Resp any](add func(b []byte, response *Resp) ([]byte, error)) HandleOption {
	return func(h *handling) {
		h.appended = reflect.TypeFor[Resp]()
		h.append = func(b []byte, response any) ([]byte, error) {
			r := response.(Resp)
			return add(b, &r)
		}
	}
}

// Parsed decodes the bodies of a route with a function in the place of the JSON library, which looks
// at the fields of every value. parse sets the JSON fields of req as the library would, or returns
// false and changes nothing: then the library decodes the body, and refuses it if it is not valid. So
// parse need know only the form that nearly all bodies have. It must not keep the body.
//
// Req must be the type of the route's request, otherwise Handle panics.
func Parsed[Req any](parse func(body []byte, req *Req) bool) HandleOption {
	return func(h *handling) {
		h.parsed = reflect.TypeFor[Req]()
		h.parse = func(body []byte, req any) bool { return parse(body, req.(*Req)) }
	}
}

// refusal returns the error with which a request is refused that was about to be refused with err.
func (h handling) refusal(ctx context.Context, err error) error {
	if h.settle == nil || err == nil {
		return err
	}
	return h.settle(ctx, err)
}

// settled returns an endpoint with what Settled does to it.
func (h handling) settled(next endpoint.Endpoint) endpoint.Endpoint {
	if h.settle == nil {
		return next
	}
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		return response, h.settle(ctx, err)
	}
}
