package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func requestOf(t testing.TB, method, path, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// mistake is a request with one mistake, and its expected refusal.
type mistake struct {
	name    string
	query   string
	body    string
	headers []string
	status  int
	field   string
}

const tooMuch = 8<<20 + 1

// mistakesIn returns mistakes that can be made in any JSON object. body is a valid object.
func mistakesIn(t *testing.T, body string) []mistake {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	name := slices.Min(slices.Collect(maps.Keys(members)))
	value := string(members[name])
	with := func(name, value string) string {
		return strings.TrimSuffix(body, "}") + "," + `"` + name + `":` + value + "}"
	}
	capital := strings.ToUpper(name[:1]) + name[1:]
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	return []mistake{
		{name: "unknown field", body: with("nonsense", "1"), status: 400, field: "nonsense"},
		{name: "duplicate key", body: with(name, value), status: 400, field: name},
		{name: "wrong case", body: `{"` + capital + `":` + value + "}", status: 400, field: capital},
		{name: "trailing data", body: body + "{}", status: 400},
		{name: "trailing comma", body: strings.TrimSuffix(body, "}") + ",}", status: 400},
		{name: "cut off", body: body[:len(body)-1], status: 400},
		{name: "no object", body: "[" + body + "]", status: 400},
		{name: "null", body: "null", status: 400},
		{name: "too deep", body: `{"nonsense":` + deep + "}", status: 400, field: "nonsense"},
		{name: "another type", body: `{"` + name + `":{"a":1}}`, status: 400, field: name},
		{name: "no UTF-8", body: with("\xff", "1"), status: 400},
		{name: "another media type", body: body, headers: []string{"Content-Type", "text/plain"}, status: 415},
		{name: "compressed", body: body, headers: []string{"Content-Encoding", "gzip"}, status: 415},
		{name: "another charset", body: body, headers: []string{"Content-Type", "application/json; charset=latin1"}, status: 415},
	}
}

// TestMistakes makes every mistake that is possible for each route by its OpenAPI description, and
// checks that the store does not change.
func TestMistakes(t *testing.T) {
	tn := newTown(t)
	described, err := openapi3.NewLoader().LoadFromData([]byte(tn.ask("GET", "/openapi.json", "", "").body))
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		operation := described.Paths.Value(route.Path).GetOperation(route.Method)
		good := tn.words.Replace(r.body)
		mistakes := []mistake{
			{name: "unknown query parameter", query: "?nonsense=1", body: good, status: 400, field: "nonsense"},
			{name: "query badly encoded", query: "?a=%zz", body: good, status: 400},
		}
		if r.body != "" {
			mistakes = append(mistakes, mistakesIn(t, good)...)
		} else if !takesAnyBody(route) {
			mistakes = append(mistakes, mistake{name: "a body", body: `{"a":1}`, status: 400, field: "a"})
		}
		if operation.Parameters.GetByInAndName("query", "limit") != nil {
			for _, limit := range []string{"0", "101", "-1", "abc", "", "1.5"} {
				mistakes = append(mistakes, mistake{name: "limit " + limit, query: "?limit=" + limit, status: 422, field: "limit"})
			}
			mistakes = append(mistakes,
				mistake{name: "limit twice", query: "?limit=1&limit=1", status: 400, field: "limit"},
				mistake{name: "limit in other case", query: "?Limit=1", status: 400, field: "Limit"})
			for _, cursor := range []string{"", "a", "nonsense", "AQ", strings.Repeat("A", 40), "A%0AAAA"} {
				mistakes = append(mistakes, mistake{name: "cursor " + cursor, query: "?limit=0&cursor=" + cursor, status: 400, field: "cursor"})
			}
		}
		if operation.Parameters.GetByInAndName("header", "Idempotency-Key") != nil {
			for _, key := range []string{"", "a b", "ä", strings.Repeat("k", 129)} {
				mistakes = append(mistakes, mistake{
					name: "key " + key, body: good, headers: []string{"Idempotency-Key", key}, status: 422, field: "Idempotency-Key",
				})
			}
		} else if route.Method == "POST" && !strings.HasPrefix(route.Path, "/v1/auth/") && !route.Secret && !takesAnyBody(route) {
			// Responses with secrets are not kept.
			t.Errorf("%s %s takes no Idempotency-Key", route.Method, route.Path)
		}
		t.Run(route.Name, func(t *testing.T) { tn.refuses(t, route, r, mistakes) })
	}
}

func (tn *town) refuses(t *testing.T, route kithttp.RouteInfo, r row, mistakes []mistake) {
	token, path, good := tn.people[r.right].token, tn.path(route, r), tn.words.Replace(r.body)
	tn.unchanged(func() {
		for _, m := range mistakes {
			t.Run(m.name, func(t *testing.T) {
				a := tn.ask(route.Method, path+m.query, token, m.body, m.headers...)
				var fields []string
				if m.field != "" {
					fields = []string{m.field}
				}
				a.refused(t, m.status, "", fields...)
			})
		}
		if r.body == "" {
			return
		}
		t.Run("too large", func(t *testing.T) {
			q := httptest.NewRequestWithContext(tn.ctx, route.Method, path, bytes.NewReader(make([]byte, tooMuch)))
			q.Header.Set("Authorization", "Bearer "+token)
			q.Header.Set("Content-Type", "text/plain") // 413 comes before 415
			tn.send(q).refused(t, 413, "too_large")
		})
		if strings.Contains(route.Path, "{") {
			t.Run("a malformed identifier", func(t *testing.T) {
				bad := inPath("nonsense", route)
				tn.ask(route.Method, bad, token, good).refused(t, 404, "")
				tn.ask(route.Method, bad, token, `{"nonsense":1}`).refused(t, 400, "", "nonsense")
			})
		}
	})
}

// TestMalformedIdentifiers checks that every route with an identifier in its path returns a 404 for
// a malformed one.
func TestMalformedIdentifiers(t *testing.T) {
	tn := newTown(t)
	tn.unchanged(func() {
		for _, route := range tn.api.Server().Routes() {
			if !strings.Contains(route.Path, "{") {
				continue
			}
			r := routeTable[route.Name]
			for _, bad := range []string{"1", "nonsense", "%00", "%ff", "00000000-0000-0000-0000-000000000000", strings.Repeat("a", 36)} {
				if bad[0] == '0' && route.Name == "unblock" {
					continue // it is well-formed, and removing a block that does not exist succeeds
				}
				path := inPath(bad, route)
				a := tn.ask(route.Method, path, tn.people[r.right].token, tn.words.Replace(r.body))
				if a.status != 404 {
					t.Errorf("%s %s: got %d, want 404: %s", route.Method, path, a.status, a.body)
				}
			}
		}
	})
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/nonsense", "/v1/me/", "//v1/me", "/v1/../v1/me", "/V1/me", "/docs/nonsense", "/metrics"} {
		w.ask("GET", path, "", "").refused(t, 404, "not_found")
	}
	a := w.ask("POST", "/v1/me", "", "")
	a.refused(t, 405, "method_not_allowed")
	allow := strings.Split(a.header.Get("Allow"), ", ")
	slices.Sort(allow)
	if want := []string{"DELETE", "GET", "HEAD", "PATCH"}; !slices.Equal(allow, want) {
		t.Errorf("got Allow %q, want %q", allow, want)
	}
}

// TestOtherAuthRoutesIgnoreKeys checks that these routes accept even an invalid key.
func TestOtherAuthRoutesIgnoreKeys(t *testing.T) {
	for _, name := range []string{"logIn", "refresh", "logOut", "forgotPassword", "resetPassword"} {
		tn := newTown(t)
		for _, route := range tn.api.Server().Routes() {
			if r := routeTable[route.Name]; route.Name == name {
				tn.ask(route.Method, route.Path, "", tn.words.Replace(r.body), "Idempotency-Key", "").want(t, r.want[3])
			}
		}
	}
}
