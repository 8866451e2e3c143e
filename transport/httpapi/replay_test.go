package httpapi_test

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestReplayedHeader sends a request with a key to every route that takes one. The first response
// lacks the header Idempotency-Replayed, and the response to the repeat has it.
func TestReplayedHeader(t *testing.T) {
	const header = "Idempotency-Replayed"
	described := document(t, newWorld(t))
	keyed := 0
	for _, route := range newWorld(t).api.Server().Routes() {
		operation := described.Paths.Value(route.Path).GetOperation(route.Method)
		if operation.Parameters.GetByInAndName("header", "Idempotency-Key") == nil {
			continue
		}
		keyed++
		t.Run(route.Name, func(t *testing.T) {
			tn, r := newTown(t), routeTable[route.Name]
			path, token, body := tn.path(route, r), tn.people[r.right].token, tn.words.Replace(r.body)
			ask := func(body, key string) answer { return tn.ask(route.Method, path, token, body, "Idempotency-Key", key) }

			first := ask(body, "k1").want(t, r.want[0])
			if got, ok := first.header[header]; ok {
				t.Errorf("the first response has the header %q", got)
			}
			again := ask(body, "k1").want(t, r.want[0])
			if got := again.header[header]; len(got) != 1 || got[0] != "true" {
				t.Errorf("the response to the repeat has the header %q, want true", got)
			}
			if described := operation.Responses.Status(r.want[0]).Value.Headers[header]; described == nil {
				t.Error("the OpenAPI document does not have the header")
			}
			if r.body == "" || route.Name == "signUp" {
				return
			}
			other := strings.NewReplacer(`"kind":`, `"kind":`, "Hello", "Bye", "Tea", "Wine", "rude", "loud", "kind", "good", "Tango", "Chess",
				tn.words.Replace("{local}"), tn.words.Replace("{stranger}"), tn.words.Replace("{message}"), tn.words.Replace("{report}")).Replace(body)
			refused := ask(other, "k1")
			refused.refused(t, 409, "idempotency_key_reused")
			if got, ok := refused.header[header]; ok {
				t.Errorf("a refusal has the header %q", got)
			}
		})
	}
	if keyed < 11 {
		t.Errorf("only %d routes take a key", keyed)
	}
	tn := newTown(t)
	for range 2 {
		a := tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/messages"), tn.people["voyager"].token, `{"content":"hi"}`).want(t, 201)
		if got, ok := a.header[header]; ok {
			t.Errorf("a response without a key has the header %q", got)
		}
	}
}

// document reads the OpenAPI document of a world.
func document(t *testing.T, w *world) *openapi3.T {
	t.Helper()
	return must[*openapi3.T](t)(openapi3.NewLoader().LoadFromData([]byte(w.ask("GET", "/openapi.json", "", "").want(t, 200).body)))
}
