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
	"github.com/cicerone-go/cicerone/transport/edge/failure"
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

// StatusOf returns the HTTP status of a kind of failure; 500 for an unknown one. The table is that
// of package failure.
func StatusOf(kind fault.Kind) int { return failure.CodesOf(kind).HTTP }

// KindOf is the inverse of StatusOf. A status that no kind has gets the nearest kind: Unavailable for a
// gateway's, Internal for any other 5xx, Malformed for any other 4xx.
func KindOf(status int) fault.Kind {
	kind, ok := failure.KindOf(func(c failure.Codes) bool { return c.HTTP == status })
	switch {
	case ok:
		return kind
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		return fault.Unavailable
	case status >= 400 && status < 500:
		return fault.Malformed
	default:
		return fault.Internal
	}
}

var (
	problemInternal = problemOf(failure.Internal)
	problemNotFound = problemOf(notFound())
	problemMethod   = Problem{
		Type: "about:blank", Title: http.StatusText(http.StatusMethodNotAllowed), Status: http.StatusMethodNotAllowed,
		Detail: "this method is not among those that the address takes", Code: "method_not_allowed",
	}
)

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
		s.writeProblem(w, problemOf(failure.TimedOut)) // nobody reads it: the client has left
		return
	}
	f := failure.Public(err)
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

// PanicError is a panic of a handler, a gate or a middleware, for the error hook.
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
