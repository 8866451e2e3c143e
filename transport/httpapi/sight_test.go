package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

// Who sees whom is tested for every store by ports/porttest; this tests what travels.
func TestWhoSeesWhom(t *testing.T) {
	tn := newTown(t) // the local is searchable, and has written to the voyager
	voyager, local := tn.people["voyager"], tn.people["local"]
	paths := map[string]string{}
	for name, path := range map[string]string{
		"profile": "/v1/profiles/{local}", "conversation": "/v1/conversations/{conversation}", "reservation": "/v1/reservations/{reservation}",
		"me": "/v1/me", "blocks": "/v1/blocks",
	} {
		paths[name] = tn.words.Replace(path)
	}
	get := func(name string) map[string]any {
		t.Helper()
		return tn.ask("GET", paths[name], voyager.token, "").want(t, 200).object(t)
	}
	check := func(when, other, closed, unread string) {
		t.Helper()
		c, r := get("conversation"), get("reservation")
		got := fmt.Sprintln(c["other"], r["other"], c["closed"], c["unread_count"], get("me")["unread_count"])
		want := strings.ReplaceAll(fmt.Sprintln(other, other, closed, unread, unread), "LOCAL", local.id.String())
		if got != want {
			t.Errorf("%s: got %s, want %s", when, got, want)
		}
	}
	save := func(searchable bool) {
		body := fmt.Sprintf(`{"first_name":"Luis","image_url":"https://example.org/luis","is_searchable":%t}`, searchable)
		tn.ask("PUT", "/v1/me/profile", local.token, body).want(t, 200)
	}
	save(false)
	seen := "map[first_name:Luis image_url:https://example.org/luis user_id:LOCAL]"
	get("profile")
	check("after the local has written", seen, "false", "1")

	hidden := "map[first_name:Luis image_url:<nil> user_id:LOCAL]"
	block := "/v1/blocks/" + voyager.id.String()
	tn.ask("PUT", block, local.token, "").want(t, 204)
	tn.ask("GET", paths["profile"], voyager.token, "").refused(t, 404, "profile_not_found")
	check("blocked by the local", hidden, "true", "1")
	tn.ask("DELETE", block, local.token, "").want(t, 204)

	tn.ask("PUT", "/v1/blocks/"+local.id.String(), voyager.token, "").want(t, 204)
	tn.ask("GET", paths["profile"], voyager.token, "").refused(t, 404, "profile_not_found")
	check("blocking the local", hidden, "true", "0")
	blocked := get("blocks")["items"].([]any)[0].(map[string]any)
	if blocked["first_name"] != "Luis" || blocked["blocked_user_id"] != local.id.String() {
		t.Errorf("the list of blocks has %v", blocked)
	}

	// The voyager has opened the conversation, and has not written.
	tn.ask("DELETE", "/v1/blocks/"+local.id.String(), voyager.token, "").want(t, 204)
	tn.ask("GET", "/v1/profiles/"+voyager.id.String(), local.token, "").refused(t, 404, "profile_not_found")
}
