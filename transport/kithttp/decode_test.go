package kithttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cicerone-go/cicerone/transport/kithttp"
)

const whole = `"name":"n","size":1`

// refusal is one request and the problem document that is expected for it.
type refusal struct {
	name    string
	method  string // POST by default
	target  string // /things/a by default
	header  http.Header
	body    string
	chunked bool
	status  int
	field   string // the fields of errors, separated by spaces
	detail  string // a part of the detail
}

func (c refusal) run(t *testing.T, base string) {
	method, target := c.method, c.target
	if method == "" {
		method = http.MethodPost
	}
	if target == "" {
		target = "/things/a"
	}
	var body io.Reader = strings.NewReader(c.body)
	if c.chunked {
		body = io.MultiReader(body) // hides the length
	}
	r, err := http.NewRequest(method, base+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != c.status {
		t.Fatalf("status %d, want %d: %s", got.StatusCode, c.status, b)
	}
	if c.status < 300 {
		return
	}
	if media := got.Header.Get("Content-Type"); media != "application/problem+json" {
		t.Errorf("Content-Type %q", media)
	}
	for _, internal := range []string{"kithttp", "jsontext", "Go ", "struct", "unmarshal"} {
		if bytes.Contains(b, []byte(internal)) {
			t.Errorf("the problem contains %q: %s", internal, b)
		}
	}
	var p kithttp.Problem
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
		if e.Message == "" {
			t.Errorf("no message for %s", e.Field)
		}
	}
	if want := strings.Fields(c.field); !slices.Equal(fields, want) {
		t.Errorf("fields %q, want %q: %s", fields, want, b)
	}
	if c.status == 400 && c.field != "" && !strings.Contains(p.Detail, c.field) {
		t.Errorf("the detail does not name %s: %s", c.field, p.Detail)
	}
	if !strings.Contains(p.Detail, c.detail) {
		t.Errorf("detail %q, want %q in it", p.Detail, c.detail)
	}
	if p.Status != c.status || p.Type != "about:blank" || p.Title != http.StatusText(c.status) || p.Code == "" {
		t.Errorf("problem %+v", p)
	}
}

func newThings(t *testing.T) string {
	s := kithttp.NewServer(kithttp.WithBodyLimit(4096))
	kithttp.Handle(s, renameThing, func(_ context.Context, r rename) (thing, error) {
		return thing{ID: r.ID, Name: r.Name}, nil
	})
	kithttp.Handle(s, getThing, answer[key](thing{}, nil))
	kithttp.Handle(s, dropThing, answer[key](kithttp.None{}, nil))
	kithttp.Handle(s, list, answer[listThings](page[thing]{}, nil))
	kithttp.Handle(s, everythingRoute, answer[everything](thing{}, nil))
	kithttp.Handle(s, kithttp.Route[struct {
		Password string `json:"password"`
	}, kithttp.None]{
		Name: "leave", Method: http.MethodDelete, Path: "/me", OptionalBody: true, BodyLimit: 32,
	}, func(context.Context, struct {
		Password string `json:"password"`
	}) (kithttp.None, error) {
		return kithttp.None{}, nil
	})
	base, _ := serve(t, s)
	return base
}

func TestDecodeRefuses(t *testing.T) {
	base := newThings(t)
	large := `{"name":"` + strings.Repeat("x", 4096) + `"}`
	cases := []refusal{
		{name: "whole", body: `{` + whole + `}`, status: 200},
		{name: "all fields", status: 200, body: `{` + whole + `,"bio":null,"role":"r","cost":"12","tag":"t","at":"2026-01-02T03:04:05.6+02:00",
			"items":[{"name":"a"},{"name":"b","count":2}],"flags":{"a":true},"extra":{"x":[1,null]},"data":"aGVsbG8=","counts":{"a":255},"sure":true,"ratio":1.5}`},
		{name: "any value null", body: `{` + whole + `,"extra":null,"at":null}`, status: 200},

		// The size is checked first.
		{name: "too large", body: large, status: 413, detail: "4096"},
		{name: "too large, chunked", body: large, chunked: true, status: 413},
		{name: "too large comes before media", body: large, header: http.Header{"Content-Type": {"text/plain"}}, status: 413},
		{name: "too large, chunked, comes before media", body: large, chunked: true, header: http.Header{"Content-Type": {"text/plain"}}, status: 413},
		{name: "too large for a request without a body", method: "GET", body: large, status: 413},
		{name: "a route's own limit", method: "DELETE", target: "/me", body: `{"password":"` + strings.Repeat("x", 32) + `"}`, status: 413, detail: "32"},

		// Media.
		{name: "charset", body: `{` + whole + `}`, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, status: 200},
		{name: "identity", body: `{` + whole + `}`, header: http.Header{"Content-Encoding": {"identity"}}, status: 200},
		{name: "no media type", body: `{` + whole + `}`, header: http.Header{"Content-Type": nil}, status: 415},
		{name: "form", body: `{` + whole + `}`, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, status: 415},
		{name: "other charset", body: `{` + whole + `}`, header: http.Header{"Content-Type": {"application/json; charset=latin1"}}, status: 415},
		{name: "two media types", body: `{` + whole + `}`, header: http.Header{"Content-Type": {"application/json", "text/plain"}}, status: 415},
		{name: "unreadable media type", body: `{` + whole + `}`, header: http.Header{"Content-Type": {"application/json; ="}}, status: 415},
		{name: "gzip", body: `{` + whole + `}`, header: http.Header{"Content-Encoding": {"gzip"}}, status: 415},
		{name: "media comes before query and body", target: "/things/a?x=1", body: `{`, header: http.Header{"Content-Type": {"text/plain"}}, status: 415},

		// Malformed bodies.
		{name: "no body", status: 400, detail: "body"},
		{name: "blank body", body: "  ", status: 400, detail: "body"},
		{name: "array", body: `[]`, status: 400, detail: "object"},
		{name: "null body", body: `null`, status: 400, detail: "object"},
		{name: "text", body: `hello`, status: 400, detail: "JSON"},
		{name: "cut", body: `{"name":"n"`, status: 400, detail: "ends"},
		{name: "cut in a value", body: `{"name":"n`, status: 400, field: "name", detail: "ends"},
		{name: "trailing object", body: `{` + whole + `}{}`, status: 400, detail: "nothing after"},
		{name: "trailing rubbish", body: `{` + whole + `}x`, status: 400, detail: "nothing after"},
		{name: "trailing comma", body: `{` + whole + `,}`, status: 400, detail: "JSON"},
		{name: "unknown", body: `{` + whole + `,"colour":1}`, status: 400, field: "colour"},
		{name: "a path parameter is unknown in the body", body: `{` + whole + `,"id":"b"}`, status: 400, field: "id"},
		{name: "a Go name is unknown", body: `{` + whole + `,"Dry":true}`, status: 400, field: "Dry"},
		{name: "wrong case", body: `{"Name":"n","size":1}`, status: 400, field: "Name", detail: "name"},
		{name: "twice", body: `{` + whole + `,"name":"m"}`, status: 400, field: "name", detail: "twice"},
		{name: "twice by escape", body: `{` + whole + `,"n\u0061me":"m"}`, status: 400, field: "name", detail: "twice"},
		{name: "twice in a raw value", body: `{` + whole + `,"extra":{"a":1,"a":2}}`, status: 400, field: "extra.a"},
		{name: "unknown in a nested object", body: `{` + whole + `,"items":[{"name":"a"},{"name":"b","colour":1}]}`, status: 400, field: "items.1.colour"},
		{name: "not UTF-8", body: "{\"size\":1,\"name\":\"\xff\"}", status: 400, field: "name", detail: "UTF-8"},
		{name: "half a surrogate", body: `{"size":1,"name":"\ud800"}`, status: 400, field: "name"},
		{name: "name not UTF-8", body: "{\"\xff\":1}", status: 400},
		{name: "number for a string", body: `{"name":1,"size":1}`, status: 400, field: "name", detail: "string"},
		{name: "string for a number", body: `{"name":"n","size":"1"}`, status: 400, field: "size", detail: "number"},
		{name: "object for a string", body: `{"name":{},"size":1}`, status: 400, field: "name", detail: "string"},
		{name: "number for text", body: `{` + whole + `,"cost":12}`, status: 400, field: "cost", detail: "string"},
		{name: "number for a time", body: `{` + whole + `,"at":12}`, status: 400, field: "at", detail: "string"},
		{name: "string for a bool", body: `{` + whole + `,"sure":"true"}`, status: 400, field: "sure", detail: "true or false"},
		{name: "string for a float", body: `{` + whole + `,"ratio":"1"}`, status: 400, field: "ratio", detail: "number"},
		{name: "object for an array", body: `{` + whole + `,"items":{}}`, status: 400, field: "items", detail: "array"},
		{name: "string for an object", body: `{` + whole + `,"items":["a"]}`, status: 400, field: "items.0", detail: "object"},
		{name: "array for a map", body: `{` + whole + `,"counts":[]}`, status: 400, field: "counts", detail: "object"},
		{name: "number for an optional", body: `{` + whole + `,"bio":1}`, status: 400, field: "bio", detail: "string"},
		{name: "number for bytes", body: `{` + whole + `,"data":1}`, status: 400, field: "data", detail: "string"},
		{name: "deep", body: `{` + whole + `,"extra":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, status: 200},
		{name: "malformed comes before invalid", body: `{"name":null,"tag":"T","size":1.5,"items":[null],"data":"?","ratio":1e999,"flags":{"a":1},"colour":1}`, status: 400, field: "colour"},
		{name: "malformed query comes before an invalid body", target: "/things/a?x=1", body: `{"name":null,"size":1}`, status: 400, field: "x"},

		// Invalid bodies.
		{name: "all required fields are missing", body: `{}`, status: 422, field: "name size"},
		{name: "required in a nested object", body: `{` + whole + `,"items":[{"name":"a"},{}]}`, status: 422, field: "items.1.name"},
		{name: "null", body: `{"name":null,"size":null}`, status: 422, field: "name size"},
		{name: "null for a field that is not nullable", body: `{` + whole + `,"role":null}`, status: 422, field: "role"},
		{name: "null for a list", body: `{` + whole + `,"items":null}`, status: 422, field: "items"},
		{name: "null in a list", body: `{` + whole + `,"items":[{"name":"a"},null]}`, status: 422, field: "items.1"},
		{name: "null in a map", body: `{` + whole + `,"counts":{"a":null}}`, status: 422, field: "counts.a"},
		{name: "null for a type with UnmarshalJSON", body: `{` + whole + `,"flags":null}`, status: 422, field: "flags"},
		{name: "fraction", body: `{"name":"n","size":1.5}`, status: 422, field: "size"},
		{name: "out of range", body: `{"name":"n","size":1e99}`, status: 422, field: "size"},
		{name: "far out of range", body: `{"name":"n","size":99999999999999999999}`, status: 422, field: "size"},
		{name: "below zero", body: `{` + whole + `,"counts":{"a":-1,"b":256}}`, status: 422, field: "counts.a counts.b"},
		{name: "an error of UnmarshalText", body: `{` + whole + `,"tag":"T"}`, status: 422, field: "tag"},
		{name: "a type's own detail", body: `{` + whole + `,"cost":"x"}`, status: 422, field: "cost", detail: "must be digits"},
		{name: "a type's own kind", body: `{` + whole + `,"cost":"1234567890"}`, status: 413, field: "cost", detail: "has too many digits"},
		{name: "an error of UnmarshalJSON", body: `{` + whole + `,"flags":{"a":1}}`, status: 422, field: "flags"},
		{name: "an error of UnmarshalJSONFrom", body: `{` + whole + `,"pair":[1,2,3]}`, status: 422, field: "pair"},
		{name: "a fault of UnmarshalJSONFrom", body: `{` + whole + `,"pair":"x"}`, status: 409, field: "pair", detail: "not a pair"},
		{name: "time", body: `{` + whole + `,"at":"yesterday"}`, status: 422, field: "at"},
		{name: "float out of range", body: `{` + whole + `,"ratio":1e999}`, status: 422, field: "ratio"},
		{name: "base64 in lines", body: `{` + whole + `,"data":"aGVs\nbG8="}`, status: 422, field: "data"},
		{name: "base64 with trailing bits", body: `{` + whole + `,"data":"aGVsbG9="}`, status: 422, field: "data"},
		{name: "a type's own detail among others", body: `{` + whole + `,"cost":"x","tag":"T"}`, status: 422, field: "cost tag"},
		{name: "not base64", body: `{` + whole + `,"data":"?"}`, status: 422, field: "data"},
		{name: "all errors together", target: "/things/a?dry=x", body: `{"name":null,"tag":"T","cost":"x","at":"y"}`, status: 422, field: "dry name tag cost at size"},
		{name: "invalid comes before not found", target: "/things/A", body: `{}`, status: 422, field: "name size"},

		// Path, query and headers.
		{name: "path", method: "GET", target: "/things/A", status: 404},
		{name: "path not UTF-8", method: "GET", target: "/things/%ff", status: 404},
		{name: "escaped path", method: "GET", target: "/things/a%2Fb", status: 200},
		{name: "query", method: "GET", target: "/things?limit=5&cursor=&tag=a&tag=b", status: 200},
		{name: "unknown query", method: "GET", target: "/things?Limit=5", status: 400, field: "Limit"},
		{name: "unknown query without value", method: "GET", target: "/things?x", status: 400, field: "x"},
		{name: "repeated query", method: "GET", target: "/things?limit=5&limit=5", status: 400, field: "limit"},
		{name: "query not encoded", method: "GET", target: "/things?cursor=%zz", status: 400, detail: "query"},
		{name: "query not UTF-8", method: "GET", target: "/things?cursor=%ff", status: 400, field: "cursor"},
		{name: "query that does not parse", method: "GET", target: "/things?limit=abc", status: 422, field: "limit"},
		{name: "empty query that does not parse", method: "GET", target: "/things?limit=", status: 422, field: "limit"},
		{name: "query out of range", method: "GET", target: "/things?limit=99999999999999999999", status: 422, field: "limit"},
		{name: "header", method: "GET", target: "/things", header: http.Header{"Idempotency-Key": {"k"}}, status: 200},
		{name: "header twice", method: "GET", target: "/things", header: http.Header{"Idempotency-Key": {"k", "k"}}, status: 400, field: "Idempotency-Key"},
		{name: "header not UTF-8", method: "GET", target: "/things", header: http.Header{"Idempotency-Key": {"\xff"}}, status: 400, field: "Idempotency-Key"},

		{name: "required query left out", method: "PUT", target: "/all/a/1/u/k", body: `{"name":"n"}`, status: 422, field: "must"},
		{name: "elements, headers", method: "PUT", target: "/all/a/1/u/k?must=&label=x&label=Y&number=1&number=2.5&flag=1&since=now&price=x",
			header: http.Header{"X-Version": {"one"}}, body: `{"name":"n"}`, status: 422, field: "flag label number since price X-Version"},
		{name: "a parameter's own kind", method: "PUT", target: "/all/a/1/u/k?must=&price=1234567890", body: `{"name":"n"}`, status: 413, field: "price"},
		{name: "path index", method: "PUT", target: "/all/a/1.5/u/k?must=", body: `{"name":"n"}`, status: 404},
		{name: "path type", method: "PUT", target: "/all/a/1/01234567890123456/k?must=", body: `{"name":"n"}`, status: 404},

		// Requests without JSON fields, and requests whose body is optional.
		{name: "no body for no fields", method: "DELETE", status: 204},
		{name: "empty object for no fields", method: "DELETE", body: `{}`, status: 204},
		{name: "a field for no fields", method: "DELETE", body: `{"a":1}`, status: 400, field: "a"},
		{name: "an array for no fields", method: "DELETE", body: `[]`, status: 400, detail: "object"},
		{name: "a field with GET", method: "GET", body: `{"a":1}`, status: 400, field: "a"},
		{name: "optional body left out", method: "DELETE", target: "/me", status: 204},
		{name: "optional body", method: "DELETE", target: "/me", body: `{"password":"p"}`, status: 204},
		{name: "optional body wrong", method: "DELETE", target: "/me", body: `{"word":"p"}`, status: 400, field: "word"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, base) })
	}
}

func TestDecodeBodyCutShort(t *testing.T) {
	s := kithttp.NewServer()
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	r := httptest.NewRequest(http.MethodPost, "/things/a", io.MultiReader(strings.NewReader(`{`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if p := problem(t, w); p.Status != 400 || p.Detail != "the body ended before it was complete" {
		t.Errorf("%+v", p)
	}
}

func TestDecodeRefusesByContentLength(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithBodyLimit(10))
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	r := httptest.NewRequest(http.MethodPost, "/things/a", iotest.ErrReader(errors.New("the body was read")))
	r.ContentLength = 11
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if p := problem(t, w); p.Status != 413 {
		t.Errorf("%+v", p)
	}
}

func TestDecodeInMaxBytesHandler(t *testing.T) {
	s := kithttp.NewServer()
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	base, _ := serve(t, http.MaxBytesHandler(s, 10))
	refusal{body: `{` + whole + `}`, chunked: true, status: 413}.run(t, base)
}

func TestDecodeTooDeeplyNested(t *testing.T) {
	s := kithttp.NewServer(kithttp.WithBodyLimit(1 << 20))
	kithttp.Handle(s, renameThing, answer[rename](thing{}, nil))
	base, _ := serve(t, s)
	for _, within := range []string{`[`, `{"a":`} {
		c := refusal{body: `{` + whole + `,"extra":` + strings.Repeat(within, 20_000), status: 400, field: "extra" + fieldsBelow(within), detail: "is nested too deeply"}
		c.run(t, base)
	}
}

// fieldsBelow returns the end of the name of a deeply nested field, which is cut off.
func fieldsBelow(within string) string {
	token := ".0"
	if within != `[` {
		token = ".a"
	}
	return strings.Repeat(token, 7) + "…"
}

func TestDecodeShortensNames(t *testing.T) {
	base := newThings(t)
	name := strings.Repeat("é", 500)
	c := refusal{body: fmt.Sprintf(`{%q:1}`, name), status: 400, field: strings.Repeat("é", 50) + "…"}
	c.run(t, base)
}

// TestParsed checks that a body is decoded by the function of its route, and by the library if that
// does not know it.
func TestParsed(t *testing.T) {
	s := kithttp.NewServer()
	type note struct {
		ID   label   `path:"id"`
		Text *string `json:"text"`
		Size int     `json:"size"`
	}
	route := kithttp.Route[note, string]{Name: "note", Method: http.MethodPost, Path: "/notes/{id}"}
	kithttp.Handle(s, route, func(_ context.Context, n note) (string, error) {
		return fmt.Sprintf("%s %s %d", n.ID.text, *n.Text, n.Size), nil
	}, kithttp.Parsed(func(body []byte, n *note) bool {
		if string(body) != `{"text":"known"}` {
			return false
		}
		n.Text, n.Size = new("parsed"), 7
		return true
	}))
	for body, want := range map[string]string{
		`{"text":"known"}`:  `"a parsed 7"`,
		`{"text": "known"}`: `"a known 0"`,
		`{"txt":"known"}`:   `"txt"`,
	} {
		r := httptest.NewRequest(http.MethodPost, "/notes/a", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want %s", body, w.Code, w.Body, want)
		}
	}
	defer func() {
		if refused := fmt.Sprint(recover()); !strings.Contains(refused, "Parsed") {
			t.Errorf("Parsed for another request: %s", refused)
		}
	}()
	kithttp.Handle(kithttp.NewServer(), route, func(context.Context, note) (string, error) { return "", nil },
		kithttp.Parsed(func([]byte, *thing) bool { return false }))
}
