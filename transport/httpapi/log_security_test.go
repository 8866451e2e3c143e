package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestSecurityLog checks what the log says of sign-ins and of what else is about a password or a
// session: for which account, and why it was refused.
func TestSecurityLog(t *testing.T) {
	var book logbook
	w := newWorld(t)
	ada, gone, admin := w.person("Ada"), w.person("Gone"), w.admin("Root")
	w.ask("PATCH", "/v1/admin/users/"+gone.id.String(), admin.token, `{"is_active":false,"reason":"x"}`).want(t, 200)
	w.serve(func(o *httpapi.Options) { o.Log = book.logger() })

	const unset = ""
	id := ada.id.String()
	// check compares the line of the last request.
	check := func(what, account, code, reason string) {
		t.Helper()
		lines := book.lines(t, "request")
		line := lines[len(lines)-1]
		for name, want := range map[string]string{"account_id": account, "code": code, "reason": reason} {
			if got, _ := line[name].(string); got != want {
				t.Errorf("%s: got %s %q, want %q, in %v", what, name, got, want, line)
			}
		}
	}
	post := func(path, token, body string) answer { return w.ask("POST", "/v1/auth/"+path, token, body) }
	logIn := func(email, pass string) answer {
		return post("login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, pass))
	}

	signedUp := post("signup", "", `{"name":"New","email":"new@example.org","password":"correct horse"}`).want(t, 201).object(t)
	check("a sign-up", signedUp["user"].(map[string]any)["id"].(string), unset, unset)
	post("signup", "", `{"name":"New","email":"new@example.org","password":"correct horse"}`).want(t, 409)
	check("a sign-up with an address that is taken", unset, "email_taken", unset)

	signedIn := logIn(ada.email, password).want(t, 200).object(t)
	check("a sign-in", id, unset, unset)
	logIn(ada.email, "wrong horse").want(t, 401)
	check("a wrong password", id, "sign_in_failed", "wrong_password")
	logIn("nobody@example.org", password).want(t, 401)
	check("an unknown address", unset, "sign_in_failed", "unknown_address")
	logIn(gone.email, password).want(t, 401)
	check("an inactive account", gone.id.String(), "sign_in_failed", "inactive_account")
	for range 10 {
		logIn("nobody@example.org", "wrong horse")
	}
	logIn("nobody@example.org", "wrong horse").want(t, 429)
	check("too many tries", unset, "too_many_tries", unset)
	w.advance(2 * time.Hour)

	refresh := func(token string) answer { return post("refresh", "", `{"refresh_token":"`+token+`"}`) }
	first := signedIn["refresh_token"].(string)
	second := refresh(first).want(t, 200).object(t)["refresh_token"].(string)
	check("a refresh", id, unset, unset)
	w.advance(time.Minute)
	refresh(first).want(t, 401)
	check("a refresh token that is used again", id, "refresh_failed", "reused_token")
	refresh(second).want(t, 401)
	check("a refresh of a session that has ended", id, "refresh_failed", unset)
	refresh("nonsense").want(t, 401)
	check("an unknown refresh token", unset, "refresh_failed", unset)

	for range 3 {
		post("password/forgot", "", `{"email":"`+ada.email+`"}`).want(t, 202)
		check("a request for a reset", unset, unset, unset)
	}
	post("password/forgot", "", `{"email":"`+ada.email+`"}`).want(t, 202)
	check("a request too many", unset, unset, "too_many_resets")
	reset := func(token string) answer {
		return post("password/reset", "", `{"token":"`+token+`","password":"another horse"}`)
	}
	reset("nonsense").want(t, 422)
	check("an unknown reset", unset, "invalid_input", "invalid_reset")
	reset(w.secret()).want(t, 204)
	check("a reset", id, unset, unset)

	token := logIn(ada.email, "another horse").want(t, 200).object(t)["access_token"].(string)
	w.ask("PUT", "/v1/me/password", token, `{"current_password":"wrong horse","password":"a third horse"}`).want(t, 422)
	check("a change with a wrong password", id, "invalid_input", "wrong_password")
	w.ask("DELETE", "/v1/me", token, `{"password":"wrong horse"}`).want(t, 422)
	check("an erasure with a wrong password", id, "invalid_input", "wrong_password")
	w.ask("PUT", "/v1/me/password", token, `{"current_password":"another horse","password":"a third horse"}`).want(t, 204)
	check("a change of the password", unset, unset, unset)
	if lines := book.lines(t, "request"); lines[len(lines)-1]["user_id"] != id {
		t.Errorf("the line of a change of the password has not the user: %v", lines[len(lines)-1])
	}

	for _, personal := range []string{"example.org", "horse", first, second, token, "Ada"} {
		if strings.Contains(book.b.String(), personal) {
			t.Errorf("the log has %q", personal)
		}
	}
}
