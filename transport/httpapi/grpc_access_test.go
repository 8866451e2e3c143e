package httpapi_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/transport/kitgrpc"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestAccessOverGRPC sends the request of every row as each of its callers, over HTTP in one town and
// over gRPC in another, and compares the answers.
func TestAccessOverGRPC(t *testing.T) {
	for _, route := range newWorld(t).api.Server().Operations() {
		m, ok := methods[route.Name]
		if !ok {
			continue // see TestEveryOperationHasAMethod
		}
		r := routeTable[route.Name]
		for i, caller := range r.callers() {
			t.Run(route.Name+"/"+[]string{"right", "another", "admin", "nobody"}[i], func(t *testing.T) {
				overHTTP := newTown(t)
				want := overHTTP.ask(route.Method, overHTTP.path(route.RouteInfo, r), overHTTP.people[caller].token, overHTTP.words.Replace(r.body))
				tn := newTown(t)
				conn := tn.dial()
				ask := func() {
					message := messageOf(t, m, route.RouteInfo, tn.path(route.RouteInfo, r), tn.words.Replace(r.body))
					got := call(t.Context(), conn, m, tn.people[caller].token, nil, message)
					got.like(t, route, want)
				}
				if want.status < 300 && (route.Method != "GET" || route.Name == "liveEvents") {
					ask()
					return
				}
				tn.unchanged(ask)
			})
		}
	}
}

// like fails the test unless a reply has the outcome of an answer over HTTP.
func (r reply) like(t testing.TB, o kithttp.Operation, want answer) {
	t.Helper()
	if want.status < 400 {
		if r.status.Code() != 0 {
			t.Fatalf("got %v, want the success of HTTP, %d", r.status, want.status)
		}
		if want.header.Get("Content-Type") == "application/json" && o.Name != "exportMe" {
			if got, want := shapeOf(t, r.json(t, o)), shapeOf(t, want.body); got != want {
				t.Fatalf("got a response like %s, want as over HTTP %s", got, want)
			}
		}
		return
	}
	var p kithttp.Problem
	if err := json.Unmarshal([]byte(want.body), &p); err != nil {
		t.Fatal(err)
	}
	code, fields := r.code()
	var wanted []string
	for _, e := range p.Errors {
		wanted = append(wanted, e.Field)
	}
	if code != p.Code || uint32(r.status.Code()) != codeOf(want.status) || strings.Join(fields, " ") != strings.Join(wanted, " ") {
		t.Fatalf("got %v %q %q, want as over HTTP %d %s %q: %s", r.status, code, fields, want.status, p.Code, wanted, p.Detail)
	}
}

// json returns the response as the HTTP API writes it.
func (r reply) json(t testing.TB, o kithttp.Operation) string {
	t.Helper()
	if len(r.messages) != 1 {
		t.Fatalf("got %d messages (%v), want one", len(r.messages), r.status)
	}
	response := reflect.New(o.Response)
	if err := kitgrpc.Decode(r.messages[0], response.Interface()); err != nil {
		t.Fatal(err)
	}
	b, err := jsonv2.Marshal(response.Interface(), jsonv2.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shapeOf returns a JSON document with every text, which differs between worlds, as "".
func shapeOf(t testing.TB, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	var blank func(any) any
	blank = func(v any) any {
		switch v := v.(type) {
		case string:
			return ""
		case []any:
			for i := range v {
				v[i] = blank(v[i])
			}
		case map[string]any:
			for name := range v {
				v[name] = blank(v[name])
			}
		}
		return v
	}
	b, err := json.Marshal(blank(v))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestResponsesOverGRPC compares the responses to the requests of every row that reads, over both
// transports in one town.
func TestResponsesOverGRPC(t *testing.T) {
	tn := newTown(t)
	conn := tn.dial()
	for _, route := range tn.api.Server().Operations() {
		m, r := methods[route.Name], routeTable[route.Name]
		if m == nil || route.Method != "GET" || r.want[0] != 200 || m.IsStreamingServer() {
			continue
		}
		token := tn.people[r.callers()[0]].token
		want := tn.ask(route.Method, tn.path(route.RouteInfo, r), token, "").want(t, 200)
		reply := call(t.Context(), conn, m, token, nil, messageOf(t, m, route.RouteInfo, tn.path(route.RouteInfo, r), ""))
		var got, wanted any
		if json.Unmarshal([]byte(reply.json(t, route)), &got) != nil || json.Unmarshal([]byte(want.body), &wanted) != nil {
			t.Fatalf("%s: not JSON", route.Name)
		}
		if !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: got over gRPC\n%v\nwant as over HTTP\n%v", route.Name, got, wanted)
		}
	}
}
