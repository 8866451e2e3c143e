package kithttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Problem is a problem document (RFC 9457): how every error is answered, as application/problem+json.
// Its type is about:blank, so that Title says no more than the status; Code tells failures apart, and stays
// the same between releases.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField says what is wrong with one field; the message reads on from the field's name.
type ProblemField struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

const problemMedia = "application/problem+json"

// kinds is the one table between kinds of failure and statuses, read in both directions.
var kinds = []struct {
	kind   fault.Kind
	status int
}{
	{fault.Malformed, http.StatusBadRequest},
	{fault.Unauthenticated, http.StatusUnauthorized},
	{fault.InsufficientTokens, http.StatusPaymentRequired},
	{fault.Forbidden, http.StatusForbidden},
	{fault.NotFound, http.StatusNotFound},
	{fault.Conflict, http.StatusConflict},
	{fault.TooLarge, http.StatusRequestEntityTooLarge},
	{fault.UnsupportedMedia, http.StatusUnsupportedMediaType},
	{fault.Invalid, http.StatusUnprocessableEntity},
	{fault.TooManyRequests, http.StatusTooManyRequests},
	{fault.Internal, http.StatusInternalServerError},
	{fault.Unimplemented, http.StatusNotImplemented},
	{fault.Unavailable, http.StatusServiceUnavailable},
}

// StatusOf is the HTTP status of a kind of failure; 500 for one that is not known.
func StatusOf(kind fault.Kind) int {
	for _, k := range kinds {
		if k.kind == kind {
			return k.status
		}
	}
	return http.StatusInternalServerError
}

// KindOf is the inverse of StatusOf. A status that no kind has is the nearest kind's: Unavailable for what
// a gateway says, Internal for any other 5xx, Malformed for any other 4xx.
func KindOf(status int) fault.Kind {
	for _, k := range kinds {
		if k.status == status {
			return k.kind
		}
	}
	switch {
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return fault.Unavailable
	case status >= 400 && status < 500:
		return fault.Malformed
	default:
		return fault.Internal
	}
}

var (
	failureInternal = fault.New(fault.Internal, string(fault.Internal), "something went wrong on this side")
	failureTimeout  = fault.New(fault.Unavailable, string(fault.Unavailable), "this took too long; try again later")

	problemInternal = problemOf(failureInternal)
	problemNotFound = problemOf(notFound())
	problemMethod   = Problem{
		Type: "about:blank", Title: http.StatusText(http.StatusMethodNotAllowed), Status: http.StatusMethodNotAllowed,
		Detail: "this method is not among those that the address takes", Code: "method_not_allowed",
	}
)

// public reduces an error to what may be told: never a cause, and of a defect nothing at all.
func public(err error) *fault.Error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		switch kind := fault.KindOf(err); {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
			return failureTimeout
		case kind != fault.Internal:
			return fault.New(kind, string(kind), http.StatusText(StatusOf(kind)))
		}
		return failureInternal
	}
	if StatusOf(f.Kind) == http.StatusInternalServerError {
		return failureInternal
	}
	return f
}

func problemOf(f *fault.Error) Problem {
	status := StatusOf(f.Kind)
	p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: f.Detail, Code: f.Code}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, ProblemField{Field: field.Name, Message: field.Message})
	}
	return p
}

// WriteError answers with the problem document of an error, and tells the error hook of what is answered
// with a 5xx. It is go-kit's ErrorEncoder, for plain handlers and HTTP middleware, too.
func (s *Server) WriteError(ctx context.Context, err error, w http.ResponseWriter) {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		s.writeProblem(w, problemOf(failureTimeout)) // nobody reads it: the client has left
		return
	}
	f := public(err)
	p := problemOf(f)
	if p.Status >= http.StatusInternalServerError {
		s.hook(ctx, RouteFrom(ctx), err)
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
	}
	s.writeProblem(w, p)
}

// seconds rounds up: an earlier try would come too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func (s *Server) writeProblem(w http.ResponseWriter, p Problem) {
	body, err := json.Marshal(p)
	if err != nil { // text of a failure that is not UTF-8
		p.Detail, p.Errors = p.Title, nil
		body, _ = json.Marshal(p)
	}
	h := w.Header()
	switch p.Status {
	case http.StatusUnauthorized:
		if len(s.api.bearers) > 0 {
			h.Set("WWW-Authenticate", "Bearer")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", seconds(time.Second))
		}
	}
	setCommon(h, problemMedia)
	write(w, p.Status, body)
}

// PanicError is a panic of a handler or a middleware, for the error hook.
type PanicError struct {
	Value any
	Stack []byte
}

// Error is the value panicked with. It is not unwrapped: whatever it was, the answer is a 500.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovered turns what recover returned into an error. http.ErrAbortHandler is no failure: it goes on.
func recovered(value any) error {
	switch value {
	case nil:
		return nil
	case http.ErrAbortHandler:
		panic(value)
	}
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// recovering makes an endpoint's panic its error, so that middleware around it sees it as one.
func recovering(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (response any, err error) {
		defer func() {
			if panicked := recovered(recover()); panicked != nil {
				response, err = nil, panicked
			}
		}()
		return next(ctx, request)
	}
}
