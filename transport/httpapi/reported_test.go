package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestReportedMessage(t *testing.T) {
	tn := newTown(t) // the local has written to the voyager
	voyager, local, stranger, admin := tn.people["voyager"], tn.people["local"], tn.people["stranger"], tn.people["admin"]
	words := "Words between the two"
	sent := tn.ask("POST", tn.words.Replace("/v1/conversations/{conversation}/messages"), local.token, `{"content":"`+words+`"}`).want(t, 201).object(t)
	file := func(token, body string) answer {
		body = strings.Replace(tn.words.Replace(body), "SENT", fmt.Sprint(sent["id"]), 1)
		return tn.ask("POST", "/v1/reports", token, body, "Idempotency-Key", "k")
	}
	complaint := `{"reported_user_id":"{local}","reason":"rude","message_id":"SENT"}`
	tn.unchanged(func() {
		file(stranger.token, complaint).refused(t, 422, "invalid_input", "message_id")
		file(admin.token, complaint).refused(t, 422, "invalid_input", "message_id")
		file(voyager.token, strings.Replace(complaint, "{local}", "{stranger}", 1)).refused(t, 422, "invalid_input", "message_id")
		file(voyager.token, strings.Replace(complaint, "SENT", "{report}", 1)).refused(t, 422, "invalid_input", "message_id")
		file(voyager.token, strings.Replace(complaint, "{local}", "{report}", 1)).refused(t, 404, "user_not_found")
		file(voyager.token, strings.Replace(complaint, "SENT", "x", 1)).refused(t, 422, "invalid_input", "message_id")
	})
	filed := file(voyager.token, complaint).want(t, 201)
	if again := file(voyager.token, complaint).want(t, 201); again.body != filed.body {
		t.Errorf("the repeat is %s, want %s", again.body, filed.body)
	}
	report := filed.object(t)
	if report["message_id"] != sent["id"] {
		t.Errorf("got %s", filed.body)
	}
	path := fmt.Sprint("/v1/admin/reports/", report["id"])
	seen := tn.ask("GET", path, admin.token, "").want(t, 200).object(t)
	copied := seen["messages"].([]any)
	if len(copied) != 2 || copied[0].(map[string]any)["attachment_type"] != "image/png" || copied[1].(map[string]any)["content"] != words {
		t.Errorf("the admin sees the messages %v", copied)
	}
	received := seen["reported"].(map[string]any)["received"].(map[string]any)
	if fmt.Sprint(received["pending"]) != "1" || len(received["recent"].([]any)) != 1 {
		t.Errorf("the admin sees of the reports about the local %v", received)
	}
	// The copies are in no other answer but the reporter's export.
	for what, a := range map[string]answer{
		"the reports of the reporter": tn.ask("GET", "/v1/reports", voyager.token, ""),
		"the list of admins":          tn.ask("GET", "/v1/admin/reports", admin.token, ""),
		"the audit trail":             tn.ask("GET", "/v1/admin/audit", admin.token, ""),
	} {
		if a.want(t, 200); strings.Contains(a.body, words) {
			t.Errorf("%s have the message: %s", what, a.body)
		}
	}
	tn.ask("GET", path, local.token, "").refused(t, 403, "admins_only")
	exported := tn.ask("GET", "/v1/me/export", voyager.token, "").want(t, 200).object(t)["reports"].([]any)
	if got := fmt.Sprint(exported[0].(map[string]any)["messages"]); got != fmt.Sprint(copied) {
		t.Errorf("the export has the messages %s, want %v", got, copied)
	}
	if n := len(tn.ask("GET", "/v1/me/export", local.token, "").want(t, 200).object(t)["reports"].([]any)); n != 0 {
		t.Errorf("the export of the reported user has %d reports", n)
	}
}
