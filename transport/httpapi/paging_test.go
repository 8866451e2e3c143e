package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// crowd returns a town with several items in every list, all of the same time.
func crowd(t *testing.T) *town {
	tn := newTown(t)
	voyager, local, admin := tn.people["voyager"], tn.people["local"], tn.people["admin"]
	conversation := must[httpapi.Page[httpapi.Conversation]](t)(voyager.Conversations(tn.ctx, httpapi.Paging{})).Items[0].ID
	for i := range 6 {
		p := tn.person(fmt.Sprintf("Extra%d", i))
		interest := must[httpapi.Interest](t)(admin.CreateInterest(tn.ctx, httpapi.InterestInput{Name: fmt.Sprintf("Thing %d", i)}, ""))
		tn.searchable(p, interest.ID)
		must[httpapi.Profile](t)(p.SaveProfile(tn.ctx, httpapi.ProfileInput{
			FirstName: new("First"), City: new("Lisbon"), Country: new(fmt.Sprint("Country ", i)), IsSearchable: true, InterestIDs: &[]id.Interest{interest.ID},
		}))
		tn.talk(voyager, p)
		must[httpapi.Message](t)(voyager.Send(tn.ctx, conversation, httpapi.Draft{Content: new("hi")}, ""))
		must[httpapi.Reservation](t)(local.Propose(tn.ctx, conversation, tn.proposal(), ""))
		must[httpapi.Report](t)(voyager.Report(tn.ctx, httpapi.Complaint{ReportedUserID: p.id, Reason: "spam"}, ""))
		must[httpapi.AdminSanction](t)(admin.Impose(tn.ctx, tn.people["stranger"].id, httpapi.SanctionInput{Kind: "warning", Reason: "spam"}, ""))
		tn.setAside(fmt.Sprint("subscriber-", i))
		must[httpapi.WebhookWithSecret](t)(admin.CreateWebhook(tn.ctx, httpapi.WebhookInput{URL: fmt.Sprint("https://example.org/", i)}))
		must[httpapi.SignedIn](t)(tn.client.SignIn(tn.ctx, local.email, password))
		if err := local.Block(tn.ctx, p.id); err != nil {
			t.Fatal(err)
		}
	}
	return tn
}

// lists has the path of every list, and the person who reads it.
var lists = map[string]string{
	"/v1/interests": "nobody", "/v1/matches": "voyager", "/v1/conversations": "voyager", "/v1/conversations/{conversation}/messages": "voyager",
	"/v1/conversations/{conversation}/reservations": "local", "/v1/reservations": "local", "/v1/wallet/transactions": "voyager", "/v1/blocks": "local",
	"/v1/me/sessions": "local",
	"/v1/reports":     "voyager", "/v1/places": "voyager",
	"/v1/admin/users": "admin", "/v1/admin/users/{voyager}/transactions": "admin", "/v1/admin/interests": "admin", "/v1/admin/reports": "admin",
	"/v1/me/sanctions": "stranger", "/v1/admin/users/{stranger}/sanctions": "admin",
	"/v1/admin/events": "admin", "/v1/admin/subscriptions": "admin", "/v1/admin/webhooks": "admin",
	"/v1/admin/audit": "admin", "/v1/admin/reservations": "admin",
}

type rawPage struct {
	Items []json.RawMessage `json:"items"`
	Next  *string           `json:"next_cursor"`
}

func (tn *town) page(t *testing.T, path, query, token string) rawPage {
	t.Helper()
	var p rawPage
	a := tn.ask("GET", tn.words.Replace(path)+query, token, "").want(t, 200)
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestListsIsComplete checks that lists has the path of every route with a cursor.
func TestListsIsComplete(t *testing.T) {
	tn := newTown(t)
	known := map[string]bool{}
	for path := range lists {
		known[tn.words.Replace(path)] = true
	}
	described, err := openapi3.NewLoader().LoadFromData([]byte(tn.ask("GET", "/openapi.json", "", "").body))
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range tn.api.Server().Routes() {
		operation := described.Paths.Value(route.Path).GetOperation(route.Method)
		if operation.Parameters.GetByInAndName("query", "cursor") == nil {
			continue
		}
		if r := routeTable[route.Name]; !known[tn.path(route, r)] && !known[tn.words.Replace(strings.Replace(route.Path, "{id}", "{voyager}", 1))] {
			t.Errorf("lists does not have %s", route.Path)
		}
	}
}

// TestPages reads every list in pages of two, with a restart after each, and compares the items
// with those of one large page.
func TestPages(t *testing.T) {
	tn := crowd(t)
	for path, who := range lists {
		t.Run(path, func(t *testing.T) {
			token := tn.people[who].token
			whole := tn.page(t, path, "?limit=100", token)
			if len(whole.Items) < 6 || whole.Next != nil {
				t.Fatalf("got %d items on one page, and the next %v", len(whole.Items), whole.Next)
			}
			var items []string
			query := "?limit=2"
			for {
				p := tn.page(t, path, query, token)
				if len(p.Items) > 2 || len(p.Items) == 0 {
					t.Fatalf("got %d items on a page of 2", len(p.Items))
				}
				for _, item := range p.Items {
					items = append(items, string(item))
				}
				if p.Next == nil {
					break
				}
				if url.QueryEscape(*p.Next) != *p.Next {
					t.Errorf("the cursor %q is not safe in a URL", *p.Next)
				}
				query = "?limit=2&cursor=" + *p.Next
				tn.serve()
			}
			for i, item := range whole.Items {
				if i >= len(items) || items[i] != string(item) {
					t.Fatalf("in pages: got %v, want %s at %d", items, item, i)
				}
			}
		})
	}
}

// TestCursorsAreBound checks that a cursor is bound to the route, the filters and the caller, but
// not to the limit.
func TestCursorsAreBound(t *testing.T) {
	tn := crowd(t)
	cursorOf := func(path, query, who string) string {
		t.Helper()
		p := tn.page(t, path, query, tn.people[who].token)
		if p.Next == nil {
			t.Fatalf("%s%s has only one page", path, query)
		}
		return *p.Next
	}
	refused := func(path, query, who, cursor string) {
		t.Helper()
		query += map[bool]string{true: "&", false: "?"}[query != ""] + "cursor=" + cursor
		tn.ask("GET", tn.words.Replace(path)+query, tn.people[who].token, "").refused(t, 400, "bad_cursor", "cursor")
	}
	for path, who := range lists {
		cursor := cursorOf(path, "?limit=1", who)
		tn.page(t, path, "?limit=7&cursor="+cursor, tn.people[who].token)
		for other, reader := range lists {
			if other != path {
				refused(other, "", reader, cursor)
			}
		}
	}
	t.Run("the caller", func(t *testing.T) {
		refused("/v1/matches", "", "local", cursorOf("/v1/matches", "?limit=1", "voyager"))
		refused("/v1/wallet/transactions", "", "voyager", cursorOf("/v1/wallet/transactions", "?limit=1", "local"))
		path := "/v1/conversations/{conversation}/messages"
		refused(path, "", "local", cursorOf(path, "?limit=1", "voyager"))
	})
	t.Run("the path", func(t *testing.T) {
		refused("/v1/admin/users/{local}/transactions", "", "admin", cursorOf("/v1/admin/users/{voyager}/transactions", "?limit=1", "admin"))
	})
	t.Run("the filters", func(t *testing.T) {
		city := cursorOf("/v1/matches", "?limit=1&city=lisbon", "voyager")
		tn.page(t, "/v1/matches", "?city=LISBON&cursor="+city, tn.people["voyager"].token) // the same, without regard to case
		for _, query := range []string{"", "?city=porto", "?country=lisbon", "?city=lisbon&min_age=20", "?city=lisbon&interest_id=" + id.Interest{}.String()} {
			refused("/v1/matches", query, "voyager", city)
		}
		status := cursorOf("/v1/reservations", "?limit=1&status=pending", "local")
		refused("/v1/reservations", "", "local", status)
		refused("/v1/reservations", "?status=accepted", "local", status)
		users := cursorOf("/v1/admin/users", "?limit=1&q=e&is_active=true", "admin")
		refused("/v1/admin/users", "?q=e&is_active=false", "admin", users)
		refused("/v1/admin/users", "?q=e", "admin", users)
		named := cursorOf("/v1/interests", "?limit=1&q=thing", "nobody")
		tn.page(t, "/v1/interests", "?q=TH%C3%8FNG&cursor="+named, "")
		refused("/v1/interests", "", "nobody", named)
		refused("/v1/interests", "?q=thin", "nobody", named)
		refused("/v1/admin/reports", "", "admin", cursorOf("/v1/admin/reports", "?limit=1&status=pending", "admin"))
	})
	t.Run("every character", func(t *testing.T) {
		cursor := cursorOf("/v1/conversations", "?limit=1", "voyager")
		for i := range cursor {
			other := byte('A')
			if cursor[i] == other {
				other = 'B'
			}
			refused("/v1/conversations", "", "voyager", cursor[:i]+string(other)+cursor[i+1:])
		}
		for _, bad := range []string{cursor + "A", cursor[1:], cursor[:len(cursor)-1], cursor + "=", cursor + "%0A", cursor + cursor} {
			refused("/v1/conversations", "", "voyager", bad)
		}
	})
	t.Run("the key", func(t *testing.T) {
		cursor := cursorOf("/v1/conversations", "?limit=1", "voyager")
		tn.serve(func(o *httpapi.Options) { o.Cursors = nil })
		defer tn.serve()
		refused("/v1/conversations", "", "voyager", cursor)
		tn.page(t, "/v1/conversations", "?cursor="+cursorOf("/v1/conversations", "?limit=1", "voyager"), tn.people["voyager"].token)
	})
	t.Run("the version", func(t *testing.T) {
		b, err := base64.RawURLEncoding.DecodeString(cursorOf("/v1/conversations", "?limit=1", "voyager"))
		if err != nil {
			t.Fatal(err)
		}
		b[0]++
		refused("/v1/conversations", "", "voyager", base64.RawURLEncoding.EncodeToString(b))
	})
}

func TestAll(t *testing.T) {
	tn := crowd(t)
	voyager := tn.people["voyager"]
	n := 0
	for m, err := range httpapi.All(func(p httpapi.Paging) (httpapi.Page[httpapi.Match], error) {
		p.Limit = 2
		return voyager.Matches(tn.ctx, httpapi.Search{}, p)
	}) {
		if err != nil || m.Profile.UserID == voyager.id {
			t.Fatalf("got %v, %v", m, err)
		}
		n++
	}
	if n != 7 {
		t.Errorf("got %d matches, want 7", n)
	}
	t.Run("a loop that ends early", func(t *testing.T) {
		pages := 0
		for _, err := range httpapi.All(func(p httpapi.Paging) (httpapi.Page[httpapi.Match], error) {
			pages++
			p.Limit = 2
			return voyager.Matches(tn.ctx, httpapi.Search{}, p)
		}) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if pages != 1 {
			t.Errorf("got %d pages read, want 1", pages)
		}
	})
	t.Run("an error ends it", func(t *testing.T) {
		var errs []error
		for _, err := range httpapi.All(func(p httpapi.Paging) (httpapi.Page[httpapi.User], error) {
			return voyager.Users(tn.ctx, httpapi.AccountFilter{}, p)
		}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], fault.Forbidden) {
			t.Errorf("got %v, want one %v", errs, fault.Forbidden)
		}
	})
}
