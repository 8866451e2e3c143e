package kithttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func problem(t *testing.T, w *httptest.ResponseRecorder) kithttp.Problem {
	t.Helper()
	if media := w.Header().Get("Content-Type"); media != "application/problem+json" {
		t.Fatalf("Content-Type %q: %s", media, w.Body)
	}
	var p kithttp.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != w.Code {
		t.Errorf("the document has the status %d, and the response %d", p.Status, w.Code)
	}
	return p
}

func TestProblemsOfErrors(t *testing.T) {
	secret := errors.New("secret")
	limited := fault.New(fault.TooManyRequests, "slow_down", "later")
	limited.RetryAfter = 1500 * time.Millisecond
	cases := []struct {
		err           error
		status        int
		code          string
		detail        string
		retry         string
		hooked, login bool
	}{
		{err: fault.New(fault.Malformed, "c", "d"), status: 400, code: "c", detail: "d"},
		{err: fault.New(fault.Unauthenticated, "c", "d"), status: 401, code: "c", detail: "d", login: true},
		{err: fault.New(fault.InsufficientTokens, "c", "d"), status: 402, code: "c", detail: "d"},
		{err: fault.New(fault.Forbidden, "c", "d"), status: 403, code: "c", detail: "d"},
		{err: fault.New(fault.NotFound, "c", "d").Wrap(secret), status: 404, code: "c", detail: "d"},
		{err: fault.New(fault.Conflict, "c", "d"), status: 409, code: "c", detail: "d"},
		{err: fault.New(fault.TooLarge, "c", "d"), status: 413, code: "c", detail: "d"},
		{err: fault.New(fault.UnsupportedMedia, "c", "d"), status: 415, code: "c", detail: "d"},
		{err: fault.New(fault.Invalid, "c", "d"), status: 422, code: "c", detail: "d"},
		{err: fault.New(fault.TooManyRequests, "c", "d"), status: 429, code: "c", detail: "d", retry: "1"},
		{err: limited, status: 429, code: "slow_down", detail: "later", retry: "2"},
		{err: fault.New(fault.Unavailable, "c", "d").Wrap(secret), status: 503, code: "c", detail: "d", retry: "1", hooked: true},
		{err: fmt.Errorf("secret: %w", fault.New(fault.Unimplemented, "c", "d")), status: 501, code: "c", detail: "d", hooked: true},
		{err: fault.New(fault.Internal, "c", "secret"), status: 500, code: "internal", hooked: true},
		{err: fault.New(fault.Kind("odd"), "c", "secret"), status: 500, code: "internal", hooked: true},
		{err: secret, status: 500, code: "internal", hooked: true},
		{err: fmt.Errorf("secret: %w", fault.New(fault.Conflict, "c", "d")), status: 409, code: "c", detail: "d"},
		{err: fmt.Errorf("secret: %w", fault.Forbidden), status: 403, code: "forbidden"},
		{err: fmt.Errorf("secret: %w", context.DeadlineExceeded), status: 503, code: "unavailable", retry: "1", hooked: true},
		{err: fault.New(fault.Conflict, "c", "not \xff UTF-8"), status: 409, code: "c"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%d %v", c.status, c.err), func(t *testing.T) {
			var hooked error
			var told kithttp.Problem
			s := kithttp.NewServer(
				kithttp.WithBearer("bearer", ""),
				kithttp.WithErrorHook(func(_ context.Context, r kithttp.RouteInfo, err error) {
					hooked = err
					if r.Name != "getThing" {
						t.Errorf("the error hook got the route %q", r.Name)
					}
				}),
				kithttp.WithProblemHook(func(_ context.Context, p kithttp.Problem) { told = p }))
			kithttp.Handle(s, getThing, answer[key](thing{}, c.err))
			w := do(s, "GET", "/things/a")
			p := problem(t, w)
			if w.Code != c.status || p.Code != c.code || c.detail != "" && p.Detail != c.detail || p.Detail == "" {
				t.Errorf("%d %+v", w.Code, p)
			}
			if !reflect.DeepEqual(told, p) {
				t.Errorf("the problem hook got %+v", told)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the response reveals the cause: %s", w.Body)
			}
			if got := w.Header().Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After %q, want %q", got, c.retry)
			}
			if got := w.Header().Get("WWW-Authenticate") == "Bearer"; got != c.login {
				t.Errorf("WWW-Authenticate: %v", got)
			}
			if (hooked != nil) != c.hooked || hooked != nil && !errors.Is(hooked, c.err) {
				t.Errorf("the error hook got %v", hooked)
			}
		})
	}
}

func TestUnencodableResponse(t *testing.T) {
	var hooked error
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) { hooked = err }))
	kithttp.Handle(s, getThing, answer[key](thing{Name: "\xff"}, nil))
	w := do(s, "GET", "/things/a")
	if p := problem(t, w); p.Status != 500 || hooked == nil || !strings.Contains(hooked.Error(), "getThing") {
		t.Errorf("%+v, the error hook got %v", p, hooked)
	}
}

func TestClientLeaves(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) {
		t.Errorf("the error hook got %v", err)
	}))
	ctx, leave := context.WithCancel(context.Background())
	kithttp.Handle(s, getThing, func(ctx context.Context, _ key) (thing, error) {
		leave()
		<-ctx.Done()
		return thing{}, fmt.Errorf("query: %w", ctx.Err())
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/things/a", nil).WithContext(ctx))
	if w.Code == http.StatusInternalServerError {
		t.Error("got the status 500")
	}
}

func TestPanics(t *testing.T) {
	boom := func(context.Context, key) (thing, error) { panic("secret") }
	throw := func(endpoint.Endpoint) endpoint.Endpoint {
		return func(context.Context, any) (any, error) { panic("secret") }
	}
	exchanged := func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, _ any) (any, error) { return next(ctx, "secret") }
	}
	before := func(context.Context, *http.Request) context.Context { panic("secret") }
	fine := answer[key](thing{}, nil)
	var seen error
	watch := func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			response, err := next(ctx, request)
			seen = err
			return response, err
		}
	}
	cases := []struct {
		name string
		add  func(opts ...kithttp.Option) *kithttp.Server
	}{
		{"handler", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, getThing, boom, kithttp.Wrapped(watch))
			return s
		}},
		{"middleware", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, getThing, fine, kithttp.Wrapped(throw))
			return s
		}},
		{"a request of another type", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, getThing, fine, kithttp.Wrapped(exchanged))
			return s
		}},
		{"gate", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, getThing, fine, kithttp.Gated(func(context.Context) (context.Context, error) { panic("secret") }))
			return s
		}},
		{"decoding", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, kithttp.Route[secretive, thing]{Name: "getThing", Method: "GET", Path: "/things/{id}"},
				answer[secretive](thing{}, nil))
			return s
		}},
		{"before", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(append(opts, kithttp.WithBefore(before))...)
			kithttp.Handle(s, getThing, fine)
			return s
		}},
		{"answer", func(opts ...kithttp.Option) *kithttp.Server {
			s := kithttp.NewServer(opts...)
			kithttp.Handle(s, kithttp.Route[key, explosive]{Name: "getThing", Method: "GET", Path: "/things/{id}"},
				answer[key](explosive{}, nil))
			return s
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var hooked error
			var told kithttp.Problem
			s := c.add(
				kithttp.WithErrorHook(func(_ context.Context, r kithttp.RouteInfo, err error) { hooked = err }),
				kithttp.WithProblemHook(func(_ context.Context, p kithttp.Problem) { told = p }))
			w := do(s, "GET", "/things/a")
			if p := problem(t, w); !reflect.DeepEqual(told, p) {
				t.Errorf("the problem hook got %+v", told)
			}
			if p := problem(t, w); w.Code != 500 || p.Code != "internal" || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			panicked, ok := errors.AsType[*kithttp.PanicError](hooked)
			if !ok || c.name != "a request of another type" && panicked.Value != "secret" || !strings.Contains(string(panicked.Stack), "server_test.go") {
				t.Errorf("the error hook got %v", hooked)
			}
		})
	}
	if _, ok := errors.AsType[*kithttp.PanicError](seen); !ok {
		t.Errorf("the middleware saw %v", seen)
	}
}

// secretive is a request whose decoding panics.
type secretive struct {
	ID explosive `path:"id"`
}

type explosive struct{}

func (explosive) MarshalText() ([]byte, error) { panic("secret") }

func (*explosive) UnmarshalText([]byte) error { panic("secret") }

func (explosive) MarshalJSON() ([]byte, error) { panic("secret") }

func TestErrAbortHandlerIsPassedOn(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) {
		t.Errorf("the error hook got %v", err)
	}))
	kithttp.Handle(s, getThing, func(context.Context, key) (thing, error) { panic(http.ErrAbortHandler) })
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	do(s, "GET", "/things/a")
}

func TestPlainHandlerPanics(t *testing.T) {
	var hooked error
	s := kithttp.NewServer(kithttp.WithErrorHook(func(_ context.Context, _ kithttp.RouteInfo, err error) { hooked = err }))
	s.HandleHTTP("/plain", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") }))
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
		if _, ok := errors.AsType[*kithttp.PanicError](hooked); !ok {
			t.Errorf("the error hook got %v", hooked)
		}
	}()
	do(s, "GET", "/plain")
}

func TestWriteErrorForPlainHandlers(t *testing.T) {
	hooked := 0
	s := kithttp.NewServer(kithttp.WithErrorHook(func(context.Context, kithttp.RouteInfo, error) { hooked++ }))
	s.HandleHTTP("/ready", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.WriteError(r.Context(), fault.New(fault.Unavailable, "down", "the store is away"), w)
	}))
	w := do(s, "GET", "/ready")
	if p := problem(t, w); p.Code != "down" || w.Code != 503 || w.Header().Get("Retry-After") != "1" || hooked != 1 {
		t.Errorf("%+v, the error hook was called %d times", p, hooked)
	}
}

// TestProblemsAreSmall checks that a problem document is not as large as what it quotes.
func TestProblemsAreSmall(t *testing.T) {
	s := kithttp.NewServer()
	long := strings.Repeat("é", 1<<20)
	f := fault.New(fault.Conflict, "c", long)
	for range 1000 {
		f.Fields = append(f.Fields, fault.Field{Name: long, Message: long})
	}
	kithttp.Handle(s, getThing, answer[key](thing{}, f))
	w := do(s, "GET", "/things/a")
	p := problem(t, w)
	if w.Body.Len() > 20_000 || w.Code != 409 || len(p.Errors) != fault.MaxFields {
		t.Errorf("got %d with %d bytes and %d errors", w.Code, w.Body.Len(), len(p.Errors))
	}
	f.Detail = strings.Repeat("\x01", 1<<20) // six bytes each in JSON
	for i := range f.Fields {
		f.Fields[i] = fault.Field{Name: f.Detail, Message: f.Detail}
	}
	if w := do(s, "GET", "/things/a"); w.Body.Len() > 100<<10 || w.Code != 409 {
		t.Errorf("got %d with %d bytes", w.Code, w.Body.Len())
	}
	for _, text := range []string{p.Detail, p.Errors[0].Field, p.Errors[0].Message} {
		if !strings.HasPrefix(text, "ééé") || !strings.HasSuffix(text, "é…") {
			t.Errorf("got %.20q… with %d bytes, want the beginning of the text", text, len(text))
		}
	}
}

// TestProblemsAreWrittenAsByTheLibrary compares problem documents with those of the JSON library.
func TestProblemsAreWrittenAsByTheLibrary(t *testing.T) {
	s := kithttp.NewServer()
	for _, text := range []string{"", "plain", `"quoted" \ and /`, "a line\nand\ttabs\r\b\f", "\x00\x1f\x7f", "<b>&amp;</b>", "é, 漢字, \u2028\u2029", "\xff"} {
		for _, fields := range [][]fault.Field{nil, {{Name: "a", Message: text}}, {{Name: text, Message: "b"}, {Name: "c", Message: "d"}}} {
			f := fault.New(fault.Invalid, "code", text)
			f.Fields = fields
			w := httptest.NewRecorder()
			s.WriteError(t.Context(), f, w)
			want, err := jsonv2.Marshal(problem(t, w))
			if err != nil {
				t.Fatal(err)
			}
			if got := w.Body.String(); got != string(want) {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}
