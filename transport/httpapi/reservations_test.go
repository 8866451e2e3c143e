package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func TestPropose(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	path := tn.words.Replace("/v1/conversations/{conversation}/reservations")
	propose := func(price, date, end string) answer {
		return tn.ask("POST", path, voyager.token, fmt.Sprintf(`{"title":"Tea","price":%s,"date":%q,"end_date":%q}`, price, date, end))
	}
	a := propose(`"12.5"`, "2026-08-01T12:00:00.123456789+02:00", "2026-08-01t11:00:00z").want(t, 201)
	o := a.object(t)
	want := func(other, name string) string {
		return tn.words.Replace(fmt.Sprintf(`{"id":%q,"conversation_id":"{conversation}","creator_id":"{voyager}","voyager_id":"{voyager}","local_id":"{local}",`+
			`"title":"Tea","price":"12.50","tokens":13,"date":"2026-08-01T10:00:00.123Z","end_date":"2026-08-01T11:00:00.000Z","status":"pending",`+
			`"created_at":"2026-07-01T10:00:00.000Z","updated_at":"2026-07-01T10:00:00.000Z",`+
			`"other":{"user_id":%q,"first_name":%q,"image_url":null}}`, o["id"], other, name))
	}
	if want := want("{local}", "First"); a.body != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	if got := tn.ask("GET", "/v1/reservations/"+o["id"].(string), tn.people["local"].token, "").want(t, 200); got.body != want("{voyager}", "Vera") {
		t.Errorf("read back: got %s, want %s", got.body, want("{voyager}", "Vera"))
	}

	t.Run("prices", func(t *testing.T) {
		for price, answered := range map[string]string{`"0"`: "0.00", `"00000007.1"`: "7.10", `"99999999.99"`: "99999999.99", `"12.50"`: "12.50"} {
			if got := propose(price, "2026-08-01T10:00:00Z", "2026-08-01T11:00:00Z").want(t, 201).object(t)["price"]; got != answered {
				t.Errorf("price %s: got %v, want %s", price, got, answered)
			}
		}
		tn.unchanged(func() {
			for _, price := range []string{`""`, `"-1"`, `"+1"`, `"1."`, `".5"`, `"1.234"`, `"100000000"`, `"1e2"`, `"1,5"`, `" 1"`, `"NaN"`, `"１"`, `null`} {
				propose(price, "2026-08-01T10:00:00Z", "2026-08-01T11:00:00Z").refused(t, 422, "invalid_input", "price")
			}
			for _, price := range []string{`12.5`, `12`, `true`, `["1"]`} {
				propose(price, "2026-08-01T10:00:00Z", "2026-08-01T11:00:00Z").refused(t, 400, "malformed", "price")
			}
		})
	})
	t.Run("times", func(t *testing.T) {
		for date, answered := range map[string]string{
			"2026-08-01T10:00:00-00:00": "2026-08-01T10:00:00.000Z", "2026-08-01T23:30:00-05:30": "2026-08-02T05:00:00.000Z",
			"2026-08-01T10:00:00.1Z": "2026-08-01T10:00:00.100Z", "2026-08-01T10:00:00.9999999999Z": "2026-08-01T10:00:00.999Z",
		} {
			if got := propose(`"1"`, date, "2026-08-03T11:00:00Z").want(t, 201).object(t)["date"]; got != answered {
				t.Errorf("date %s: got %v, want %s", date, got, answered)
			}
		}
		tn.unchanged(func() {
			for _, date := range []string{
				"", "2026-08-01", "2026-08-01T10:00:00", "2026-08-01 10:00:00Z", "2026-02-30T10:00:00Z", "2026-08-01T24:00:00Z",
				"2026-08-01T10:00Z", "1785578400", "2026-08-01T10:00:00,5Z", "2026-08-01T10:00:00+0200", "2026-08-01T9:00:00Z", "2026-08-01T10:00:00+24:00",
			} {
				propose(`"1"`, date, "2026-08-03T11:00:00Z").refused(t, 422, "invalid_input", "date")
			}
			propose(`"1"`, "2026-07-01T10:00:00.000Z", "2026-07-03T11:00:00Z").refused(t, 422, "invalid_input", "date")      // now
			propose(`"1"`, "2026-08-01T10:00:00.0009Z", "2026-08-01T10:00:00Z").refused(t, 422, "invalid_input", "end_date") // the same, once cut
			propose(`"1"`, "9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59-02:00").refused(t, 422, "invalid_input", "date")
			tn.ask("POST", path, voyager.token, `{"title":"","price":"1"}`).refused(t, 422, "invalid_input", "date", "end_date", "title")
		})
	})
}

// TestReservation follows a reservation from the proposal to the payment, and checks the wallets
// after each step.
func TestReservation(t *testing.T) {
	tn := newTown(t)
	voyager, local := tn.people["voyager"], tn.people["local"]
	path := tn.words.Replace("/v1/reservations/{reservation}")
	wallets := func(want string) {
		t.Helper()
		v, l := must[httpapi.Wallet](t)(tn.signIn(voyager).Wallet(tn.ctx)), must[httpapi.Wallet](t)(tn.signIn(local).Wallet(tn.ctx))
		if got := fmt.Sprint(v, l); got != want {
			t.Errorf("got wallets %s, want %s", got, want)
		}
	}
	wallets("{50 0} {49 0}")
	tn.unchanged(func() {
		tn.ask("POST", path+"/accept", voyager.token, "").refused(t, 409, "reservation_status")
		tn.ask("POST", path+"/decline", voyager.token, "{}").refused(t, 409, "reservation_status")
		tn.ask("POST", path+"/cancel", local.token, "").refused(t, 409, "reservation_status")
	})
	first := tn.ask("POST", path+"/accept", local.token, "", "Idempotency-Key", "a").want(t, 200)
	wallets("{37 13} {49 0}")
	if again := tn.ask("POST", path+"/accept", local.token, "{}", "Idempotency-Key", "a").want(t, 200); again.body != first.body {
		t.Errorf("got %s, want %s", again.body, first.body)
	}
	tn.ask("POST", path+"/decline", local.token, "", "Idempotency-Key", "a").refused(t, 409, "idempotency_key_reused")
	a := tn.ask("POST", path+"/accept", local.token, "")
	a.refused(t, 409, "reservation_status")
	if !strings.Contains(a.body, "is accepted and cannot be accepted") {
		t.Errorf("got %s, want a detail with the present status", a.body)
	}
	wallets("{37 13} {49 0}")

	tn.advance(25 * time.Hour)
	if n, err := tn.services.Reservations.Settle(tn.ctx); n != 1 || err != nil {
		t.Fatalf("settled %d: %v", n, err)
	}
	wallets("{37 0} {62 0}")
	local = tn.signIn(local)
	list := tn.ask("GET", "/v1/reservations?status=completed", local.token, "").want(t, 200).object(t)
	if len(list["items"].([]any)) != 1 {
		t.Errorf("got %v, want one completed reservation", list)
	}
	if a := tn.ask("GET", "/v1/reservations?status=pending", local.token, "").want(t, 200); a.body != `{"items":[]}` {
		t.Errorf("got %s, want no items", a.body)
	}
	tn.ask("GET", "/v1/reservations?status=nonsense", local.token, "").refused(t, 422, "invalid_input", "status")
}

// TestAgenda checks the filters of the caller's list, and that it begins with the earliest date.
func TestAgenda(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	p := tn.proposal()
	p.Title, p.Date, p.EndDate = "Sooner", httpapi.Time(tn.clock().Add(time.Hour)), httpapi.Time(tn.clock().Add(2*time.Hour))
	must[httpapi.Reservation](t)(voyager.Propose(tn.ctx, tn.talk(voyager, tn.people["local"]), p, ""))
	for query, want := range map[string]string{
		"": "[Sooner A walk]", "?role=voyager": "[Sooner A walk]", "?role=local": "[]", "?status=accepted": "[]",
		"?from=2026-07-01T12:00:00Z": "[A walk]", "?from=2026-07-01T11:59:59.999Z": "[Sooner A walk]",
		"?to=2026-07-02T12:00:00%2B02:00": "[Sooner]", "?from=2026-07-01T11:00:00Z&to=2026-07-01T11:00:00.001Z": "[Sooner]",
	} {
		titles := []any{}
		for _, item := range tn.ask("GET", "/v1/reservations"+query, voyager.token, "").want(t, 200).object(t)["items"].([]any) {
			titles = append(titles, item.(map[string]any)["title"])
		}
		if got := fmt.Sprint(titles); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"?role=guest": "role", "?from=today": "from", "?to=2026-07-01": "to", "?from=2026-07-01T12:00:00Z&to=2026-07-01T12:00:00Z": "to",
	} {
		tn.ask("GET", "/v1/reservations"+query, voyager.token, "").refused(t, 422, "invalid_input", field)
	}
}

// TestEndReservation follows a reservation that an admin ends.
func TestEndReservation(t *testing.T) {
	tn := newTown(t)
	admin, local := tn.people["admin"], tn.people["local"]
	path := tn.words.Replace("/v1/admin/reservations/{reservation}")
	must[httpapi.Reservation](t)(local.Accept(tn.ctx, must[httpapi.Page[httpapi.Reservation]](t)(
		admin.AllReservations(tn.ctx, httpapi.ReservationFilter{UserID: &local.id, Status: "pending"}, httpapi.Paging{})).Items[0].ID, ""))
	tn.unchanged(func() {
		tn.ask("PATCH", path, admin.token, `{"status":"declined","reason":" "}`).refused(t, 422, "invalid_input", "status", "reason")
		tn.ask("PATCH", path, admin.token, `{"status":"expired","reason":"so"}`).refused(t, 422, "invalid_input", "status")
		tn.ask("PATCH", "/v1/admin/reservations/nonsense", admin.token, `{"status":"completed","reason":"so"}`).refused(t, 404, "reservation_not_found")
		tn.ask("PATCH", path, admin.token, `{"status":"completed","reason":"so","tokens":5}`).refused(t, 400, "malformed", "tokens")
	})
	if got := tn.ask("PATCH", path, admin.token, `{"status":"completed","reason":"He paid."}`).want(t, 200).object(t)["status"]; got != "completed" {
		t.Errorf("got the status %v", got)
	}
	if got := must[httpapi.Wallet](t)(local.Wallet(tn.ctx)); got.Balance != 62 {
		t.Errorf("got the wallet %v of the local, want 62", got)
	}
	tn.ask("PATCH", path, admin.token, `{"status":"cancelled","reason":"so"}`).refused(t, 409, "reservation_status")
	audit := must[httpapi.Page[httpapi.AuditRecord]](t)(admin.Audit(tn.ctx, httpapi.Paging{})).Items[0]
	if audit.Action != "reservation.ended" || *audit.Reason != "He paid." {
		t.Errorf("got the audit record %+v", audit)
	}
	tn.ask("GET", "/v1/admin/reservations?user_id=nonsense", admin.token, "").refused(t, 422, "invalid_input", "user_id")
	tn.ask("GET", "/v1/admin/reservations?status=nonsense", admin.token, "").refused(t, 422, "invalid_input", "status")
}

// TestTooExpensive checks that a reservation that the voyager cannot pay stays pending.
func TestTooExpensive(t *testing.T) {
	tn := newTown(t)
	p := tn.proposal()
	if err := p.Price.UnmarshalText([]byte("50.01")); err != nil {
		t.Fatal(err)
	}
	c := tn.talk(tn.people["voyager"], tn.people["local"])
	r := must[httpapi.Reservation](t)(tn.people["local"].Propose(tn.ctx, c, p, ""))
	tn.unchanged(func() {
		tn.ask("POST", "/v1/reservations/"+r.ID.String()+"/accept", tn.people["voyager"].token, "").refused(t, 402, "insufficient_tokens")
	})
}

// signIn starts another session of a person.
func (w *world) signIn(p person) person {
	w.t.Helper()
	s, err := w.client.SignIn(w.ctx, p.email, password)
	if err != nil {
		w.t.Fatalf("sign in: %v", err)
	}
	p.Client, p.token, p.refresh = w.client.As(s.AccessToken), s.AccessToken, s.RefreshToken
	return p
}
