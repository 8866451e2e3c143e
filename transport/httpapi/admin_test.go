package httpapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestPostTokens(t *testing.T) {
	tn := newTown(t)
	admin, path := tn.people["admin"], tn.words.Replace("/v1/admin/users/{stranger}/transactions")
	// Metadata is returned in its canonical form (RFC 8785).
	metadata := `{"z": 1.50, "a": ["<&>", "\u20ac", "\u000f", null, 1e21, -0], "é": {"b": true, "a": "\/"}}`
	canonical := `{"a":["<&>","€","\u000f",null,1e+21,0],"z":1.5,"é":{"a":"/","b":true}}`
	a := tn.ask("POST", path, admin.token, `{"type":"ADMIN_ADJUSTMENT","amount":-7,"reason":"wrong price","metadata":`+metadata+`}`, "Idempotency-Key", "k").want(t, 201)
	if !strings.Contains(a.body, `"metadata":`+canonical+`,`) {
		t.Errorf("got %s, want metadata %s", a.body, canonical)
	}
	o := a.object(t)
	want := tn.words.Replace(fmt.Sprintf(`{"id":%q,"user_id":"{stranger}","seq":2,"amount":-7,"type":"ADMIN_ADJUSTMENT","reason":"wrong price",`+
		`"metadata":%s,"balance_before":50,"balance_after":43,"created_at":"2026-07-01T10:00:00.000Z"}`, o["id"], canonical))
	if a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	again := tn.ask("POST", path, admin.token, `{"type":"ADMIN_ADJUSTMENT","amount":-7,"reason":"wrong price","metadata":`+canonical+`}`, "Idempotency-Key", "k").want(t, 201)
	if again.body != a.body {
		t.Errorf("got %s, want %s", again.body, a.body)
	}
	list := tn.ask("GET", "/v1/wallet/transactions", tn.people["stranger"].token, "").want(t, 200)
	if !strings.HasPrefix(list.body, `{"items":[`+want) {
		t.Errorf("got %s, want it to begin with %s", list.body, want)
	}

	tn.unchanged(func() {
		body := func(kind, amount, reason, metadata string) string {
			return fmt.Sprintf(`{"type":%q,"amount":%s,"reason":%q,"metadata":%s}`, kind, amount, reason, metadata)
		}
		for field, bad := range map[string][]string{
			"amount": {
				body("BONUS", "1.5", "r", "{}"), body("BONUS", "1e3", "r", "{}"), body("BONUS", "1.0", "r", "{}"), body("BONUS", "0", "r", "{}"),
				body("BONUS", "-1", "r", "{}"), body("WITHDRAWAL", "1", "r", "{}"), body("BONUS", "9007199254740992", "r", "{}"),
				body("BONUS", "99999999999999999999", "r", "{}"), body("BONUS", "null", "r", "{}"),
			},
			"type":     {body("REFUND", "1", "r", "{}"), body("bonus", "1", "r", "{}"), body("", "1", "r", "{}")},
			"reason":   {body("BONUS", "1", "", "{}"), body("BONUS", "1", "  ", "{}"), body("BONUS", "1", strings.Repeat("r", 501), "{}")},
			"metadata": {body("BONUS", "1", "r", "[]"), body("BONUS", "1", "r", `"x"`), body("BONUS", "1", "r", `{"a":"`+strings.Repeat("m", 4096)+`"}`)},
		} {
			for _, b := range bad {
				tn.ask("POST", path, admin.token, b).refused(t, 422, "invalid_input", field)
			}
		}
		tn.ask("POST", path, admin.token, body("BONUS", `"1"`, "r", "{}")).refused(t, 400, "malformed", "amount")
		tn.ask("POST", path, admin.token, body("BONUS", "1", "r", `{"a":1,"a":2}`)).refused(t, 400, "malformed", "metadata.a")
		tn.ask("POST", path, admin.token, body("WITHDRAWAL", "-44", "r", "{}")).refused(t, 402, "insufficient_tokens")
		own := tn.words.Replace("/v1/admin/users/{admin}/transactions")
		tn.ask("POST", own, admin.token, body("BONUS", "1", "r", "{}")).refused(t, 403, "own_tokens")
		for _, bad := range []string{body("NONSENSE", "0", "", "{}"), `{`, `{}`, `{"x":1}`, body("BONUS", "1.5", "r", "{}")} {
			tn.ask("POST", own, admin.token, bad).refused(t, 403, "own_tokens") // before any other refusal
		}
	})
	t.Run("a penalty takes no more than the balance", func(t *testing.T) {
		penalty := `{"type":"PENALTY","amount":-100,"reason":"rude","metadata":null}`
		if o := tn.ask("POST", path, admin.token, penalty).want(t, 201).object(t); fmt.Sprint(o["amount"], " ", o["balance_after"], " ", o["metadata"]) != "-43 0 map[]" {
			t.Errorf("got %v", o)
		}
		tn.unchanged(func() { tn.ask("POST", path, admin.token, penalty).refused(t, 402, "insufficient_tokens") })
	})
}

func TestChangeUser(t *testing.T) {
	tn := newTown(t)
	admin, path := tn.people["admin"], tn.words.Replace("/v1/admin/users/{stranger}")
	own := tn.words.Replace("/v1/admin/users/{admin}")
	tn.unchanged(func() {
		tn.ask("PATCH", own, admin.token, `{"role":"user"}`).refused(t, 403, "own_role")
		tn.ask("PATCH", own, admin.token, `{"is_active":false}`).refused(t, 409, "last_admin")
		tn.ask("PATCH", path, admin.token, `{"role":"boss"}`).refused(t, 422, "invalid_input", "role")
		tn.ask("PATCH", path, admin.token, `{"role":null,"is_active":null}`).refused(t, 422, "invalid_input", "role", "is_active")
		tn.ask("PATCH", path, admin.token, `{"is_active":"false"}`).refused(t, 400, "malformed", "is_active")
		tn.ask("PATCH", path, admin.token, `{"email":"x@example.org"}`).refused(t, 400, "malformed", "email")
		tn.ask("PATCH", path, admin.token, `{}`).want(t, 200)
		tn.ask("PATCH", path, admin.token, `{"is_active":true,"reason":null}`).want(t, 200)
	})
	o := tn.ask("PATCH", path, admin.token, `{"role":"admin","is_active":false,"reason":"holiday"}`).want(t, 200).object(t)
	if o["role"] != "admin" || o["is_active"] != false {
		t.Errorf("got %v", o)
	}
	record := tn.ask("GET", "/v1/admin/audit?limit=1", admin.token, "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any)
	want := tn.words.Replace("{admin} user.changed {stranger} holiday map[is_active:false is_active_before:true role:admin role_before:user]")
	if got := fmt.Sprint(record["actor_id"], " ", record["action"], " ", record["subject_id"], " ", record["reason"], " ", record["details"]); got != want {
		t.Errorf("got the record %s, want %s", got, want)
	}
}

func TestListUsers(t *testing.T) {
	tn := newTown(t)
	admin := tn.people["admin"]
	if _, err := admin.ChangeUser(tn.ctx, tn.people["stranger"].id, httpapi.AccountChange{IsActive: kithttp.Some(false)}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"": "Ann Sam Luis Vera", "?q=EXAMPLE.org": "Ann Sam Luis Vera", "?q=ver": "Vera", "?role=admin": "Ann", "?role=user&is_active=true": "Luis Vera",
		"?is_active=false": "Sam", "?q=%25": "", "?q=nobody": "", "?role=": "Ann Sam Luis Vera",
	} {
		var names []string
		for _, item := range tn.ask("GET", "/v1/admin/users"+query, admin.token, "").want(t, 200).object(t)["items"].([]any) {
			names = append(names, item.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	tn.ask("GET", "/v1/admin/users?role=boss", admin.token, "").refused(t, 422, "invalid_input", "role")
	tn.ask("GET", "/v1/admin/users?is_active=yes", admin.token, "").refused(t, 422, "invalid_input", "is_active")
}

func TestReports(t *testing.T) {
	tn := newTown(t)
	stranger, admin := tn.people["stranger"], tn.people["admin"]
	filed := tn.ask("POST", "/v1/reports", tn.people["voyager"].token, tn.words.Replace(`{"reported_user_id":"{local}","reason":"rude","message":""}`),
		"Idempotency-Key", "k").want(t, 201)
	o := filed.object(t)
	if _, there := o["admin_notes"]; there || o["message"] != nil || o["status"] != "pending" || o["reviewed_at"] != nil || o["message_id"] != nil || len(o) != 9 {
		t.Errorf("got %s", filed.body)
	}
	tn.unchanged(func() {
		again := tn.ask("POST", "/v1/reports", tn.people["voyager"].token, tn.words.Replace(`{"reported_user_id":"{local}","reason":"rude"}`),
			"Idempotency-Key", "k").want(t, 201)
		if again.body != filed.body {
			t.Errorf("got %s, want %s", again.body, filed.body)
		}
		tn.ask("POST", "/v1/reports", stranger.token, tn.words.Replace(`{"reported_user_id":"{voyager}","reason":"rude"}`)).refused(t, 409, "report_pending")
		tn.ask("POST", "/v1/reports", stranger.token, tn.words.Replace(`{"reported_user_id":"{stranger}","reason":""}`)).
			refused(t, 422, "invalid_input", "reason", "reported_user_id")
		tn.ask("POST", "/v1/reports", stranger.token, tn.words.Replace(`{"reported_user_id":"{report}","reason":"rude"}`)).refused(t, 404, "user_not_found")
	})

	path := tn.words.Replace("/v1/admin/reports/{report}")
	tn.unchanged(func() {
		tn.ask("PATCH", path, admin.token, `{"status":"pending"}`).refused(t, 409, "report_status")
		tn.ask("PATCH", path, admin.token, `{"status":"nonsense"}`).refused(t, 422, "invalid_input", "status")
		tn.ask("PATCH", path, admin.token, `{"status":null}`).refused(t, 422, "invalid_input", "status")
	})
	reviewed := admin.id.String() + " 2026-07-01T10:00:00.000Z"
	steps := []struct{ body, want string }{
		{`{"admin_notes":"look"}`, "pending look <nil> <nil>"},
		{`{"status":"reviewed"}`, "reviewed look " + reviewed},
		{`{"status":"resolved","admin_notes":null}`, "resolved <nil> " + reviewed},
	}
	for _, s := range steps {
		o := tn.ask("PATCH", path, admin.token, s.body).want(t, 200).object(t)
		if got := fmt.Sprint(o["status"], " ", o["admin_notes"], " ", o["reviewed_by"], " ", o["reviewed_at"]); got != s.want {
			t.Errorf("after %s: got %s, want %s", s.body, got, s.want)
		}
	}
	tn.ask("PATCH", path, admin.token, `{"status":"dismissed"}`).refused(t, 409, "report_status")
	if n := len(tn.ask("GET", "/v1/admin/reports?status=pending", admin.token, "").want(t, 200).object(t)["items"].([]any)); n != 1 {
		t.Errorf("got %d pending reports, want 1", n)
	}
	tn.ask("GET", "/v1/admin/reports?status=nonsense", admin.token, "").refused(t, 422, "invalid_input", "status")
}

func TestInterests(t *testing.T) {
	tn := newTown(t)
	admin := tn.people["admin"]
	a := tn.ask("POST", "/v1/admin/interests", admin.token, `{"name":"Tango","icon":null,"is_active":false}`, "Idempotency-Key", "k").want(t, 201)
	o := a.object(t)
	if want := fmt.Sprintf(`{"id":%q,"name":"Tango","icon":null,"is_active":false}`, o["id"]); a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	path := "/v1/admin/interests/" + o["id"].(string)
	tn.unchanged(func() {
		tn.ask("POST", "/v1/admin/interests", admin.token, `{"name":"TANGO"}`).refused(t, 409, "interest_taken")
		tn.ask("POST", "/v1/admin/interests", admin.token, `{"name":""}`).refused(t, 422, "invalid_input", "name")
		tn.ask("POST", "/v1/admin/interests", admin.token, `{"name":"Chess","is_active":null}`).refused(t, 422, "invalid_input", "is_active")
		tn.ask("PATCH", path, admin.token, `{"name":"hiking"}`).refused(t, 409, "interest_taken")
		tn.ask("PATCH", path, admin.token, `{"name":null}`).refused(t, 422, "invalid_input", "name")
	})
	for body, want := range map[string]string{`{"icon":"shoe"}`: "Tango shoe false", `{"icon":null,"is_active":true}`: "Tango <nil> true"} {
		tn.ask("PATCH", path, admin.token, `{"icon":"x","is_active":false}`).want(t, 200)
		o := tn.ask("PATCH", path, admin.token, body).want(t, 200).object(t)
		if got := fmt.Sprint(o["name"], " ", o["icon"], " ", o["is_active"]); got != want {
			t.Errorf("after %s: got %s, want %s", body, got, want)
		}
	}
}

func TestVerifyLedger(t *testing.T) {
	tn := newTown(t)
	if _, err := tn.people["local"].Accept(tn.ctx, must[httpapi.Page[httpapi.Reservation]](t)(tn.people["local"].Reservations(tn.ctx, httpapi.Agenda{}, httpapi.Paging{})).Items[0].ID, ""); err != nil {
		t.Fatal(err)
	}
	a := tn.ask("GET", "/v1/admin/ledger/verify", tn.people["admin"].token, "").want(t, 200)
	if want := `{"wallets":4,"transactions":6,"unsealed":6,"held":13,"violations":[]}`; a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
}
