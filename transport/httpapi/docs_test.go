package httpapi_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

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
		if needs := o.Security != nil && len(*o.Security) > 0; needs != (r.want[3] == 401) {
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
