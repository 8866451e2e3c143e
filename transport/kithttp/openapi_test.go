package kithttp_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// document returns the OpenAPI document of a server that has a route of every kind.
func document(t *testing.T) []byte {
	t.Helper()
	s := kithttp.NewServer(
		kithttp.WithInfo("Things", "1.2", "All about *things*."),
		kithttp.WithBearer("bearer", "an access token"),
		kithttp.WithBasePath("/community"),
		kithttp.WithLicense("MIT"),
		kithttp.WithHeaders(kithttp.Header{Name: "X-Trace", Description: "The trace."}))
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	kithttp.Handle(s, getThing, answer[key](thing{}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	kithttp.Handle(s, list, answer[listThings](page[thing]{}, nil))
	kithttp.Handle(s, everythingRoute, answer[everything](thing{}, nil))
	kithttp.Handle(s, kithttp.Route[struct {
		Password string `json:"password"`
	}, kithttp.None]{Name: "leave", Method: http.MethodDelete, Path: "/me", OptionalBody: true, Status: 202},
		answer[struct {
			Password string `json:"password"`
		}](kithttp.None{}, nil))
	kithttp.Handle(s, kithttp.Route[key, kithttp.Blob]{Name: "image", Method: "GET", Path: "/image/{id}", Media: []string{"image/png", "image/gif"}},
		answer[key](kithttp.Blob{}, nil))
	kithttp.Handle(s, kithttp.Route[kithttp.None, kithttp.Stream]{Name: "events", Method: "GET", Path: "/events"},
		answer[kithttp.None](kithttp.Stream{}, nil))
	doc, err := s.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.OpenAPI()
	if err != nil || !bytes.Equal(doc, again) {
		t.Errorf("the second document differs from the first: %v", err)
	}
	return doc
}

func TestOpenAPIIsValid(t *testing.T) {
	doc := document(t)
	if bytes.Contains(doc, []byte("kithttp")) {
		t.Error("the document names a Go package")
	}
	loaded, err := openapi3.NewLoader().LoadFromData(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if loaded.OpenAPI != "3.1.0" || loaded.Info.Title != "Things" || loaded.Info.Version != "1.2" {
		t.Errorf("%s %+v", loaded.OpenAPI, loaded.Info)
	}
	ids := map[string]string{}
	for path, item := range loaded.Paths.Map() {
		for method, op := range item.Operations() {
			ids[op.OperationID] = method + " " + path
			if op.Responses.Default() == nil || op.Responses.Default().Value.Content["application/problem+json"] == nil {
				t.Errorf("%s has no problem document", op.OperationID)
			}
		}
	}
	want := map[string]string{
		"renameThing": "POST /things/{id}", "getThing": "GET /things/{id}", "dropThing": "DELETE /things/{id}",
		"listThings": "GET /things", "everything": "PUT /all/{id}/{index}/{uid}/{kind}", "leave": "DELETE /me",
		"image": "GET /image/{id}", "events": "GET /events",
	}
	if !reflect.DeepEqual(ids, want) {
		t.Errorf("operations %v", ids)
	}
}

// at returns the JSON value at a path in a document. A step of the path is a key of an object or,
// in a list of parameters, the name of a parameter.
func at(t *testing.T, doc []byte, path ...string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	for _, key := range path {
		switch node := v.(type) {
		case map[string]any:
			v = node[key]
		case []any: // of parameters
			i := slices.IndexFunc(node, func(p any) bool { return p.(map[string]any)["name"] == key })
			if i < 0 {
				t.Fatalf("no parameter %s", key)
			}
			v = node[i]
		default:
			t.Fatalf("the document has no %q", path)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOpenAPIContent(t *testing.T) {
	doc := document(t)
	schema := func(name string) []string { return []string{"components", "schemas", name} }
	property := func(name, p string) []string { return append(schema(name), "properties", p) }
	all := func(p ...string) []string {
		return append([]string{"paths", "/all/{id}/{index}/{uid}/{kind}", "put"}, p...)
	}
	rename := func(p ...string) []string { return append([]string{"paths", "/things/{id}", "post"}, p...) }
	cases := []struct {
		path []string
		want string
	}{
		{[]string{"components", "securitySchemes", "bearer", "scheme"}, `"bearer"`},
		{rename("security"), `[{"bearer":[]}]`},
		{rename("summary"), `"Rename a thing"`},
		{rename("tags"), `["things"]`},
		{rename("requestBody", "required"), `true`},
		{rename("requestBody", "content", "application/json", "schema"), `{"$ref":"#/components/schemas/Rename"}`},
		{rename("responses", "200", "content", "application/json", "schema"), `{"$ref":"#/components/schemas/Thing"}`},
		{rename("responses", "200", "headers", "X-Old-Name"), `{"$ref":"#/components/headers/X-Old-Name"}`},
		{rename("responses", "409", "content", "application/problem+json", "schema"), `{"allOf":[{"$ref":"#/components/schemas/Problem"},{"properties":{"code":{"enum":["taken"]}}}]}`},
		{rename("responses", "409", "description"), `"Conflict: taken"`},
		{rename("responses", "409", "headers"), `{"X-Trace":{"$ref":"#/components/headers/X-Trace"}}`},
		{rename("responses", "429", "description"), `"Too Many Requests: slow_down, too_fast"`},
		{rename("responses", "429", "headers", "Retry-After"), `{"$ref":"#/components/headers/Retry-After"}`},
		{rename("responses", "401", "description"), `"Unauthorized"`},
		{rename("responses", "401", "headers", "WWW-Authenticate"), `{"$ref":"#/components/headers/WWW-Authenticate"}`},
		{rename("responses", "401", "content", "application/problem+json", "schema"), `{"$ref":"#/components/schemas/Problem"}`},
		{rename("responses", "422", "description"), `"Unprocessable Entity: invalid_input"`},
		{[]string{"components", "headers", "X-Trace", "description"}, `"The trace."`},
		{[]string{"info", "license"}, `{"identifier":"MIT","name":"MIT"}`},
		{[]string{"servers"}, `[{"url":"/community"}]`},
		{[]string{"paths", "/things/{id}", "get", "security"}, `[]`},
		{all("requestBody", "required"), `true`},
		{all("parameters", "id"), `{"in":"path","name":"id","required":true,"schema":{"type":"string"}}`},
		{all("parameters", "uid", "schema"), `{"format":"uuid","type":"string"}`},
		{all("parameters", "index", "schema", "type"), `"integer"`},
		{all("parameters", "kind", "schema"), `{"type":"string"}`},
		{all("parameters", "limit"), `{"description":"the greatest number of items","in":"query","name":"limit","schema":{"maximum":100,"minimum":1,"type":"integer"}}`},
		{all("parameters", "flag", "schema"), `{"type":"boolean"}`},
		{all("parameters", "tag", "schema"), `{"items":{"type":"string"},"type":"array"}`},
		{all("parameters", "since", "schema"), `{"format":"date-time","type":"string"}`},
		{all("parameters", "must", "required"), `true`},
		{all("parameters", "Idempotency-Key"), `{"in":"header","name":"Idempotency-Key","schema":{"type":"string"}}`},
		{append(schema("Everything"), "required"), `["name"]`},
		{append(schema("Everything"), "additionalProperties"), `false`},
		{property("Everything", "note"), `{"type":["null","string"]}`},
		{property("Everything", "role"), `{"type":"string"}`},
		{property("Everything", "bio"), `{"type":["string","null"]}`},
		{property("Everything", "fixed"), `{"type":"integer"}`},
		{property("Everything", "nested"), `{"anyOf":[{"$ref":"#/components/schemas/Item"},{"type":"null"}]}`},
		{property("Everything", "first"), `{"anyOf":[{"$ref":"#/components/schemas/Item"},{"type":"null"}]}`},
		{property("Everything", "items"), `{"items":{"$ref":"#/components/schemas/Item"},"type":"array"}`},
		{property("Everything", "extra"), `{}`},
		{property("Everything", "cost"), `{"type":"string"}`},
		{property("Everything", "data"), `{"format":"base64","type":"string"}`},
		{append(schema("Item"), "required"), `["name"]`},
		{append(schema("PageThing"), "required"), `["items"]`},
		{append(schema("Thing"), "required"), `["id","name","tags","note"]`},
		{append(schema("Problem"), "required"), `["type","title","status","detail","code"]`},
		{[]string{"paths", "/me", "delete", "requestBody", "required"}, `false`},
		{[]string{"paths", "/me", "delete", "requestBody", "content", "application/json", "schema"}, `{"additionalProperties":false,"properties":{"password":{"type":"string"}},"type":"object"}`},
		{[]string{"paths", "/me", "delete", "responses", "202"}, `{"description":"Accepted","headers":{"X-Trace":{"$ref":"#/components/headers/X-Trace"}}}`},
		{[]string{"paths", "/things/{id}", "delete", "responses", "204", "description"}, `"No Content"`},
		{[]string{"paths", "/things/{id}", "delete", "responses", "404", "description"}, `"Not Found: not_found"`},
		{[]string{"paths", "/image/{id}", "get", "responses", "200", "content"}, `{"image/gif":{},"image/png":{}}`},
		{[]string{"paths", "/events", "get", "responses", "200", "content"}, `{"*/*":{}}`},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.path, " "), func(t *testing.T) {
			if got := at(t, doc, c.path...); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if t.Failed() {
		t.Logf("%s", doc)
	}
}
