package kithttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/kit/endpoint"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// do sends a request to a handler, without a network.
func do(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestUnknownPathsAndMethods(t *testing.T) {
	var told kithttp.Problem
	s := kithttp.NewServer(kithttp.WithProblemHook(func(_ context.Context, p kithttp.Problem) { told = p }))
	kithttp.Handle(s, getThing, answer[key](thing{Name: "n"}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	s.HandleHTTP("GET /docs/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "docs") }))
	cases := []struct {
		method, target string
		status         int
		code, allow    string
	}{
		{"GET", "/", 404, "not_found", ""},
		{"GET", "/nothing", 404, "not_found", ""},
		{"POST", "/nothing", 404, "not_found", ""},
		{"GET", "/things/a/b", 404, "not_found", ""},
		{"GET", "/things//a", 404, "not_found", ""},
		{"GET", "/x/../things/a", 404, "not_found", ""},
		{"GET", "/things/a/", 404, "not_found", ""},
		{"POST", "/things/a", 405, "method_not_allowed", "DELETE, GET, HEAD"},
		{"OPTIONS", "/things/a", 405, "method_not_allowed", "DELETE, GET, HEAD"},
		{"GET", "/things/a", 200, "", ""},
		{"HEAD", "/things/a", 200, "", ""},
		{"GET", "/docs/x", 200, "", ""},
		{"CONNECT", "/things/a", 405, "method_not_allowed", "DELETE, GET, HEAD"},
		{"TRACE", "/things/a", 405, "method_not_allowed", "DELETE, GET, HEAD"},
	}
	for _, c := range cases {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			told = kithttp.Problem{}
			w := do(s, c.method, c.target)
			if told.Code != c.code {
				t.Errorf("the problem hook got the code %q", told.Code)
			}
			if w.Code != c.status || w.Header().Get("Allow") != c.allow {
				t.Fatalf("%d, Allow %q: %s", w.Code, w.Header().Get("Allow"), w.Body)
			}
			if c.status >= 400 {
				if p := problem(t, w); p.Code != c.code {
					t.Errorf("code %q", p.Code)
				}
			}
		})
	}
}

// TestSlashAtTheEnd checks that a redirect of the mux is passed on.
func TestSlashAtTheEnd(t *testing.T) {
	s := kithttp.NewServer()
	s.HandleHTTP("GET /docs/", http.NotFoundHandler())
	w := do(s, "GET", "/docs?a=b")
	if w.Code != 307 || w.Header().Get("Location") != "/docs/?a=b" {
		t.Errorf("%d, Location %q: %s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if w := do(s, "GET", "/docs/"); w.Code != 404 || w.Body.String() != "404 page not found\n" {
		t.Errorf("the response of a plain handler was changed: %d %s", w.Code, w.Body)
	}
}

// TestPathWithoutSlash sends paths that do not begin with a slash, as that of "OPTIONS *". They are
// unknown.
func TestPathWithoutSlash(t *testing.T) {
	s := kithttp.NewServer()
	s.HandleHTTP("/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	for _, path := range []string{"*", "", "things"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI, r.URL.Path = path, path
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if p := problem(t, w); p.Code != "not_found" {
			t.Errorf("%q: %+v", path, p)
		}
	}
}

func TestOrder(t *testing.T) {
	var order []string
	type ctxKey struct{}
	add := func(ctx context.Context, step string) context.Context {
		order = append(order, step)
		before, _ := ctx.Value(ctxKey{}).(string)
		return context.WithValue(ctx, ctxKey{}, before+step+" ")
	}
	gate := func(name string) kithttp.Gate {
		return func(ctx context.Context) (context.Context, error) {
			if r := kithttp.RequestFrom(ctx); r == nil || r.PathValue("id") != "a" {
				t.Errorf("%s: request %v", name, r)
			}
			return add(ctx, name), nil
		}
	}
	mw := func(name string) endpoint.Middleware {
		return func(next endpoint.Endpoint) endpoint.Endpoint {
			return func(ctx context.Context, request any) (any, error) {
				if r, ok := request.(rename); !ok || r.ID.text != "a" || r.Name != "n" {
					t.Errorf("%s: request %v", name, request)
				}
				if route := kithttp.RouteFrom(ctx); !reflect.DeepEqual(route, renameThing.Info()) {
					t.Errorf("%s: route %+v", name, route)
				}
				response, err := next(add(ctx, name), request)
				if got, ok := response.(thing); !ok || got.Name != "n" {
					t.Errorf("%s: response %v", name, response)
				}
				return response, err
			}
		}
	}
	s := kithttp.NewServer(
		kithttp.WithBefore(func(ctx context.Context, _ *http.Request) context.Context {
			return add(ctx, "before-"+kithttp.RouteFrom(ctx).Name)
		}),
		kithttp.WithAfter(func(ctx context.Context, w http.ResponseWriter) context.Context {
			w.Header().Set("X-Route", kithttp.RouteFrom(ctx).Name)
			return ctx
		}),
		kithttp.WithMiddleware(mw("server-1"), mw("server-2")))
	var reached any
	kithttp.Handle(s, renameThing, func(ctx context.Context, r rename) (thing, error) {
		reached = ctx.Value(ctxKey{})
		return thing{Name: r.Name}, nil
	}, kithttp.Wrapped(mw("route-1"), mw("route-2")), kithttp.Gated(gate("gate-1")), kithttp.Gated(gate("gate-2")))

	r := httptest.NewRequest("POST", "/things/a", strings.NewReader(`{`+whole+`}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	want := []string{"before-renameThing", "gate-1", "gate-2", "server-1", "server-2", "route-1", "route-2"}
	if w.Code != 200 || !slices.Equal(order, want) || w.Header().Get("X-Route") != "renameThing" {
		t.Errorf("%d, %q", w.Code, order)
	}
	if reached != strings.Join(want, " ")+" " {
		t.Errorf("the context of the handler has %q", reached)
	}
	if kithttp.RequestFrom(context.Background()) != nil || kithttp.RouteFrom(context.Background()).Name != "" {
		t.Error("a context without a request has a request or a route")
	}
}

// TestGateRefusesFirst checks that a refused request is not decoded, and that no later gate, no
// middleware and no handler runs.
func TestGateRefusesFirst(t *testing.T) {
	never := func(what string) { t.Errorf("%s ran", what) }
	deny := func(ctx context.Context) (context.Context, error) {
		return ctx, fault.New(fault.Unauthenticated, "who", "sign in")
	}
	forget := func(context.Context) (context.Context, error) { return context.Background(), nil }
	for name, gates := range map[string][]kithttp.Gate{
		"the first": {deny, func(ctx context.Context) (context.Context, error) { never("a later gate"); return ctx, nil }},
		"after one that returns a context of its own": {forget, deny},
	} {
		t.Run(name, func(t *testing.T) {
			s := kithttp.NewServer(kithttp.WithBodyLimit(8), kithttp.WithMiddleware(func(next endpoint.Endpoint) endpoint.Endpoint {
				return func(ctx context.Context, request any) (any, error) { never("a middleware"); return next(ctx, request) }
			}))
			kithttp.Handle(s, renameThing, func(context.Context, rename) (thing, error) { never("the handler"); return thing{}, nil },
				kithttp.Gated(gates...))
			for _, body := range []string{`{`, `{"a":1}`, strings.Repeat("x", 100)} {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequest("POST", "/things/A?x=1", strings.NewReader(body)))
				if p := problem(t, w); p.Status != 401 || p.Code != "who" {
					t.Errorf("%s: %+v", body, p)
				}
			}
		})
	}
}

func TestMiddlewareSeesNoMalformedRequest(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithMiddleware(func(endpoint.Endpoint) endpoint.Endpoint {
		return func(_ context.Context, request any) (any, error) {
			t.Errorf("a middleware got %v", request)
			return nil, nil
		}
	}))
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	if p := problem(t, do(s, "POST", "/things/a")); p.Status != 400 {
		t.Errorf("%+v", p)
	}
}

func TestRoutes(t *testing.T) {
	s := kithttp.NewServer()
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	want := []kithttp.RouteInfo{
		{Name: "renameThing", Method: "POST", Path: "/things/{id}", Status: 200, Summary: "Rename a thing", Tags: []string{"things"}, Security: []string{"bearer"}},
		{Name: "dropThing", Method: "DELETE", Path: "/things/{id}", Status: 204},
	}
	if got := s.Routes(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestHandlePanicsOnInvalidRoutes(t *testing.T) {
	cases := map[string]func(*kithttp.Server){
		"no name":                  func(s *kithttp.Server) { handle[key](s, "", "/{id}") },
		"no path":                  func(s *kithttp.Server) { handle[key](s, "x", "{id}") },
		"a name twice":             func(s *kithttp.Server) { handle[key](s, "x", "/a/{id}"); handle[key](s, "x", "/b/{id}") },
		"a path twice":             func(s *kithttp.Server) { handle[key](s, "x", "/a/{id}"); handle[key](s, "y", "/a/{id}") },
		"no field for a wildcard":  func(s *kithttp.Server) { handle[kithttp.None](s, "x", "/{id}") },
		"no wildcard for a field":  func(s *kithttp.Server) { handle[key](s, "x", "/a") },
		"a multi-segment wildcard": func(s *kithttp.Server) { handle[key](s, "x", "/{id...}") },
		"a request of int":         func(s *kithttp.Server) { handle[int](s, "x", "/a") },
		"a field without a tag":    func(s *kithttp.Server) { handle[struct{ A int }](s, "x", "/a") },
		"an unexported field": func(s *kithttp.Server) {
			handle[struct{ a int }](s, "x", "/a")
		},
		"a field in two places": func(s *kithttp.Server) {
			handle[struct {
				A int `json:"a" query:"a"`
			}](s, "x", "/a")
		},
		"a parameter of an unsupported type": func(s *kithttp.Server) {
			handle[struct {
				A float64 `query:"a"`
			}](s, "x", "/a")
		},
		"a list in a header": func(s *kithttp.Server) {
			handle[struct {
				A []string `header:"a"`
			}](s, "x", "/a")
		},
		"a pointer in the path": func(s *kithttp.Server) {
			handle[struct {
				A *string `path:"a"`
			}](s, "x", "/{a}")
		},
		"a parameter twice": func(s *kithttp.Server) {
			handle[struct {
				A int `query:"a"`
				B int `query:"a"`
			}](s, "x", "/a")
		},
		"an unsupported option": func(s *kithttp.Server) {
			handle[struct {
				A int `json:"a,string"`
			}](s, "x", "/a")
		},
		"a parameter in the body": func(s *kithttp.Server) {
			handle[struct {
				A []key `json:"a"`
			}](s, "x", "/a")
		},
		"an invalid struct in an optional": func(s *kithttp.Server) {
			handle[struct {
				A kithttp.Optional[struct{ B int }] `json:"a,omitzero"`
			}](s, "x", "/a")
		},
		"a map with int keys": func(s *kithttp.Server) {
			handle[struct {
				A map[int]int `json:"a"`
			}](s, "x", "/a")
		},
	}
	for name, add := range cases {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			add(kithttp.NewServer())
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("a body limit of 0 was accepted")
		}
	}()
	kithttp.NewServer(kithttp.WithBodyLimit(0))
}

func handle[Req any](s *kithttp.Server, name, path string) {
	kithttp.Handle(s, kithttp.Route[Req, kithttp.None]{Name: name, Method: "GET", Path: path}, answer[Req](kithttp.None{}, nil))
}

// A route that is left out is not there, and another one may take its name and its path.
func TestWithoutRoutes(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithoutRoutes(getThing.Name))
	kithttp.Handle(s, getThing, answer[key](thing{Name: "ours"}, nil))
	if n := len(s.Routes()); n != 0 {
		t.Errorf("%d routes, want none", n)
	}
	kithttp.Handle(s, getThing, answer[key](thing{Name: "the host's"}, nil))
	if got := do(s, "GET", "/things/a"); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "the host's") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}
