package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// logbook keeps the lines of a log in JSON.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lines returns the lines that have a message.
func (l *logbook) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(l.b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m["msg"] == message {
			found = append(found, m)
		}
	}
	return found
}

func TestRequestID(t *testing.T) {
	var book logbook
	w := newWorld(t, func(o *httpapi.Options) { o.Log = book.logger() })
	given := w.ask("GET", "/healthz", "", "", "X-Request-Id", "abc-123").header.Get("X-Request-Id")
	if given != "abc-123" {
		t.Errorf("got %q, want the id of the request's header", given)
	}
	seen := map[string]bool{}
	for _, bad := range []string{"", "a b", "ä", strings.Repeat("x", 129), "a\x7f"} {
		made := w.ask("GET", "/v1/nonsense", "", "", "X-Request-Id", bad).header.Get("X-Request-Id")
		if made == bad || len(made) < 16 || seen[made] {
			t.Errorf("for %q: got %q, want a new one", bad, made)
		}
		seen[made] = true
	}
	if line := book.lines(t, "request")[0]; line["request_id"] != "abc-123" {
		t.Errorf("got the line %v", line)
	}
}

// TestFailures checks that the cause of a 5xx is logged once, and is not in the response.
func TestFailures(t *testing.T) {
	var failure error
	var book logbook
	fail := func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			if failure == nil {
				panic("the sky fell")
			}
			return nil, failure
		}
	}
	w := newWorld(t, func(o *httpapi.Options) { o.Log = book.logger() })
	ada := w.person("Ada")
	w.serve(func(o *httpapi.Options) {
		o.Log = book.logger()
		o.Middleware = []endpoint.Middleware{fail}
	})
	for _, c := range []struct {
		failure error
		status  int
		code    string
		level   string
		cause   string
	}{
		{errors.New("disk 3 is on fire"), 500, "internal", "ERROR", "disk 3"},
		{fmt.Errorf("begin: %w", uow.ErrUnreachable.Wrap(errors.New("dial 10.0.0.7"))), 503, "store_unreachable", "WARN", "10.0.0.7"},
		{fmt.Errorf("commit: %w", uow.ErrOutcomeUnknown), 503, "outcome_unknown", "WARN", "commit"},
		{nil, 500, "internal", "ERROR", "the sky fell"},
	} {
		failure = c.failure
		book.b.Reset()
		a := w.ask("GET", "/v1/me", ada.token, "", "X-Request-Id", "r1")
		a.refused(t, c.status, c.code)
		if strings.Contains(a.body, c.cause) {
			t.Errorf("the response has the cause: %s", a.body)
		}
		if c.status == 503 && a.header.Get("Retry-After") == "" {
			t.Error("got 503 without Retry-After")
		}
		lines := book.lines(t, "request failed")
		if len(lines) != 1 || lines[0]["level"] != c.level || lines[0]["request_id"] != "r1" || lines[0]["route"] != "me" ||
			!strings.Contains(fmt.Sprint(lines[0]["error"]), c.cause) {
			t.Errorf("got the lines %v, want one of level %s with %q", lines, c.level, c.cause)
		}
	}
}

// TestMiddleware checks that middleware runs only for requests that were admitted and decoded, and
// gets the caller and the request.
func TestMiddleware(t *testing.T) {
	type seen struct {
		route, request string
		caller         users.Caller
	}
	var got []seen
	w := newWorld(t)
	ada := w.person("Ada")
	w.serve(func(o *httpapi.Options) {
		o.Middleware = []endpoint.Middleware{func(next endpoint.Endpoint) endpoint.Endpoint {
			return func(ctx context.Context, request any) (any, error) {
				text, err := json.Marshal(request)
				if err != nil {
					t.Error(err)
				}
				caller, _ := edge.CallerFrom(ctx)
				got = append(got, seen{kithttp.RouteFrom(ctx).Name, string(text), caller})
				return next(ctx, request)
			}
		}}
	})
	w.ask("PATCH", "/v1/me", "", `{"bio":"I walk."}`).want(t, 401)
	w.ask("PATCH", "/v1/me", ada.token, `{"bio":`).want(t, 400)
	w.ask("GET", "/v1/admin/audit", ada.token, "").want(t, 403)
	if len(got) > 0 {
		t.Fatalf("the middleware got the refused requests %v", got)
	}
	w.ask("PATCH", "/v1/me", ada.token, `{"bio":"I walk."}`).want(t, 200)
	w.ask("GET", "/v1/interests?limit=7", "", "").want(t, 200)
	if len(got) != 2 || got[0].route != "changeMe" || got[0].caller.UserID != ada.id || !strings.Contains(got[0].request, `"I walk."`) ||
		got[1].route != "interests" || got[1].caller != (users.Caller{}) || !strings.Contains(got[1].request, `"7"`) {
		t.Errorf("the middleware got %+v", got)
	}
}

// badges is an Authenticator that a host may have.
type badges map[string]users.Caller

func (b badges) Authenticate(_ context.Context, token string) (users.Caller, error) {
	caller, ok := b[token]
	if !ok {
		return users.Caller{}, fault.New(fault.Unauthenticated, "no_badge", "show a badge")
	}
	return caller, nil
}

func TestOwnAuthenticator(t *testing.T) {
	w := newWorld(t)
	ann := w.admin("Ann")
	w.serve(func(o *httpapi.Options) {
		o.Authenticator = badges{"boss": {UserID: ann.id, Role: users.RoleAdmin}, "guest": {UserID: ann.id, Role: users.RoleUser}}
	})
	w.ask("GET", "/v1/me", "guest", "").want(t, 200)
	w.ask("GET", "/v1/admin/interests", "boss", "").want(t, 200)
	w.ask("GET", "/v1/admin/interests", "guest", "").refused(t, 403, "admins_only")
	w.ask("GET", "/v1/me", "stranger", "").refused(t, 401, "not_signed_in")
	w.ask("GET", "/v1/me", ann.token, "").refused(t, 401, "not_signed_in")
}

// TestLogHasNoSecrets checks that the log has no secrets and no data of requests and responses.
func TestLogHasNoSecrets(t *testing.T) {
	var book logbook
	tn := newTown(t, func(o *httpapi.Options) { o.Log = book.logger() })
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		if route.Name == "eraseMe" || route.Name == "changeUser" {
			continue // they would end the sessions that the other routes need
		}
		tn.ask(route.Method, tn.path(route, r)+"?token="+tn.people["voyager"].refresh, tn.people[r.right].token, tn.words.Replace(r.body))
		tn.ask(route.Method, tn.path(route, r), tn.people[r.right].token, tn.words.Replace(r.body))
	}
	log := book.b.String()
	hash, _ := quickHasher{}.Hash(tn.ctx, password)
	for what, secret := range map[string]string{
		"password": password, "new password": "another horse", "hash": hash, "access token": tn.people["voyager"].token,
		"refresh token": tn.people["voyager"].refresh, "reset": tn.words.Replace("{reset}"), "address": tn.people["voyager"].email,
		"message": "Hello", "header": "Authorization", "scheme": "Bearer",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the %s", what)
		}
	}
	if n := len(book.lines(t, "request")); n < len(routeTable) {
		t.Errorf("got %d lines of requests, want one for each", n)
	}
}

func TestReadyz(t *testing.T) {
	var down error
	w := newWorld(t, func(o *httpapi.Options) { o.Ready = func(context.Context) error { return down } })
	if a := w.ask("GET", "/readyz", "", "").want(t, 200); a.body != `{"status":"ok"}` {
		t.Errorf("got %s", a.body)
	}
	down = errors.New("no store at 10.0.0.7")
	a := w.ask("GET", "/readyz", "", "")
	a.refused(t, 503, "not_ready")
	if strings.Contains(a.body, "10.0.0.7") || a.header.Get("Retry-After") == "" {
		t.Errorf("got %v %s", a.header, a.body)
	}
	if err := w.client.Ready(w.ctx); !errors.Is(err, httpapi.ErrNotReady) {
		t.Errorf("got %v, want %v", err, httpapi.ErrNotReady)
	}
	w.ask("GET", "/healthz", "", "").want(t, 200)
	if err := w.client.Healthy(w.ctx); err != nil {
		t.Error(err)
	}
}

// TestHostRoutes adds routes of a host, with the gates of the API.
func TestHostRoutes(t *testing.T) {
	type greeting struct {
		Hello users.Role `json:"hello"`
	}
	w := newWorld(t)
	ada, ann := w.person("Ada"), w.admin("Ann")
	greet := func(ctx context.Context, _ kithttp.None) (greeting, error) {
		caller, ok := edge.CallerFrom(ctx)
		if !ok || httpapi.RequestID(ctx) == "" {
			return greeting{}, errors.New("the context has no caller or no request id")
		}
		return greeting{caller.Role}, nil
	}
	w.serve()
	open := kithttp.Route[kithttp.None, greeting]{Name: "greet", Method: http.MethodGet, Path: "/v1/greeting"}
	closed := kithttp.Route[kithttp.None, greeting]{Name: "greetAdmin", Method: http.MethodGet, Path: "/v1/admin/greeting"}
	kithttp.Handle(w.api.Server(), open, greet, kithttp.Gated(w.api.Gate().SignedIn))
	kithttp.Handle(w.api.Server(), closed, greet, kithttp.Gated(w.api.Gate().SignedIn, edge.AdminsOnly))

	for _, c := range []struct {
		path, token string
		status      int
	}{
		{"/v1/greeting", ada.token, 200}, {"/v1/greeting", "", 401}, {"/v1/admin/greeting", ada.token, 403},
		{"/v1/admin/greeting", ann.token, 200}, {"/v1/me", ada.token, 200},
	} {
		w.ask("GET", c.path, c.token, "").want(t, c.status)
	}
}

func TestNewNeedsEveryService(t *testing.T) {
	services := newWorld(t).services
	services.Privacy = nil
	defer func() {
		if recover() == nil {
			t.Error("New took services of which one is missing")
		}
	}()
	httpapi.New(services, httpapi.Options{})
}
