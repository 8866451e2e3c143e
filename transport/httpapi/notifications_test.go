package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// TestNotificationPreferences tests that each preference is kept by itself, that all are needed, and
// that sanctions are not among them.
func TestNotificationPreferences(t *testing.T) {
	w := newWorld(t)
	ada, ben := w.person("Ada"), w.person("Ben")
	all := must[httpapi.NotificationPreferences](t)(ada.Notifications(w.ctx))
	body := w.ask("GET", "/v1/me/notifications", ada.token, "").want(t, 200).body
	for _, kind := range notifications.Kinds() {
		if has := strings.Contains(body, `"`+string(kind)+`":"mail"`); has != kind.Optional() {
			t.Errorf("at first: %s has %s: %t, want %t", body, kind, has, kind.Optional())
		}
	}
	for _, kind := range notifications.Kinds() {
		if !kind.Optional() {
			w.ask("PUT", "/v1/me/notifications", ada.token, strings.Replace(body, "{", `{"`+string(kind)+`":"none",`, 1)).
				refused(t, 400, "", string(kind))
			continue
		}
		changed := strings.Replace(body, string(kind)+`":"mail"`, string(kind)+`":"none"`, 1)
		if got := w.ask("PUT", "/v1/me/notifications", ada.token, changed).want(t, 200).body; got != changed {
			t.Errorf("got %s, want %s", got, changed)
		}
		if got := w.ask("GET", "/v1/me/notifications", ada.token, "").want(t, 200).body; got != changed {
			t.Errorf("read %s, want %s", got, changed)
		}
	}
	w.ask("PUT", "/v1/me/notifications", ada.token, strings.Replace(body, `"new_message":"mail",`, "", 1)).refused(t, 422, "", "new_message")
	w.ask("PUT", "/v1/me/notifications", ada.token, strings.Replace(body, `"mail"`, `"webhook"`, 1)).refused(t, 422, "", "new_message")
	if got := must[httpapi.NotificationPreferences](t)(ben.Notifications(w.ctx)); got != all {
		t.Errorf("another user has %v, want %v", got, all)
	}
}

// TestUnsubscribe tests that one click switches off one kind of mail, whatever the mail program
// sends, and that the page alone changes nothing.
func TestUnsubscribe(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	post := func(token, media, body string) answer {
		r := httptest.NewRequestWithContext(t.Context(), "POST", httpapi.UnsubscribePath+"?token="+token, strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		return w.send(r)
	}
	want := must[httpapi.NotificationPreferences](t)(ada.Notifications(w.ctx))
	check := func(what string) {
		t.Helper()
		if got := must[httpapi.NotificationPreferences](t)(ada.Notifications(w.ctx)); got != want {
			t.Errorf("%s: the preferences are %v, want %v", what, got, want)
		}
	}
	token := w.links.Unsubscribe(ada.id, notifications.NewMessage)
	a := w.ask("GET", httpapi.UnsubscribePath+"?token="+token, "", "").want(t, 200)
	if !strings.Contains(a.body, `<form method="post">`) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("the page is %v %s", a.header, a.body)
	}
	check("after the page")
	for range 2 {
		post(token, "application/x-www-form-urlencoded", "List-Unsubscribe=One-Click").want(t, 200)
		want.NewMessage = notifications.None
		check("after one click")
	}
	post(w.links.Unsubscribe(ada.id, notifications.ReportDecided), `multipart/form-data; boundary="x"`,
		"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n").want(t, 200)
	want.ReportDecided = notifications.None
	check("after a click of another program")
	if err := w.client.Unsubscribe(w.ctx, w.links.Unsubscribe(ada.id, notifications.ReservationReminder)); err != nil {
		t.Error(err)
	}
	want.ReservationReminder = notifications.None
	check("after that of the client")
	post(w.links.Unsubscribe(ada.id, notifications.Sanction), "text/plain", "").want(t, 200)
	post(w.links.Unsubscribe(id.User{1}, notifications.NewMessage), "text/plain", "").want(t, 200)
	check("after clicks about sanctions, and of nobody")
	for _, bad := range []string{"", "nonsense", token[:len(token)-1], token + "A"} {
		status, code := 401, "bad_link"
		post(bad, "text/plain", "x").refused(t, status, code)
		w.ask("GET", httpapi.UnsubscribePath+"?token="+bad, "", "").refused(t, status, code)
	}
	post(token, "text/plain", strings.Repeat("x", 2000)).refused(t, 413, "too_large")
	check("after all")

	if err := ada.EraseMe(w.ctx, password); err != nil {
		t.Fatal(err)
	}
	post(token, "text/plain", "").want(t, 200) // the store is audited at the end
}

// takesAnyBody reports whether a route ignores the body of its request.
func takesAnyBody(route kithttp.RouteInfo) bool { return route.Name == "unsubscribe" }
