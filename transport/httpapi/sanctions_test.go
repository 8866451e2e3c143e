package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestSuspended sends the request of every route as a user who is suspended.
func TestSuspended(t *testing.T) {
	tn := newTown(t)
	local, admin := tn.people["local"], tn.people["admin"]
	path := "/v1/admin/users/" + local.id.String() + "/sanctions"
	sanction := tn.ask("POST", path, admin.token, `{"kind":"suspended","reason":"rude","ends_at":null}`).want(t, 201).object(t)
	tn.ask("GET", "/v1/me", local.token, "").refused(t, 401, "not_signed_in") // the session ended
	tn.ask("POST", "/v1/auth/login", "", `{"email":"`+local.email+`","password":"wrong horse"}`).refused(t, 401, "sign_in_failed")
	in := tn.ask("POST", "/v1/auth/login", "", `{"email":"`+local.email+`","password":"`+password+`"}`).want(t, 200).object(t)
	token := fmt.Sprint(in["access_token"])
	allowed := map[string]bool{"mySanctions": true, "appeal": true, "exportMe": true, "eraseMe": true}
	asked := 0
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		if !r.needsSignIn() || allowed[route.Name] {
			continue
		}
		asked++
		tn.unchanged(func() {
			tn.ask(route.Method, tn.path(route, r), token, tn.words.Replace(r.body)).refused(t, 403, "account_suspended")
		})
	}
	if asked < 40 {
		t.Errorf("only %d routes were asked", asked)
	}

	mine := tn.ask("GET", "/v1/me/sanctions", token, "").want(t, 200)
	if !strings.Contains(mine.body, `"reason":"rude"`) || strings.Contains(mine.body, admin.id.String()) {
		t.Errorf("the user sees %s", mine.body)
	}
	appeal := fmt.Sprintf("/v1/me/sanctions/%s/appeal", sanction["id"])
	tn.ask("POST", appeal, token, `{"appeal":"It was a joke."}`).want(t, 201)
	tn.ask("POST", appeal, token, `{"appeal":"It was a joke."}`).refused(t, 409, "already_appealed")
	if exported := tn.ask("GET", "/v1/me/export", token, "").want(t, 200); !strings.Contains(exported.body, "It was a joke.") ||
		strings.Contains(exported.body, admin.id.String()) {
		t.Errorf("the export lacks the appeal, or has the admin: %s", exported.body)
	}
	tn.ask("PATCH", "/v1/admin/users/"+local.id.String(), admin.token, `{"is_active":true}`).refused(t, 409, "user_sanctioned")
	tn.ask("POST", path, admin.token, `{"kind":"suspended","reason":"rude"}`).refused(t, 409, "user_sanctioned")
	decided := tn.ask("PATCH", fmt.Sprint("/v1/admin/sanctions/", sanction["id"]), admin.token, `{"outcome":"lifted","answer":"sorry"}`).
		want(t, 200).object(t)
	if decided["outcome"] != "lifted" || decided["decided_by"] != admin.id.String() || decided["appeal"] != "It was a joke." {
		t.Errorf("got %v", decided)
	}
	tn.ask("GET", "/v1/me", token, "").want(t, 200)
}

func TestSuspendedErases(t *testing.T) {
	tn := newTown(t)
	local := tn.people["local"]
	tn.ask("POST", "/v1/admin/users/"+local.id.String()+"/sanctions", tn.people["admin"].token, `{"kind":"suspended","reason":"rude"}`).want(t, 201)
	in := tn.ask("POST", "/v1/auth/login", "", `{"email":"`+local.email+`","password":"`+password+`"}`).want(t, 200).object(t)
	token, refresh := fmt.Sprint(in["access_token"]), fmt.Sprint(in["refresh_token"])
	tn.ask("DELETE", "/v1/me", token, `{"password":"wrong horse"}`).refused(t, 422, "invalid_input", "password")
	tn.ask("POST", "/v1/auth/logout", "", `{"refresh_token":"`+refresh+`"}`).want(t, 204)
	tn.ask("DELETE", "/v1/me", token, `{"password":"`+password+`"}`).refused(t, 401, "not_signed_in")
	in = tn.ask("POST", "/v1/auth/login", "", `{"email":"`+local.email+`","password":"`+password+`"}`).want(t, 200).object(t)
	tn.ask("DELETE", "/v1/me", fmt.Sprint(in["access_token"]), `{"password":"`+password+`"}`).want(t, 204)
}

func TestRestricted(t *testing.T) {
	tn := newTown(t)
	voyager, admin := tn.people["voyager"], tn.people["admin"]
	tn.searchable(tn.people["stranger"])
	tn.ask("POST", "/v1/admin/users/"+voyager.id.String()+"/sanctions", admin.token,
		`{"kind":"restricted","reason":"rude","ends_at":"2026-07-08T10:00:00Z"}`).want(t, 201)
	tn.unchanged(func() {
		tn.ask("POST", "/v1/conversations", voyager.token, tn.words.Replace(`{"local_id":"{stranger}"}`)).refused(t, 403, "account_restricted")
		tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/reservations"), voyager.token,
			`{"title":"Tea","price":"3","date":"2026-08-01T10:00:00Z","end_date":"2026-08-01T11:00:00Z"}`).refused(t, 403, "account_restricted")
		tn.ask("POST", "/v1/admin/users/"+admin.id.String()+"/sanctions", admin.token, `{"kind":"warning","reason":"rude"}`).refused(t, 403, "own_sanction")
	})
	tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/messages"), voyager.token, `{"content":"Hello"}`).want(t, 201)
}
