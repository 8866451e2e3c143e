package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// code returns the present code of a secret.
func (w *world) code(secret string) string {
	w.t.Helper()
	return must[string](w.t)(totp.GenerateCode(secret, w.clock()))
}

// secondFactor gives a person a second factor. The code that confirmed it is a minute old then.
func (w *world) secondFactor(p person) (secret string, recovery []string) {
	w.t.Helper()
	e := must[httpapi.Enrolment](w.t)(p.SetUpSecondFactor(w.ctx, password))
	codes := must[httpapi.RecoveryCodes](w.t)(p.ConfirmSecondFactor(w.ctx, w.code(e.Secret)))
	w.advance(time.Minute)
	return e.Secret, codes.RecoveryCodes
}

func logInBody(email, password, code string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q,"code":%q}`, email, password, code)
}

// TestSecondFactor goes through the life of a second factor.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	w.ask("POST", "/v1/me/totp", ada.token, `{"password":"wrong horse"}`).refused(t, 422, "", "password")
	begun := w.ask("POST", "/v1/me/totp", ada.token, `{"password":"`+password+`"}`).want(t, 200).object(t)
	if uri, _ := begun["uri"].(string); !strings.HasPrefix(uri, "otpauth://totp/cicerone:ada@example.org?") {
		t.Errorf("got the address %s", uri)
	}
	w.ask("POST", "/v1/me/totp/confirm", ada.token, `{"code":"000000x"}`).refused(t, 422, "", "code")
	if me := must[httpapi.Me](t)(ada.Me(w.ctx)); me.SecondFactor {
		t.Error("it is active before it is confirmed")
	}
	secret, recovery := w.secondFactor(ada)
	if len(recovery) != users.RecoveryCodes {
		t.Errorf("got %d recovery codes", len(recovery))
	}
	if me := must[httpapi.Me](t)(ada.Me(w.ctx)); !me.SecondFactor {
		t.Error("it is not active after it was confirmed")
	}
	w.ask("POST", "/v1/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, ada.email, password)).refused(t, 401, "code_required")
	w.ask("POST", "/v1/auth/login", "", logInBody(ada.email, password, "123")).refused(t, 401, "wrong_code")
	w.ask("POST", "/v1/auth/login", "", logInBody(ada.email, "wrong horse", w.code(secret))).refused(t, 401, "sign_in_failed")
	in := must[httpapi.SignedIn](t)(w.client.SignInWithCode(w.ctx, ada.email, password, w.code(secret)))
	must[httpapi.SignedIn](t)(w.client.SignInWithCode(w.ctx, ada.email, password, recovery[0]))
	w.ask("POST", "/v1/auth/login", "", logInBody(ada.email, password, recovery[0])).refused(t, 401, "wrong_code")
	with := 0
	for _, s := range must[httpapi.Page[httpapi.Session]](t)(ada.Sessions(w.ctx, httpapi.Paging{})).Items {
		if s.SecondFactor {
			with++
		}
	}
	if with != 2 {
		t.Errorf("%d sessions were opened with a second factor, want 2", with)
	}
	must[httpapi.SignedIn](t)(w.client.Refresh(w.ctx, in.RefreshToken))
	w.ask("POST", "/v1/me/totp", ada.token, `{"password":"`+password+`"}`).refused(t, 409, "second_factor_active")
	wrong := fmt.Sprintf(`{"password":%q,"code":"123"}`, password)
	w.ask("DELETE", "/v1/me/totp", ada.token, wrong).refused(t, 422, "", "code")
	if err := ada.RemoveSecondFactor(w.ctx, password, recovery[1]); err != nil {
		t.Error(err)
	}
	w.ask("DELETE", "/v1/me/totp", ada.token, wrong).refused(t, 409, "no_second_factor")
	must[httpapi.SignedIn](t)(w.client.SignIn(w.ctx, ada.email, password))
}

// TestWrongCodesAreLimited checks that wrong codes lock an account as wrong passwords do.
func TestWrongCodesAreLimited(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	secret, _ := w.secondFactor(ada)
	w.serve(func(o *httpapi.Options) {
		o.ClientAddress = func(r *http.Request) string { return r.Header.Get("X-Address") }
	})
	for i := range 10 {
		w.ask("POST", "/v1/auth/login", "", logInBody(ada.email, password, "123"), "X-Address", fmt.Sprintf("203.0.113.%d", i)).
			refused(t, 401, "wrong_code")
	}
	w.ask("POST", "/v1/auth/login", "", logInBody(ada.email, password, w.code(secret)), "X-Address", "203.0.113.99").
		refused(t, 429, "too_many_tries")
}

// TestRequireAdminTOTP checks that an admin without a second factor reaches no route of admins, and
// their own account.
func TestRequireAdminTOTP(t *testing.T) {
	tn := newTown(t)
	var err error
	tn.services, err = newServices(tn.store, tn.clock, tn.mailbox, func(_ *services.Parts, p *services.Policies) {
		p.Users.RequireAdminTOTP = true
	})
	if err != nil {
		t.Fatal(err)
	}
	tn.serve()
	signedIn := func(in httpapi.SignedIn) person {
		return person{tn.client.As(in.AccessToken), in.User.ID, *in.User.Email, in.AccessToken, in.RefreshToken}
	}
	admin := signedIn(must[httpapi.SignedIn](t)(tn.client.SignIn(tn.ctx, tn.people["admin"].email, password)))
	every := func(refused bool) {
		t.Helper()
		routes := 0
		for _, route := range tn.api.Server().Routes() {
			if r := routeTable[route.Name]; r.right == "admin" {
				routes++
				a := tn.ask(route.Method, tn.path(route, r), admin.token, tn.words.Replace(r.body))
				if got := a.status == 403 && strings.Contains(a.body, `"second_factor_required"`); got != refused {
					t.Errorf("%s: got %d %s", route.Name, a.status, a.body)
				}
			}
		}
		if routes < 15 {
			t.Errorf("found only %d routes of admins", routes)
		}
	}
	every(true)
	must[httpapi.Me](t)(admin.Me(tn.ctx))
	secret, _ := tn.secondFactor(admin)
	every(true) // the session was opened without it
	admin = signedIn(must[httpapi.SignedIn](t)(tn.client.SignInWithCode(tn.ctx, admin.email, password, tn.code(secret))))
	every(false)
}

// TestSignInAgain checks that a role is changed only soon after a sign-in, however often the session
// was refreshed.
func TestSignInAgain(t *testing.T) {
	tn := newTown(t)
	admin, local := tn.people["admin"], tn.people["local"]
	path := "/v1/admin/users/" + local.id.String()
	tn.ask("PATCH", path, admin.token, `{"role":"admin"}`).want(t, 200)
	tn.advance(15*time.Minute + time.Millisecond)
	in := must[httpapi.SignedIn](t)(tn.client.Refresh(tn.ctx, admin.refresh))
	tn.unchanged(func() {
		tn.ask("PATCH", path, in.AccessToken, `{"role":"user"}`).refused(t, 403, "sign_in_again")
		tn.ask("PATCH", path, in.AccessToken, `{"role":"user","is_active":false}`).refused(t, 403, "sign_in_again")
	})
	tn.ask("PATCH", path, in.AccessToken, `{"is_active":true}`).want(t, 200)
	in = must[httpapi.SignedIn](t)(tn.client.SignIn(tn.ctx, admin.email, password))
	changed, err := tn.client.As(in.AccessToken).ChangeUser(tn.ctx, local.id, httpapi.AccountChange{Role: kithttp.Some(users.RoleUser)})
	if err != nil || changed.Role != users.RoleUser {
		t.Errorf("got %+v, %v", changed, err)
	}
}
