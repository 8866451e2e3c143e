package httpapi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestSignUp(t *testing.T) {
	w := newWorld(t)
	a := w.ask("POST", "/v1/auth/signup", "", `{"name":"Ada","email":"Ada@example.org","password":"`+password+`"}`).want(t, 201)
	o := a.object(t)
	if o["token_type"] != "Bearer" || fmt.Sprint(o["expires_in"]) != "900" || o["access_token"] == "" || o["refresh_token"] == "" {
		t.Errorf("got %s", a.body)
	}
	user := o["user"].(map[string]any)
	want := map[string]any{
		"id": user["id"], "name": "Ada", "email": "Ada@example.org", "email_verified_at": nil, "bio": nil, "location": nil, "locale": nil, "role": "user", "is_active": true,
		"second_factor": false, "created_at": "2026-07-01T10:00:00.000Z", "updated_at": "2026-07-01T10:00:00.000Z",
	}
	if fmt.Sprint(user) != fmt.Sprint(want) {
		t.Errorf("got user %v, want %v", user, want)
	}
	for _, header := range []string{"X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Referrer-Policy: no-referrer"} {
		name, value, _ := strings.Cut(header, ": ")
		if a.header.Get(name) != value {
			t.Errorf("got %s %q, want %q", name, a.header.Get(name), value)
		}
	}

	t.Run("refusals", func(t *testing.T) {
		for _, c := range []struct {
			body   string
			status int
			code   string
			fields []string
		}{
			{`{"name":"Ada","email":"ADA@example.org","password":"` + password + `"}`, 409, "email_taken", nil},
			{`{}`, 422, "invalid_input", []string{"name", "email", "password"}},
			{`{"name":null,"email":"b@example.org","password":"` + password + `"}`, 422, "invalid_input", []string{"name"}},
			{`{"name":" ","email":"ada","password":"short"}`, 422, "invalid_input", []string{"name", "email", "password"}},
			{`{"name":"B","email":"b@example.org","password":"` + strings.Repeat("x", 73) + `"}`, 422, "invalid_input", []string{"password"}},
			{`{"name":"B\u0000","email":"b@example.org","password":"` + password + `"}`, 422, "invalid_input", []string{"name"}},
		} {
			w.unchanged(func() { w.ask("POST", "/v1/auth/signup", "", c.body).refused(t, c.status, c.code, c.fields...) })
		}
	})
}

// TestSignUpAgain repeats a sign-up with its key. There is one user and one bonus, and each
// response has new tokens. The same key may be used for another address.
func TestSignUpAgain(t *testing.T) {
	w := newWorld(t)
	signUp := func(name, email, pass string) answer {
		body := fmt.Sprintf(`{"name":%q,"email":%q,"password":%q}`, name, email, pass)
		return w.ask("POST", "/v1/auth/signup", "", body, "Idempotency-Key", "k1")
	}
	first := signUp("Ada", "ada@example.org", password).want(t, 201).object(t)
	again := signUp("Ada", "ada@example.org", password).want(t, 201).object(t)
	if fmt.Sprint(first["user"]) != fmt.Sprint(again["user"]) {
		t.Errorf("got user %v, want %v", again["user"], first["user"])
	}
	if first["refresh_token"] == again["refresh_token"] {
		t.Error("the repeat got the same refresh token")
	}
	for _, token := range []any{first["access_token"], again["access_token"]} {
		wallet := w.ask("GET", "/v1/wallet", token.(string), "").want(t, 200)
		if wallet.body != `{"balance":50,"held":0}` {
			t.Errorf("got wallet %s, want one bonus", wallet.body)
		}
	}
	signUp("Ada", "ada@example.org", "wrong password").refused(t, 401, "sign_in_failed")
	signUp("Eve", "ada@example.org", password).refused(t, 409, "idempotency_key_reused")
	signUp("Ben", "ben@example.org", password).want(t, 201)
}

// TestSignInRevealsNoAccounts checks that the responses are the same with and without an account.
func TestSignInRevealsNoAccounts(t *testing.T) {
	tn := newTown(t)
	gone := tn.people["stranger"]
	if _, err := tn.people["admin"].ChangeUser(tn.ctx, gone.id, httpapi.AccountChange{IsActive: kithttp.Some(false)}); err != nil {
		t.Fatal(err)
	}
	logIn := func(email, pass string) answer {
		return tn.ask("POST", "/v1/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, pass))
	}
	unknown := logIn("nobody@example.org", password)
	unknown.refused(t, 401, "sign_in_failed")
	for _, other := range []answer{logIn(tn.people["voyager"].email, "wrong"), logIn(gone.email, password), logIn("", ""), tn.ask("POST", "/v1/auth/login", "", `{"email":"\u0000","password":"x"}`)} {
		if other.status != unknown.status || other.body != unknown.body {
			t.Errorf("got %d %s, want the same as for an unknown address", other.status, other.body)
		}
	}
	sent := len(tn.sent())
	for _, email := range []string{"nobody@example.org", gone.email} {
		tn.ask("POST", "/v1/auth/password/forgot", "", fmt.Sprintf(`{"email":%q}`, email)).want(t, 202)
	}
	if len(tn.sent()) != sent {
		t.Error("mail was sent for an account that cannot be reset")
	}
}

// TestRefresh checks that a refresh returns new tokens, and that a late second use of a refresh
// token ends the session.
func TestRefresh(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	second := must[httpapi.SignedIn](t)(w.client.Refresh(w.ctx, ada.refresh))
	third := must[httpapi.SignedIn](t)(w.client.Refresh(w.ctx, second.RefreshToken))
	if _, err := w.client.As(third.AccessToken).Me(w.ctx); err != nil {
		t.Fatalf("with the tokens of a refresh: %v", err)
	}
	w.advance(10 * time.Second)
	for range 2 {
		w.ask("POST", "/v1/auth/refresh", "", `{"refresh_token":"`+ada.refresh+`"}`).refused(t, 401, "refresh_failed")
	}
	if _, err := w.client.Refresh(w.ctx, third.RefreshToken); !errors.Is(err, users.ErrRefresh) {
		t.Errorf("the newest token of a revoked family: got %v, want %v", err, users.ErrRefresh)
	}
	for _, token := range []string{ada.token, second.AccessToken, third.AccessToken} {
		w.ask("GET", "/v1/me", token, "").refused(t, 401, "not_signed_in")
	}
	w.ask("POST", "/v1/auth/refresh", "", `{"refresh_token":"nonsense"}`).refused(t, 401, "refresh_failed")
}

// TestSessionsEnd checks that the tokens of a session stop working immediately when the session
// ends.
func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(*town, person) error{
		"signing out": func(tn *town, p person) error { return tn.client.SignOut(tn.ctx, p.refresh) },
		"a new password": func(tn *town, p person) error {
			return p.ChangePassword(tn.ctx, password, "another horse")
		},
		"a reset": func(tn *town, p person) error {
			return tn.client.ResetPassword(tn.ctx, tn.secret(), "another horse")
		},
		"deactivation": func(tn *town, p person) error {
			_, err := tn.people["admin"].ChangeUser(tn.ctx, p.id, httpapi.AccountChange{IsActive: kithttp.Some(false)})
			return err
		},
		"deactivation and reactivation": func(tn *town, p person) error {
			for _, active := range []bool{false, true} {
				if _, err := tn.people["admin"].ChangeUser(tn.ctx, p.id, httpapi.AccountChange{IsActive: kithttp.Some(active)}); err != nil {
					return err
				}
			}
			return nil
		},
		"erasure": func(tn *town, p person) error { return p.EraseMe(tn.ctx, password) },
	} {
		t.Run(name, func(t *testing.T) {
			tn := newTown(t)
			voyager := tn.people["voyager"]
			if _, err := voyager.Me(tn.ctx); err != nil {
				t.Fatal(err)
			}
			if err := end(tn, voyager); err != nil {
				t.Fatal(err)
			}
			if _, err := voyager.Me(tn.ctx); !errors.Is(err, users.ErrNotSignedIn) {
				t.Errorf("the access token: got %v, want %v", err, users.ErrNotSignedIn)
			}
			if _, err := tn.client.Refresh(tn.ctx, voyager.refresh); !errors.Is(err, users.ErrRefresh) {
				t.Errorf("the refresh token: got %v, want %v", err, users.ErrRefresh)
			}
		})
	}
}

func TestAccessTokenExpires(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	w.advance(15*time.Minute + time.Second)
	w.ask("GET", "/v1/me", ada.token, "").refused(t, 401, "not_signed_in")
	if _, err := w.client.Refresh(w.ctx, ada.refresh); err != nil {
		t.Errorf("the refresh token after the access token has expired: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	w.unchanged(func() {
		for body, field := range map[string]string{
			`{"current_password":"wrong","password":"another horse"}`:    "current_password",
			`{"current_password":"` + password + `","password":"short"}`: "password",
			`{"password":"another horse"}`:                               "current_password",
			`{"current_password":"` + password + `","password":null}`:    "password",
		} {
			w.ask("PUT", "/v1/me/password", ada.token, body).refused(t, 422, "invalid_input", field)
		}
		w.ask("POST", "/v1/auth/password/reset", "", `{"token":"nonsense","password":"another horse"}`).refused(t, 422, "invalid_input", "token")
	})
	w.ask("PUT", "/v1/me/password", ada.token, `{"current_password":"`+password+`","password":"another horse"}`).want(t, 204)
	if _, err := w.client.SignIn(w.ctx, ada.email, "another horse"); err != nil {
		t.Errorf("sign in with the new password: %v", err)
	}
}

func TestChangeMe(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	steps := []struct{ body, name, bio, location string }{
		{`{"bio":"I walk.","location":"Porto"}`, "Ada", "I walk.", "Porto"},
		{`{}`, "Ada", "I walk.", "Porto"},
		{`{"name":"Ada L."}`, "Ada L.", "I walk.", "Porto"},
		{`{"bio":null}`, "Ada L.", "<nil>", "Porto"},
		{`{"location":""}`, "Ada L.", "<nil>", "<nil>"},
	}
	for _, s := range steps {
		o := w.ask("PATCH", "/v1/me", ada.token, s.body).want(t, 200).object(t)
		if got := []string{fmt.Sprint(o["name"]), fmt.Sprint(o["bio"]), fmt.Sprint(o["location"])}; !slices.Equal(got, []string{s.name, s.bio, s.location}) {
			t.Errorf("after %s: got %q", s.body, got)
		}
	}
	w.unchanged(func() {
		for body, fields := range map[string][]string{
			`{"name":null}`: {"name"}, `{"name":""}`: {"name"}, `{"bio":"` + strings.Repeat("b", 2001) + `"}`: {"bio"},
			`{"name":null,"location":"a\u001bb"}`: {"name", "location"},
		} {
			w.ask("PATCH", "/v1/me", ada.token, body).refused(t, 422, "invalid_input", fields...)
		}
		for _, field := range []string{"email", "role", "is_active", "password", "id"} {
			w.ask("PATCH", "/v1/me", ada.token, `{"`+field+`":"x"}`).refused(t, 400, "malformed", field)
		}
		w.ask("PATCH", "/v1/me", ada.token, "").refused(t, 400, "malformed")
	})
}

func TestErasure(t *testing.T) {
	tn := newTown(t)
	voyager, local := tn.people["voyager"], tn.people["local"]
	tn.unchanged(func() {
		for _, body := range []string{"", "{}", `{"password":null}`, `{"password":"wrong"}`} {
			tn.ask("DELETE", "/v1/me", voyager.token, body).refused(t, 422, "invalid_input", "password")
		}
		tn.ask("DELETE", "/v1/me", tn.people["admin"].token, `{"password":"`+password+`"}`).refused(t, 409, "last_admin")
	})
	if _, err := local.Accept(tn.ctx, must[httpapi.Page[httpapi.Reservation]](t)(local.Reservations(tn.ctx, httpapi.Agenda{}, httpapi.Paging{})).Items[0].ID, ""); err != nil {
		t.Fatal(err)
	}
	tn.ask("DELETE", "/v1/me", voyager.token, `{"password":"`+password+`"}`).want(t, 204)

	gone := tn.ask("GET", "/v1/admin/users/"+voyager.id.String(), tn.people["admin"].token, "").want(t, 200).object(t)
	if gone["name"] != "deleted" || gone["email"] != nil || gone["is_active"] != false {
		t.Errorf("got %v, want an inactive account with the name deleted and no e-mail address", gone)
	}
	page := must[httpapi.Page[httpapi.Reservation]](t)(local.Reservations(tn.ctx, httpapi.Agenda{Status: "cancelled"}, httpapi.Paging{}))
	if len(page.Items) != 1 {
		t.Errorf("got %v, want the accepted reservation cancelled", page.Items)
	}
	left := must[httpapi.Page[httpapi.Transaction]](t)(tn.people["admin"].UserTransactions(tn.ctx, voyager.id, httpapi.Paging{})).Items[0]
	if left.Type != "WITHDRAWAL" || left.BalanceAfter != 0 {
		t.Errorf("got %v as the last transaction, want a withdrawal of the balance", left)
	}
	tn.person("Vera") // the e-mail address can be used again
}

// TestLocale checks that a sign-up takes the language of its Accept-Language, and that the user
// changes it; and that a reset shows that the address is the user's.
func TestLocale(t *testing.T) {
	w := newWorld(t)
	up := w.ask("POST", "/v1/auth/signup", "", `{"name":"Ada","email":"ada@example.org","password":"`+password+`"}`,
		"Accept-Language", "fr-CH, en;q=0.8").want(t, 201).object(t)
	token := up["access_token"].(string)
	me := func() map[string]any { return w.ask("GET", "/v1/me", token, "").want(t, 200).object(t) }
	if got := me(); got["locale"] != "fr" || got["email_verified_at"] != nil {
		t.Errorf("after the sign-up: %v", got)
	}
	for body, want := range map[string]any{`{"locale":"pt-br"}`: "pt-BR", `{"locale":null}`: nil} {
		if got := w.ask("PATCH", "/v1/me", token, body).want(t, 200).object(t); got["locale"] != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	w.ask("PATCH", "/v1/me", token, `{"locale":"klingonese"}`).want(t, 422)
	w.ask("POST", "/v1/auth/password/forgot", "", `{"email":"ada@example.org"}`).want(t, 202)
	w.ask("POST", "/v1/auth/password/reset", "", `{"token":"`+w.secret()+`","password":"another horse"}`).want(t, 204)
	in := w.ask("POST", "/v1/auth/login", "", `{"email":"ada@example.org","password":"another horse"}`).want(t, 200).object(t)
	token = in["access_token"].(string)
	if got := me(); got["email_verified_at"] != "2026-07-01T10:00:00.000Z" {
		t.Errorf("after a reset: %v", got)
	}
}
