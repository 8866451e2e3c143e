package httpapi_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestAttachmentURL gets an image by its signed address.
func TestAttachmentURL(t *testing.T) {
	var log bytes.Buffer
	tn := newTown(t)
	tn.serve(func(o *httpapi.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	body := `{"attachment":"` + dataURL("image/png", picture(t, 2, 2)) + `"}`
	send := func() map[string]any {
		return tn.ask("POST", path, tn.people["voyager"].token, body, "Idempotency-Key", "image").want(t, 201).object(t)
	}
	sent := send()
	address := func(m map[string]any) string { return m["attachment_url"].(string) }
	mine := address(sent)
	if stable := sent["attachment"].(string); !strings.HasPrefix(mine, stable+"?signature=") {
		t.Errorf("the address is %s, and the path %s", mine, stable)
	}
	yours := address(tn.ask("GET", path+"?limit=1", tn.people["local"].token, "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any))
	last := tn.ask("GET", tn.words.Replace("/v1/conversations/{conversation}"), tn.people["local"].token, "").want(t, 200).object(t)
	if again := address(last["last_message"].(map[string]any)); again != yours || yours == mine {
		t.Errorf("the local has the addresses %s and %s, the voyager %s", yours, again, mine)
	}
	image := tn.ask("GET", sent["attachment"].(string), tn.people["local"].token, "").want(t, 200)
	for _, of := range []string{mine, yours} {
		a := tn.ask("GET", of, "", "", "Sec-Fetch-Dest", "image").want(t, 200)
		if a.body != image.body {
			t.Error("the address serves another image")
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Content-Disposition": "inline",
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
	}

	other := tn.ask("POST", path, tn.people["voyager"].token, body).want(t, 201).object(t)
	_, signature, _ := strings.Cut(mine, "?signature=")
	for _, bad := range []string{
		other["attachment"].(string) + "?signature=" + signature, mine + "A", mine[:len(mine)-4], sent["attachment"].(string) + "?signature=A",
	} {
		tn.ask("GET", bad, "", "").refused(t, 401, "bad_link")
	}
	// Beside a token, the signature does not matter, good or bad.
	tn.ask("GET", mine, "wrong", "").refused(t, 401, "not_signed_in")
	tn.ask("GET", mine, tn.people["stranger"].token, "").refused(t, 404, "attachment_not_found")
	tn.ask("GET", sent["attachment"].(string)+"?signature=A", tn.people["local"].token, "").want(t, 200)

	// A repeated request has a fresh signature: none is kept.
	if strings.Contains(tn.rows(), signature) || strings.Contains(log.String(), signature) {
		t.Error("the store or the log has the signature")
	}
	tn.advance(time.Minute)
	if repeated := send(); repeated["id"] != sent["id"] || address(repeated) == mine {
		t.Errorf("repeated after a minute: got %s", address(repeated))
	}
	tn.ask("GET", mine, "", "").want(t, 200)
	tn.advance(4 * time.Minute)
	tn.ask("GET", mine, "", "").refused(t, 401, "bad_link")
}

// TestAttachmentURLEnds checks that a signed address ends with the session and with the account.
func TestAttachmentURLEnds(t *testing.T) {
	tn := newTown(t)
	path := tn.words.Replace("/v1/conversations/{conversation}/messages")
	tn.ask("POST", path, tn.people["local"].token, `{"attachment":"`+dataURL("image/png", picture(t, 2, 2))+`"}`).want(t, 201)
	addressOf := func(token string) string {
		m := tn.ask("GET", path+"?limit=1", token, "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any)
		return m["attachment_url"].(string)
	}
	voyager, local := addressOf(tn.people["voyager"].token), addressOf(tn.people["local"].token)

	tn.ask("DELETE", "/v1/me/sessions", tn.people["voyager"].token, "").want(t, 204)
	tn.ask("GET", voyager, "", "").want(t, 200) // this session goes on
	current := tn.ask("GET", "/v1/me/sessions", tn.people["voyager"].token, "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any)
	tn.ask("DELETE", "/v1/me/sessions/"+current["id"].(string), tn.people["voyager"].token, "").want(t, 204)
	tn.ask("GET", voyager, "", "").refused(t, 401, "bad_link")

	tn.ask("GET", local, "", "").want(t, 200)
	tn.ask("PATCH", "/v1/admin/users/"+tn.people["local"].id.String(), tn.people["admin"].token, `{"is_active":false,"reason":"x"}`).want(t, 200)
	tn.ask("GET", local, "", "").refused(t, 401, "bad_link")
}

// TestAttachmentURLOfOthers signs an address for a viewer who is not in the conversation.
func TestAttachmentURLOfOthers(t *testing.T) {
	tn := newTown(t)
	stranger := must[users.Caller](t)(tn.services.Users.Authenticate(tn.ctx, tn.people["stranger"].token))
	image := tn.words.Replace("{message}")
	address := "/v1/messages/" + image + "/attachment?signature=" + tn.links.Sign("attachment "+image, stranger)
	tn.ask("GET", address, "", "").refused(t, 404, "attachment_not_found")
}

// TestAttachmentURLOwnAuthenticator checks that a host whose Authenticator knows no sessions has no
// signed addresses.
func TestAttachmentURLOwnAuthenticator(t *testing.T) {
	tn := newTown(t)
	local := tn.people["local"]
	tn.serve(func(o *httpapi.Options) {
		o.Authenticator = badges{"badge": {UserID: local.id, Role: users.RoleUser}}
	})
	m := tn.ask("GET", tn.words.Replace("/v1/conversations/{conversation}/messages?limit=1"), "badge", "").want(t, 200).object(t)["items"].([]any)[0].(map[string]any)
	if m["attachment"] == nil || m["attachment_url"] != nil {
		t.Errorf("got the path %v and the address %v, want a path alone", m["attachment"], m["attachment_url"])
	}
}
