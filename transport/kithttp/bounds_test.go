package kithttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

type basket struct {
	Sizes []int   `query:"size" maxItems:"2"`
	Name  string  `json:"name" required:"true"`
	Fruit []fruit `json:"fruit" maxItems:"3"`
	Notes *[]int  `json:"notes,omitzero" maxItems:"2"`
}

type fruit struct {
	Seeds []int `json:"seeds" maxItems:"2"`
}

// fill asks a server with a route for baskets, and returns the response and the basket that the
// handler got.
func fill(t *testing.T, query, body string, opts ...kithttp.HandleOption) (kithttp.Problem, *basket) {
	t.Helper()
	s := kithttp.NewServer()
	var got *basket
	route := kithttp.Route[basket, kithttp.None]{Name: "fill", Method: http.MethodPost, Path: "/baskets"}
	kithttp.Handle(s, route, func(_ context.Context, b basket) (kithttp.None, error) {
		got = &b
		return kithttp.None{}, nil
	}, opts...)
	r := httptest.NewRequest("POST", "/baskets"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var p kithttp.Problem
	if w.Code != 204 {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
	}
	return p, got
}

func fieldsOf(p kithttp.Problem) string {
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return strings.Join(names, " ")
}

func TestListsHaveLimits(t *testing.T) {
	p, got := fill(t, "?size=1&size=2", `{"name":"a","fruit":[{"seeds":[1,2]},{"seeds":[]},{}],"notes":[1,2]}`)
	want := &basket{Sizes: []int{1, 2}, Name: "a", Fruit: []fruit{{[]int{1, 2}}, {[]int{}}, {}}, Notes: &[]int{1, 2}}
	if p.Status != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("at the limits: %+v, %+v", p, got)
	}
	if p, got := fill(t, "", `{"name":"a","fruit":[],"notes":null}`); p.Status != 0 || got.Notes != nil || len(got.Fruit) != 0 {
		t.Errorf("empty lists: %+v, %+v", p, got)
	}
	for _, c := range []struct {
		query, body string
		status      int
		fields      string
	}{
		{"?size=1&size=2&size=x", `{"name":"a"}`, 422, "size"},
		{"", `{"name":"a","fruit":[{},{},{},{}]}`, 422, "fruit"},
		{"", `{"fruit":[{},{"seeds":[1,2,3]},{},{"seeds":[1,2,3]}],"notes":[1,2,3]}`, 422, "fruit.1.seeds fruit notes name"},
		{"", `{"name":"a","notes":[1,2,{"a":1,"a":2}]}`, 400, "notes.2.a"},
		{"", `{"name":"a","notes":[1,2,3`, 400, ""},
		{"", `{"name":"a","notes":[1,`, 400, ""},
		{"", `{"name":"a","notes":{}}`, 400, "notes"},
		{"", `{"name":"a","notes":[1,"x"]}`, 400, "notes.1"},
		{"", `{"name":"a","notes":[` + strings.Repeat("1,", 20_000) + `1]}`, 422, "notes"},
	} {
		p, got := fill(t, c.query, c.body)
		if p.Status != c.status || c.fields != "" && fieldsOf(p) != c.fields || got != nil {
			t.Errorf("%.80s: got %+v, want %d of %q", c.body, p, c.status, c.fields)
		}
	}
}

func TestErrorListsAtMostMaxFields(t *testing.T) {
	p, _ := fill(t, "", `{"name":"a","fruit":[{"seeds":null},{"seeds":null},{"seeds":null}],"notes":[`+strings.Repeat("null,", 30)+`1]}`)
	if p.Status != 422 || len(p.Errors) != 6 {
		t.Errorf("got %+v, want the errors of the three seeds, the two notes that are read, and notes", p)
	}
	var f fault.Fields
	for i := range 3 * fault.MaxFields {
		f.Add(fmt.Sprint(i), "is wrong")
	}
	check := kithttp.Checked(func(_ basket, more *fault.Fields) { _ = more.Collect(f.Err()) })
	if p, _ := fill(t, "", `{}`, check); p.Status != 422 || len(p.Errors) != fault.MaxFields || p.Errors[0].Field != "name" || len(p.Detail) > 1000 {
		t.Errorf("got %d errors, want %d: %+v", len(p.Errors), fault.MaxFields, p)
	}
}

// TestChecked checks that an error names the fields that decoding refuses and those that the
// function passed to Checked refuses, each once.
func TestChecked(t *testing.T) {
	called := 0
	check := kithttp.Checked(func(b basket, f *fault.Fields) {
		called++
		f.Check(b.Name != "", "name", "must not be empty")
		f.Check(len(b.Fruit) > 0, "fruit", "must not be empty")
	})
	p, _ := fill(t, "", `{"notes":[1,2,3]}`, check)
	if p.Status != 422 || fieldsOf(p) != "notes name fruit" || p.Errors[1].Message != "is required" {
		t.Errorf("got %+v", p)
	}
	if p, got := fill(t, "", `{"name":""}`, check); p.Status != 0 || got == nil || called != 1 {
		t.Errorf("a request that decodes: got %+v, %+v, and %d calls", p, got, called)
	}
	if p, _ := fill(t, "", `{"name":1}`, check); p.Status != 400 || called != 1 {
		t.Errorf("a malformed request: got %+v, and %d calls", p, called)
	}
	defer func() {
		if refused := fmt.Sprint(recover()); !strings.Contains(refused, "Checked") {
			t.Errorf("Checked for another request: %s", refused)
		}
	}()
	fill(t, "", `{}`, kithttp.Checked(func(fruit, *fault.Fields) {}))
}

func TestBodyLimits(t *testing.T) {
	s := kithttp.NewServer()
	kithttp.Handle(s, kithttp.Route[kithttp.None, kithttp.None]{Name: "none", Method: "POST", Path: "/none"}, answer[kithttp.None](kithttp.None{}, nil))
	kithttp.Handle(s, kithttp.Route[fruit, kithttp.None]{Name: "some", Method: "POST", Path: "/some"}, answer[fruit](kithttp.None{}, nil))
	kithttp.Handle(s, kithttp.Route[fruit, kithttp.None]{Name: "much", Method: "POST", Path: "/much", BodyLimit: 1 << 20}, answer[fruit](kithttp.None{}, nil))
	for path, limit := range map[string]int{"/none": 1 << 10, "/some": 64 << 10, "/much": 1 << 20} {
		for size, want := range map[int]int{2: 204, limit: 204, limit + 1: 413} {
			r := httptest.NewRequest("POST", path, strings.NewReader("{}"+strings.Repeat(" ", size-2)))
			r.Header.Set("Content-Type", "application/json")
			r.ContentLength = -1
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s with %d bytes: got %d, want %d", path, size, w.Code, want)
			}
		}
	}
}

func TestQueriesHaveALimit(t *testing.T) {
	many := strings.Repeat("size=1&", 499)
	if p, _ := fill(t, "?"+many+"size=1", `{"name":"a"}`); p.Status != 422 || fieldsOf(p) != "size" {
		t.Errorf("500 parameters: got %+v", p)
	}
	if p, _ := fill(t, "?"+many+"size=1&size=1", `{"name":"a"}`); p.Status != 400 || !strings.Contains(p.Detail, "500 parameters") {
		t.Errorf("501 parameters: got %+v", p)
	}
}
