package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func TestOpenAPI(t *testing.T) {
	w := newWorld(t, func(o *httpapi.Options) { o.Version = "1.2.3" })
	a := w.ask("GET", "/openapi.json", "", "").want(t, 200)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("got Content-Type %q", got)
	}
	d, err := openapi3.NewLoader().LoadFromData([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(w.ctx, openapi3.DisableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	if d.Info.Version != "1.2.3" || d.Info.Title != "Cicerone" {
		t.Errorf("got %+v", d.Info)
	}
	described := 0
	for _, item := range d.Paths.Map() {
		described += len(item.Operations())
	}
	routes := w.api.Server().Routes()
	if described != len(routes) {
		t.Errorf("got %d operations for %d routes", described, len(routes))
	}
	for _, route := range routes {
		item := d.Paths.Value(route.Path)
		if item == nil || item.GetOperation(route.Method) == nil {
			t.Errorf("%s %s is not described", route.Method, route.Path)
			continue
		}
		o := item.GetOperation(route.Method)
		r := routeTable[route.Name]
		if o.Security == nil {
			t.Errorf("%s does not say who may call it", route.Name)
		} else if needs := len(*o.Security) > 0; needs != r.needsSignIn() {
			t.Errorf("%s: the document says that signing in is required: %v", route.Name, needs)
		}
		if o.Summary == "" || len(o.Tags) != 1 || (o.RequestBody != nil) != (r.body != "") {
			t.Errorf("%s is described as %+v", route.Name, o)
		}
		for _, status := range r.want {
			if o.Responses.Status(status) == nil {
				t.Errorf("%s does not mention status %d", route.Name, status)
			}
		}
	}
	document, err := w.client.OpenAPI(w.ctx)
	if err != nil || string(document) != a.body {
		t.Errorf("through the client: %d bytes, %v", len(document), err)
	}
}

// description is the OpenAPI document of an API, with a mux that finds the operation of a request.
type description struct {
	*openapi3.T
	mux *http.ServeMux
}

var describedAPI = sync.OnceValues(func() (description, error) {
	store := ports.NewStore(memory.New(), uow.Policy{})
	services, err := newServices(store, clock.System(), &mailbox{})
	if err != nil {
		return description{}, err
	}
	server := httpapi.New(services, httpapi.Options{}).Server()
	b, err := server.OpenAPI()
	if err != nil {
		return description{}, err
	}
	d := description{mux: http.NewServeMux()}
	for _, route := range server.Routes() {
		d.mux.Handle(route.Method+" "+route.Path, http.NotFoundHandler())
	}
	d.T, err = openapi3.NewLoader().LoadFromData(b)
	return d, err
})

// described fails the test if a response is a problem document whose code or headers are not in the
// OpenAPI document. Every test of this package calls it for every response. It does not require a
// 500, or the refusal of a body where none is expected, to be in the document.
func described(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	d, err := describedAPI()
	if err != nil {
		t.Fatal(err)
	}
	_, pattern := d.mux.Handler(r)
	method, route, found := strings.Cut(pattern, " ")
	if !found || path.Clean(r.URL.Path) != r.URL.Path || a.status < 400 || a.status == 500 {
		return
	}
	operation := d.Paths.Value(route).GetOperation(method)
	response := operation.Responses.Status(a.status)
	if response == nil {
		if operation.RequestBody != nil || a.status != 413 && a.status != 415 {
			t.Errorf("%s answered %d, which is not in the OpenAPI document: %s", pattern, a.status, a.body)
		}
		return
	}
	code := a.object(t)["code"]
	if !slices.Contains(codesOf(response.Value), code) {
		t.Errorf("%s answered %d with the code %v, which is not in the OpenAPI document", pattern, a.status, code)
	}
	for _, header := range []string{"X-Request-Id", "Retry-After", "Www-Authenticate"} {
		isDescribed := slices.ContainsFunc(slices.Collect(maps.Keys(response.Value.Headers)), func(name string) bool {
			return http.CanonicalHeaderKey(name) == header
		})
		if isDescribed != (a.header.Get(header) != "") {
			t.Errorf("%s answered %d with the header %s %q; in the OpenAPI document: %v", pattern, a.status, header, a.header.Get(header), isDescribed)
		}
	}
}

// codesOf returns the codes that a response may have.
func codesOf(r *openapi3.Response) []any {
	problem := r.Content.Get("application/problem+json")
	if problem == nil || len(problem.Schema.Value.AllOf) != 2 {
		return nil
	}
	return problem.Schema.Value.AllOf[1].Value.Properties["code"].Value.Enum
}

// TestOpenAPIListsCodes checks that each error status of each route has codes, and the headers of
// its responses.
func TestOpenAPIListsCodes(t *testing.T) {
	d := must[description](t)(describedAPI())
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				if response.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s: %s does not have X-Request-Id", method, path, status)
				}
				if needs := status == "429" || status == "503"; needs != (response.Value.Headers["Retry-After"] != nil) {
					t.Errorf("%s %s: %s has Retry-After: %v, want %v", method, path, status, !needs, needs)
				}
				codes := codesOf(response.Value)
				if needs := status[0] == '4' || status[0] == '5'; needs != (len(codes) > 0) {
					t.Errorf("%s %s: %s has the codes %v", method, path, status, codes)
				}
			}
		}
	}
}

// TestOpenAPIEnums checks that the enums in the tags of wire types are those of core.
func TestOpenAPIEnums(t *testing.T) {
	d := must[description](t)(describedAPI())
	enum := func(schema, property string) (values []string) {
		for _, v := range d.Components.Schemas[schema].Value.Properties[property].Value.Enum {
			values = append(values, v.(string))
		}
		return values
	}
	var types, postable []string
	for _, typ := range tokens.Types {
		types = append(types, string(typ))
		var f fault.Fields
		moderation.Adjustment{Type: typ, Amount: 1, Reason: "any"}.Check(&f)
		moderation.Adjustment{Type: typ, Amount: -1, Reason: "any"}.Check(&f)
		if err := f.Err(); err == nil || !strings.Contains(err.Error(), "type must be") {
			postable = append(postable, string(typ))
		}
	}
	if got := enum("Transaction", "type"); !slices.Equal(got, types) {
		t.Errorf("the types of transactions are %q, want those of core, %q", got, types)
	}
	got := enum("PostTokensRequest", "type")
	slices.Sort(got)
	slices.Sort(postable)
	if !slices.Equal(got, postable) {
		t.Errorf("an admin may post %q, want those of core, %q", got, postable)
	}
}

// TestResponsesMatchOpenAPI checks the response to each row against its schema in the OpenAPI
// document.
func TestResponsesMatchOpenAPI(t *testing.T) {
	tn := newTown(t)
	d, err := openapi3.NewLoader().LoadFromData([]byte(tn.ask("GET", "/openapi.json", "", "").body))
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		tn := newTown(t)
		a := tn.ask(route.Method, tn.path(route, r), tn.people[r.right].token, tn.words.Replace(r.body))
		if a.header.Get("Content-Type") != "application/json" || route.Name == "openapi" {
			continue
		}
		schema := d.Paths.Value(route.Path).GetOperation(route.Method).Responses.Status(a.status).Value.Content.Get("application/json").Schema.Value
		var answered any
		if err := json.Unmarshal([]byte(a.body), &answered); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(answered, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s answered %s: %v", route.Name, a.body, err)
		}
	}
}

var (
	reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)
	outside   = regexp.MustCompile(`(?i)(https?:)?//[a-z0-9]`)
)

// TestDocs checks that the page loads everything from this server, and that the server has it.
func TestDocs(t *testing.T) {
	w := newWorld(t)
	page := w.ask("GET", "/docs", "", "").want(t, 200)
	if got := page.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("got Content-Type %q", got)
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'; script-src 'self';") || outside.MatchString(policy) {
		t.Errorf("got Content-Security-Policy %q", policy)
	}
	base := &url.URL{Path: "/docs"}
	references := reference.FindAllStringSubmatch(page.body, -1)
	if len(references) < 4 {
		t.Fatalf("got %d references in %s", len(references), page.body)
	}
	for _, match := range references {
		if outside.MatchString(match[1]) {
			t.Errorf("the page refers to %s", match[1])
		}
		to, err := base.Parse(match[1])
		if err != nil {
			t.Fatal(err)
		}
		a := w.ask("GET", to.Path, "", "").want(t, 200)
		if a.body == "" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %d bytes, %v", to.Path, len(a.body), a.header)
		}
	}
	script := w.ask("GET", "/docs/page.js", "", "").want(t, 200).body
	if outside.MatchString(script) || !strings.Contains(script, `url: "openapi.json"`) || !strings.Contains(script, "validatorUrl: null") {
		t.Errorf("got the script %s", script)
	}
	if outside.MatchString(page.body) || strings.Contains(page.body, "<script>") || strings.Contains(page.body, " on") && strings.Contains(page.body, "onload") {
		t.Errorf("got the page %s", page.body)
	}
}
