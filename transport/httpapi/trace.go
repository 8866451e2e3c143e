package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/go-kit/kit/endpoint"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/cicerone-go/cicerone/transport/edge/failure"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// tracer makes the spans of a request, if the host wants any: one of the exchange, and in it one of
// the use case. They have the route, the status and the code of a failure, and nothing of the
// caller or of the data.
type tracer struct{ trace.Tracer }

func newTracer(p trace.TracerProvider) *tracer {
	if p == nil {
		return nil
	}
	return &tracer{p.Tracer("github.com/cicerone-go/cicerone/transport/httpapi")}
}

// methods are those that a span names. A client can send any other text.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// begin starts the span of an exchange, as a part of the trace that the request names (W3C Trace
// Context). The exchange must call end.
func (t *tracer) begin(r *http.Request) (of *http.Request, end func(Exchange)) {
	if t == nil {
		return r, func(Exchange) {}
	}
	method := "_OTHER"
	if slices.Contains(methods, r.Method) {
		method = r.Method
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method),
	))
	return r.WithContext(ctx), func(x Exchange) {
		if x.Route != "" {
			span.SetName(x.Route)
			span.SetAttributes(attribute.String("http.route", x.Route))
		}
		span.SetAttributes(attribute.Int("http.response.status_code", x.Status), attribute.Int64("http.response.body.size", x.Bytes))
		if x.Status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// middleware makes the span of a use case.
func (t *tracer) middleware(next endpoint.Endpoint) endpoint.Endpoint {
	if t == nil {
		return next
	}
	return func(ctx context.Context, request any) (any, error) {
		ctx, span := t.Start(ctx, "service "+kithttp.RouteFrom(ctx).Name)
		defer span.End()
		response, err := next(ctx, request)
		if err != nil {
			span.SetAttributes(attribute.String("error.type", failure.Public(err).Code))
			span.SetStatus(codes.Error, "") // not the text of the error, which may have anything in it
		}
		return response, err
	}
}
