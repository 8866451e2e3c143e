package httpapi_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestRequestLog checks the line that each request has in the log: all that operators need, and of
// people only the id and the network.
func TestRequestLog(t *testing.T) {
	var book logbook
	var observed []httpapi.Exchange
	options := func(o *httpapi.Options) {
		o.Log = book.logger()
		o.Observe = func(_ context.Context, x httpapi.Exchange) { observed = append(observed, x) }
	}
	w := newWorld(t)
	ada := w.person("Ada")
	w.serve(options)
	id := ada.id.String()
	for _, c := range []struct {
		method, path, token, peer string
		want                      map[string]any // the values of the line that are not the same for all
	}{
		{"GET", "/v1/me", ada.token, "203.0.113.77:4711", map[string]any{"address": "203.0.113.0/24", "route": "GET /v1/me", "status": 200.0, "user_id": id}},
		{"HEAD", "/v1/me", ada.token, "[2001:db8:1:2:3::4]:4711", map[string]any{"address": "2001:db8:1::/48", "route": "GET /v1/me", "status": 200.0, "user_id": id}},
		{"GET", "/v1/admin/users/" + id, ada.token, "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "GET /v1/admin/users/{id}", "status": 403.0, "user_id": id, "code": "admins_only"}},
		{"GET", "/v1/interests?q=" + ada.email, ada.token, "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "GET /v1/interests", "status": 200.0}},
		{"GET", "/v1/me", "nonsense", "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "GET /v1/me", "status": 401.0, "code": "not_signed_in"}},
		{"GET", "/v1/nonsense/" + ada.email, "", "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "", "status": 404.0, "code": "not_found"}},
		{"POST", "/docs", "", "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "", "status": 405.0, "code": "method_not_allowed"}},
		{"GET", "/docs", "", "203.0.113.77:1", map[string]any{"address": "203.0.113.0/24", "route": "GET /docs", "status": 200.0}},
		{strings.Repeat("X", 5000), "/v1/me", "", "a socket", map[string]any{"address": "", "method": strings.Repeat("X", 20), "route": "", "status": 405.0, "code": "method_not_allowed"}},
	} {
		book.b.Reset()
		observed = nil
		r := httptest.NewRequestWithContext(w.ctx, c.method, c.path, nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Request-Id", "r1")
		r.Header.Set("User-Agent", "Ada's telephone")
		r.Header.Set("Authorization", "Bearer "+c.token)
		a := httptest.NewRecorder()
		w.api.ServeHTTP(a, r)
		lines := book.lines(t, "request")
		if len(lines) != 1 || len(observed) != 1 {
			t.Fatalf("%s %s: got %d lines and %d observations, want one of each", c.method, c.path, len(lines), len(observed))
		}
		line := lines[0]
		if ms, ok := line["duration_ms"].(float64); !ok || ms < 0 || ms > 60_000 {
			t.Errorf("%s %s: got the duration %v", c.method, c.path, line["duration_ms"])
		}
		delete(line, "duration_ms")
		delete(line, "time")
		if c.want["method"] == nil {
			c.want["method"] = c.method
		}
		maps.Copy(c.want, map[string]any{"level": "INFO", "msg": "request", "request_id": "r1", "bytes": float64(a.Body.Len())})
		if !maps.Equal(line, c.want) {
			t.Errorf("%s %s: got the line %v, want %v", c.method, c.path, line, c.want)
		}
		x := observed[0]
		if x.Route != c.want["route"] || float64(x.Status) != c.want["status"] || x.Bytes != int64(a.Body.Len()) || x.Duration <= 0 {
			t.Errorf("%s %s: observed %+v, want what the line %v has", c.method, c.path, x, line)
		}
		for _, personal := range []string{ada.email, "telephone", "Ada", "203.0.113.77"} {
			if strings.Contains(book.b.String(), personal) {
				t.Errorf("%s %s: the log has %q", c.method, c.path, personal)
			}
		}
	}
}

// TestRequestLogBelowAPath checks that an unknown path has no route, although the mux of the host
// has matched it.
func TestRequestLogBelowAPath(t *testing.T) {
	var book logbook
	w := newWorld(t, func(o *httpapi.Options) { o.Log, o.BasePath = book.logger(), "/community" })
	for path, route := range map[string]string{
		"/community/v1/policy": "GET /v1/policy", "/community/v1/nonsense": "", "/community/v1//policy": "",
	} {
		book.b.Reset()
		w.api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(w.ctx, "GET", strings.TrimPrefix(path, "/community"), nil))
		r := httptest.NewRequestWithContext(w.ctx, "GET", path, nil)
		r.Pattern = "/community/"
		http.StripPrefix("/community", w.api).ServeHTTP(httptest.NewRecorder(), r)
		for _, line := range book.lines(t, "request") {
			if line["route"] != route {
				t.Errorf("%s: got the route %v, want %q", path, line["route"], route)
			}
		}
	}
}

// TestProbesAreLoggedAtDebug checks that probes do not fill the log.
func TestProbesAreLoggedAtDebug(t *testing.T) {
	var book logbook
	w := newWorld(t, func(o *httpapi.Options) {
		o.Log = book.logger()
		o.Ready = func(context.Context) error { return errors.New("no store") }
	})
	for _, path := range []string{"/healthz", "/readyz", "/v1/policy"} {
		w.ask("GET", path, "", "")
	}
	var levels []string
	for _, line := range book.lines(t, "request") {
		levels = append(levels, line["level"].(string))
	}
	if !slices.Equal(levels, []string{"DEBUG", "DEBUG", "INFO"}) {
		t.Errorf("got the levels %v", levels)
	}
}
