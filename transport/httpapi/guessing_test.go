package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestTooManyTries checks that a lock is the same response for all routes, with and without an
// account, and that sessions go on.
func TestTooManyTries(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	w.serve(func(o *httpapi.Options) {
		o.ClientAddress = func(r *http.Request) string { return r.Header.Get("X-Address") }
	})
	logIn := func(email, pass, address string) answer {
		return w.ask("POST", "/v1/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, pass), "X-Address", address)
	}
	var locked []answer
	for n, email := range []string{ada.email, "nobody@example.org"} {
		for i := range 10 {
			logIn(email, "wrong horse", fmt.Sprintf("203.0.%d.%d", n, i)).refused(t, 401, "sign_in_failed")
		}
		locked = append(locked, logIn(email, password, fmt.Sprintf("203.0.%d.99", n)))
	}
	locked[0].refused(t, 429, "too_many_tries")
	if after := locked[0].header.Get("Retry-After"); after != "1" {
		t.Errorf("got Retry-After %q, want 1", after)
	}
	if locked[1].status != locked[0].status || locked[1].body != locked[0].body ||
		locked[1].header.Get("Retry-After") != locked[0].header.Get("Retry-After") {
		t.Errorf("without an account: got %+v, want %+v", locked[1], locked[0])
	}
	w.ask("PUT", "/v1/me/password", ada.token, `{"current_password":"`+password+`","password":"another horse"}`, "X-Address", "203.0.113.1").
		refused(t, 429, "too_many_tries")
	w.ask("DELETE", "/v1/me", ada.token, `{"password":"`+password+`"}`, "X-Address", "203.0.113.1").refused(t, 429, "too_many_tries")
	w.ask("GET", "/v1/me", ada.token, "").want(t, 200)
}
