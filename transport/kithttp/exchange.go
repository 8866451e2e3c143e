package kithttp

import (
	"context"
	"net/http"

	kit "github.com/go-kit/kit/transport/http"
)

// Gate admits or refuses a request before it is decoded, so its refusal comes before any refusal of
// the request's content. It returns the context with which the request continues, derived from ctx,
// or a *fault.Error that refuses the request. [RequestFrom] returns the *http.Request; a gate must
// not read its body.
type Gate func(ctx context.Context) (context.Context, error)

// enter runs gates. A kit.RequestFunc cannot return an error, so the refusal is kept in the
// exchange for the decoder, which runs next.
func enter(gates []Gate) kit.RequestFunc {
	return func(outside context.Context, _ *http.Request) context.Context {
		ctx := outside
		for _, gate := range gates {
			entered, err := gate(ctx)
			if err != nil {
				exchangeOf(outside).refused = err
				return outside // not ctx: a gate may have returned a context without the exchange
			}
			ctx = entered
		}
		return ctx
	}
}

// exchange is the context of a request, with what RequestFrom and RouteFrom return.
type exchange struct {
	context.Context
	request *http.Request
	route   *RouteInfo
	refused error // the refusal of a gate
}

type exchangeKey struct{}

// Value returns the exchange itself for its key.
func (x *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func withExchange(info RouteInfo) kit.RequestFunc {
	return func(ctx context.Context, r *http.Request) context.Context {
		return &exchange{Context: ctx, request: r, route: &info}
	}
}

// exchangeOf returns the exchange of the current request, or an empty one if there is no request.
func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// RequestFrom returns the current HTTP request, or nil if ctx has none. Only the decoder may read
// its body.
func RequestFrom(ctx context.Context) *http.Request { return exchangeOf(ctx).request }

// RouteFrom returns the route of the current request, or the zero RouteInfo if ctx has none.
func RouteFrom(ctx context.Context) RouteInfo {
	if route := exchangeOf(ctx).route; route != nil {
		return *route
	}
	return RouteInfo{}
}
