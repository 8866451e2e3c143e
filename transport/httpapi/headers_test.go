package httpapi_test

import (
	"strings"
	"testing"
)

// TestHeadersOfEveryResponse checks what browsers are told by every response: of each route to each
// caller, of /docs, and to requests that match no route.
func TestHeadersOfEveryResponse(t *testing.T) {
	tn := newTown(t)
	check := func(method, path string, a answer) {
		t.Helper()
		for name, parts := range map[string][]string{
			"X-Content-Type-Options":  {"nosniff"},
			"Referrer-Policy":         {"no-referrer"},
			"Content-Security-Policy": {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}, // object-src is that of default-src
		} {
			for _, part := range parts {
				if got := a.header.Get(name); !strings.Contains(got, part) {
					t.Errorf("%s %s: got %d with %s %q, want %s", method, path, a.status, name, got, part)
				}
			}
		}
	}
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		for _, caller := range []string{"nobody", "stranger", r.callers()[0]} {
			path := tn.path(route, r)
			check(route.Method, path, tn.ask(route.Method, path, tn.people[caller].token, tn.words.Replace(r.body)))
		}
	}
	for _, path := range []string{"/docs", "/docs/", "/docs/page.js", "/docs/swagger-ui.css", "/nonsense", "/v1/auth/login"} {
		check("GET", path, tn.ask("GET", path, "", ""))
	}
}
