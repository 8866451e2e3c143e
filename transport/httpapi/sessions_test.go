package httpapi_test

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// signInAs signs a person in with a User-Agent from an address, and returns their client.
func (tn *town) signInAs(p person, agent, address string) *httpapi.Client {
	tn.t.Helper()
	r := httptest.NewRequest("POST", "/v1/auth/login", strings.NewReader(`{"email":"`+p.email+`","password":"`+password+`"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", agent)
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	tn.api.ServeHTTP(w, r)
	token, _, _ := strings.Cut(w.Body.String()[strings.Index(w.Body.String(), `"access_token":"`)+len(`"access_token":"`):], `"`)
	return tn.client.As(token)
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestSessions(t *testing.T) {
	tn := newTown(t)
	local := tn.people["local"]
	phone, browser := tn.signInAs(local, "a phone", "203.0.113.9:1234"), tn.signInAs(local, "Mozilla/5.0", "[2001:db8::7]:80")
	all := must[httpapi.Page[httpapi.Session]](t)(phone.Sessions(tn.ctx, httpapi.Paging{})).Items
	if len(all) != 3 {
		t.Fatalf("got %+v, want three sessions", all)
	}
	for _, want := range []struct {
		client, address string
		current         bool
	}{{"a phone", "203.0.113.0/24", true}, {"Mozilla/5.0", "2001:db8::/48", false}} {
		i := slices.IndexFunc(all, func(s httpapi.Session) bool { return s.Client != nil && *s.Client == want.client })
		if i < 0 || *all[i].Address != want.address || all[i].Current != want.current || all[i].CreatedAt != all[i].LastUsedAt {
			t.Fatalf("got %+v, want one with %+v", all, want)
		}
		if !want.current {
			wantError(t, phone.EndSession(tn.ctx, all[i].ID), nil)
			wantError(t, phone.EndSession(tn.ctx, all[i].ID), users.ErrSessionNotFound)
		}
	}
	_, err := browser.Me(tn.ctx)
	wantError(t, err, users.ErrNotSignedIn)
	wantError(t, phone.EndOtherSessions(tn.ctx), nil)
	_, err = local.Me(tn.ctx)
	wantError(t, err, users.ErrNotSignedIn)
	if rest := must[httpapi.Page[httpapi.Session]](t)(phone.Sessions(tn.ctx, httpapi.Paging{})).Items; len(rest) != 1 || !rest[0].Current {
		t.Errorf("got %+v, want the current session", rest)
	}
	e := readExport(t, phone)
	ended := slices.DeleteFunc(slices.Clone(e.Sessions), func(s httpapi.ExportedSession) bool { return s.RevokedAt == nil })
	if len(e.Sessions) != 3 || len(ended) != 2 {
		t.Errorf("the export has the sessions %+v, want three, of which two have ended", e.Sessions)
	}
	tn.ask("DELETE", "/v1/me/sessions/nonsense", tn.people["voyager"].token, "").refused(t, 404, "")
}
