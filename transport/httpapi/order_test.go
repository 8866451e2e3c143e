package httpapi_test

import (
	"bytes"
	"net/http/httptest"
	"testing"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestOrderOfRefusals sends requests that several refusals fit, and checks which one is returned.
func TestOrderOfRefusals(t *testing.T) {
	tn := newTown(t)
	voyager, admin := tn.people["voyager"].token, tn.people["admin"].token
	known, unknown := tn.words.Replace("/v1/conversations/{conversation}/messages"), tn.words.Replace("/v1/conversations/{report}/messages")
	malformed := "/v1/conversations/nonsense/messages"
	for _, c := range []struct {
		name, method, path, token, body string
		headers                         []string
		status                          int
	}{
		{"401 before 400", "POST", known, "", "{", []string{"Content-Type", "application/json"}, 401},
		{"403 before 400", "POST", "/v1/admin/interests", voyager, "{", []string{"Content-Type", "application/json"}, 403},
		{"401 before 415", "POST", known, "", "{", []string{"Content-Type", "text/plain"}, 401},
		{"403 before 415", "POST", "/v1/admin/interests", voyager, "{", []string{"Content-Type", "text/plain"}, 403},
		{"415 before 400", "POST", known, voyager, "{", []string{"Content-Type", "text/plain"}, 415},
		{"400 of the body before 422 of a header", "POST", known, voyager, "{", []string{"Idempotency-Key", ""}, 400},
		{"400 of the query before 422 of the query", "GET", known + "?limit=0&no=1", voyager, "", nil, 400},
		{"400 of the cursor before 422 of the limit", "GET", known + "?limit=0&cursor=x", voyager, "", nil, 400},
		{"400 of the body before 404", "POST", malformed, voyager, `{"no":1}`, nil, 400},
		{"400 of the cursor before 404", "GET", malformed + "?cursor=x", voyager, "", nil, 400},
		{"422 of the limit before 404", "GET", malformed + "?limit=0", voyager, "", nil, 422},
		{"422 of the key before 404", "POST", malformed, voyager, `{"content":"hi"}`, []string{"Idempotency-Key", ""}, 422},
		{"422 of a value before 404, unknown", "POST", unknown, voyager, `{"content":""}`, nil, 422},
		{"422 of a value before 404, malformed", "POST", malformed, voyager, `{"content":""}`, nil, 422},
		{"422 of a change before 404", "PATCH", "/v1/admin/users/nonsense", admin, `{"role":"boss"}`, nil, 422},
		{"404 before what only the store decides", "POST", tn.words.Replace("/v1/conversations/{report}/read"), voyager, tn.words.Replace(`{"up_to":"{report}"}`), nil, 404},
		{"404", "POST", malformed, voyager, `{"content":"hi"}`, nil, 404},
		{"409", "POST", tn.words.Replace("/v1/reservations/{reservation}/accept"), voyager, "", nil, 409},
	} {
		t.Run(c.name, func(t *testing.T) {
			tn.unchanged(func() { tn.ask(c.method, c.path, c.token, c.body, c.headers...).want(t, c.status) })
		})
	}
	t.Run("429 before 413, 415 and 400", func(t *testing.T) {
		tn.serve(func(o *httpapi.Options) { o.Limits = edge.Limits{Anonymous: slow(1), User: slow(1)} })
		defer tn.serve()
		for path, token := range map[string]string{"/v1/auth/login": "", known: voyager} {
			tn.ask("POST", path, token, "{", "Content-Type", "application/json").want(t, 400)
			tn.ask("POST", path, token, "{", "Content-Type", "application/json").refused(t, 429, "too_many_requests")
			tn.ask("POST", path, token, "{", "Content-Type", "text/plain").refused(t, 429, "too_many_requests")
			tn.ask("POST", path, token, string(make([]byte, tooMuch))).refused(t, 429, "too_many_requests")
		}
	})
	t.Run("413 before 415", func(t *testing.T) {
		for _, announced := range []int64{tooMuch, -1} {
			r := httptest.NewRequestWithContext(t.Context(), "POST", known, bytes.NewReader(make([]byte, tooMuch)))
			r.ContentLength = announced
			r.Header.Set("Authorization", "Bearer "+voyager)
			tn.send(r).refused(t, 413, "too_large")
		}
	})
	t.Run("409 before 402", func(t *testing.T) {
		w := newWorld(t)
		ada, ben := w.person("Ada"), w.person("Ben")
		w.searchable(ben)
		path := "/v1/conversations/" + w.talk(ada, ben).String() + "/messages"
		w.ask("POST", path, ben.token, `{"content":"hello"}`).want(t, 201)
		for range 50 {
			w.ask("POST", path, ada.token, `{"content":"hi"}`).want(t, 201)
		}
		w.unchanged(func() { w.ask("POST", path, ada.token, `{"content":"hi"}`).refused(t, 402, "insufficient_tokens") })
		w.ask("PUT", "/v1/blocks/"+ada.id.String(), ben.token, "").want(t, 204)
		w.unchanged(func() { w.ask("POST", path, ada.token, `{"content":"hi"}`).refused(t, 409, "conversation_closed") })
	})
}
