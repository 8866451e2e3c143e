package kithttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/edge/failure"
)

// Problem is a problem document (RFC 9457), the body of every error response, with the media type
// application/problem+json. Its type is about:blank, so Title is the text of the status. Code
// distinguishes errors of the same status and does not change between releases.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField describes an error in one field. The message follows the field's name in a sentence.
type ProblemField struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

const problemMedia = "application/problem+json"

// StatusOf returns the HTTP status of a kind of failure, and 500 for an unknown kind. Package
// failure has the table.
func StatusOf(kind fault.Kind) int { return failure.CodesOf(kind).HTTP }

// KindOf is the inverse of StatusOf. If no kind has the status, it returns the nearest kind:
// Unavailable for 502 and 504, Malformed for any other 4xx, and Internal for the rest.
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
	problemNotFound = problemOf(failure.NotFound())
	problemMethod   = Problem{
		Type: "about:blank", Title: http.StatusText(http.StatusMethodNotAllowed), Status: http.StatusMethodNotAllowed,
		Detail: "this address does not support the method", Code: "method_not_allowed",
	}
)

func problemOf(f *fault.Error) Problem {
	status := StatusOf(f.Kind)
	p := Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: failure.Readable(f.Detail, failure.MaxDetail), Code: f.Code,
	}
	for _, field := range f.Fields[:min(len(f.Fields), fault.MaxFields)] {
		p.Errors = append(p.Errors, ProblemField{Field: failure.Readable(field.Name, failure.MaxName), Message: failure.Readable(field.Message, failure.MaxMessage)})
	}
	return p
}

// WriteError writes the problem document of an error, and calls the error hook if the status is a
// 5xx. It is a go-kit ErrorEncoder. Plain handlers and HTTP middleware may call it, too.
func (s *Server) WriteError(ctx context.Context, err error, w http.ResponseWriter) {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		s.writeProblem(ctx, w, problemOf(failure.TimedOut)) // the client has left and does not read it
		return
	}
	f := failure.Public(err)
	p := problemOf(f)
	if p.Status >= http.StatusInternalServerError {
		s.hook(ctx, RouteFrom(ctx), err)
	}
	s.problems(ctx, p)
	s.writeFault(w, f, p)
}

// seconds rounds up, so that a client does not retry too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Refuse answers a request with the problem document of an error, such as one that refuses it
// because of the load, and does no more for it: it finds no route, and calls no hook and no
// function of [WithBefore]. As after a gate that returned the error, it reads a small body of the
// request that has arrived, so that the connection can be kept.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	if hasBody(r) {
		in := s.takeIn(w, r)
		defer in.leave()
		in.skip()
	}
	s.writeFault(w, f, problemOf(f))
}

// writeFault writes the problem document of an error, with its Retry-After.
func (s *Server) writeFault(w http.ResponseWriter, f *fault.Error, p Problem) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
	}
	s.sendProblem(w, p)
}

func (s *Server) writeProblem(ctx context.Context, w http.ResponseWriter, p Problem) {
	s.problems(ctx, p)
	s.sendProblem(w, p)
}

func (s *Server) sendProblem(w http.ResponseWriter, p Problem) {
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
	buffer := encoded.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in the pool
	body := p.append((*buffer)[:0])
	if cap(body) <= keptSize {
		*buffer = body
		defer encoded.Put(buffer) // a response writer does not keep what was written
	}
	write(w, p.Status, body)
}

// append appends what the JSON library would write for the document.
func (p Problem) append(b []byte) []byte {
	text := func(name, value string) {
		b, _ = jsontext.AppendQuote(append(b, name...), value) // fails only for text that is not UTF-8, which problemOf removes
	}
	text(`{"type":`, p.Type)
	text(`,"title":`, p.Title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(p.Status), 10)
	text(`,"detail":`, p.Detail)
	text(`,"code":`, p.Code)
	for i, field := range p.Errors {
		if i == 0 {
			b = append(b, `,"errors":[`...)
		} else {
			b = append(b, ',')
		}
		text(`{"field":`, field.Field)
		text(`,"message":`, field.Message)
		b = append(b, '}')
	}
	if len(p.Errors) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// PanicError is the error that the error hook gets for a panic.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the text of the value. There is no Unwrap: a panic is a 500, even with a
// *fault.Error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovered turns the result of recover into an error. It panics again with http.ErrAbortHandler,
// which ends the connection on purpose.
func recovered(value any) error {
	switch value {
	case nil:
		return nil
	case http.ErrAbortHandler:
		panic(value)
	}
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// recovering returns an endpoint that returns a panic of next as an error, so that middleware sees
// it.
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
