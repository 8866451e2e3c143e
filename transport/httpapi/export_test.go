package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

func TestExport(t *testing.T) {
	tn := newTown(t)
	local := tn.people["local"]
	if err := local.Block(tn.ctx, tn.people["stranger"].id); err != nil {
		t.Fatal(err)
	}
	must[httpapi.Report](t)(local.Report(tn.ctx, httpapi.Complaint{ReportedUserID: tn.people["stranger"].id, Reason: "spam"}, ""))
	must[httpapi.Transaction](t)(tn.people["admin"].PostTokens(tn.ctx, local.id, httpapi.Adjustment{Type: "BONUS", Amount: 5, Reason: "kind"}, ""))

	var a answer
	tn.unchanged(func() { a = tn.ask("GET", "/v1/me/export", local.token, "").want(t, 200) })
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="cicerone-export.json"` {
		t.Errorf("got Content-Disposition %q", got)
	}
	var e httpapi.Export
	if err := json.Unmarshal([]byte(a.body), &e); err != nil {
		t.Fatal(err)
	}
	again, err := jsonv2.Marshal(e, jsonv2.Deterministic(true))
	if err != nil || string(again) != a.body {
		t.Errorf("the response has other members than an Export, or in another order:\n%s\n%s", a.body, again)
	}
	counts := []int{
		len(e.Transactions), len(e.Conversations), len(e.Conversations[0].Messages), len(e.Reservations), len(e.Reports),
		len(e.Blocks), len(e.Sessions), len(e.Acts), len(e.Profile.Interests),
	}
	if !slices.Equal(counts, []int{3, 1, 1, 1, 1, 1, 1, 1, 1}) {
		t.Errorf("got %v items: %s", counts, a.body)
	}
	if image := e.Conversations[0].Messages[0].Attachment; image == nil || *image != dataURL("image/png", picture(t, 2, 2)) {
		t.Errorf("got attachment %v, want the image as it was sent", image)
	}
	if e.User.ID != local.id || *e.Profile.LastName != "Last" || e.Wallet.Balance != 54 || e.MadeAt.String() != "2026-07-01T10:00:00.000Z" {
		t.Errorf("got %s", a.body)
	}

	names := keys(t, a.body)
	for _, secret := range []string{"password", "hash", "refresh_token", "reviewed_by", "admin_notes", "actor_id"} {
		if slices.Contains(names, secret) {
			t.Errorf("the export has a field %s", secret)
		}
	}
	for _, of := range []string{tn.people["admin"].id.String(), local.refresh, password, tn.people["voyager"].email} {
		if strings.Contains(a.body, of) {
			t.Errorf("the export contains %s", of)
		}
	}
}

// readExport reads the export of a client.
func readExport(t *testing.T, c *httpapi.Client) (e httpapi.Export) {
	t.Helper()
	document := must[io.ReadCloser](t)(c.ExportMe(t.Context()))
	if err := errors.Join(json.NewDecoder(document).Decode(&e), document.Close()); err != nil {
		t.Fatal(err)
	}
	return e
}

// keys returns the names of all members of a JSON document, at every depth.
func keys(t *testing.T, document string) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	var names []string
	var collect func(any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				names = append(names, name)
				collect(member)
			}
		case []any:
			for _, item := range v {
				collect(item)
			}
		}
	}
	collect(v)
	return names
}

// TestResponsesHaveNoSecrets checks that no response to a GET has a password, its hash or a refresh
// token.
func TestResponsesHaveNoSecrets(t *testing.T) {
	tn := newTown(t)
	hash, _ := quickHasher{}.Hash(tn.ctx, password)
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		if route.Method != "GET" {
			continue
		}
		for _, caller := range []string{"voyager", "local", "admin"} {
			a := tn.ask("GET", tn.path(route, r), tn.people[caller].token, "")
			for what, secret := range map[string]string{"hash": hash, "password": password, "token": tn.people["voyager"].refresh} {
				if strings.Contains(a.body, secret) {
					t.Errorf("the response of %s to the %s has a %s: %s", route.Name, caller, what, fmt.Sprintf("%.200s", a.body))
				}
			}
		}
	}
}
