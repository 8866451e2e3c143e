package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestAllInvalidFields checks that one response names all invalid fields of a request: those that
// cannot be decoded, those that break a rule of core, and those of the query and the headers.
func TestAllInvalidFields(t *testing.T) {
	tn := newTown(t)
	long := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	key := []string{"Idempotency-Key", "a b"}
	for _, c := range []struct {
		route, query, body string
		headers            []string
		fields             string
	}{
		{"signUp", "", `{"email":"no address"}`, key, "Idempotency-Key email name password"},
		{"signUp", "", `{"name":"","email":"no address","password":"short"}`, nil, "email name password"},
		{"resetPassword", "", `{"password":"short"}`, nil, "password token"},
		{"changeMe", "", `{"name":null,"bio":` + long(2001) + `,"location":"a\u001bb"}`, nil, "bio location name"},
		{"changePassword", "", `{"password":"short"}`, nil, "current_password password"},
		{"changePassword", "", `{"current_password":"wrong","password":"short"}`, nil, "current_password password"},
		{"removeSecondFactor", "", `{}`, nil, "code password"},
		{"saveProfile", "", `{"first_name":` + long(101) + `,"age":0,"image_url":"ftp://x","is_searchable":null,"interest_ids":["x"]}`, nil,
			"age first_name image_url interest_ids.0 is_searchable"},
		{"saveProfile", "", `{"first_name":` + long(101) + `,"age":7}`, nil, "age first_name"},
		{"saveProfile", "", `{"city":` + long(101) + `,"interest_ids":[` + strings.Repeat(`"{interest}",`, 50) + `"{interest}"]}`, nil, "city interest_ids"},
		{"matches", "?limit=0&min_age=0&max_age=x&city=" + strings.Repeat("x", 101), "", nil, "city limit max_age min_age"},
		{"matches", "?" + strings.Repeat("interest_id={interest}&", 51) + "country=" + strings.Repeat("x", 101), "", nil, "country interest_id"},
		{"openConversation", "", `{"local_id":"x"}`, key, "Idempotency-Key local_id"},
		{"send", "", `{"content":` + long(5001) + `,"attachment":""}`, key, "Idempotency-Key attachment content"},
		{"send", "", `{"content":` + long(5001) + `,"attachment":"data:image/png;base64,AAAA"}`, nil, "attachment content"},
		{"read", "", `{}`, key, "Idempotency-Key up_to"},
		{"propose", "", `{"title":"","price":"x","date":"2020-01-01T00:00:00Z","end_date":"2019-01-01T00:00:00Z"}`, key, "Idempotency-Key date end_date price title"},
		{"propose", "", `{"price":"-1","date":"tomorrow"}`, nil, "date end_date price title"},
		{"propose", "", `{"title":" ","price":"1","date":"2020-01-01T00:00:00Z","end_date":"2019-01-01T00:00:00Z"}`, nil, "date end_date title"},
		{"reservations", "?status=lost&limit=x", "", nil, "limit status"},
		{"report", "", `{"reported_user_id":"x","message":` + long(5001) + `}`, key, "Idempotency-Key message reason reported_user_id"},
		{"report", "", `{"reported_user_id":"{voyager}","reason":"","message":` + long(5001) + `}`, nil, "message reason reported_user_id"},
		{"interests", "?limit=0&q=" + strings.Repeat("x", 101), "", nil, "limit q"},
		{"adminUsers", "?role=king&is_active=x&limit=0&q=" + strings.Repeat("x", 255), "", nil, "is_active limit q role"},
		{"changeUser", "", `{"role":"king","is_active":null,"reason":` + long(501) + `}`, nil, "is_active reason role"},
		{"postTokens", "", `{"type":"TIP","amount":0,"reason":"","metadata":{"a":"\u0000"}}`, key, "Idempotency-Key amount metadata reason type"},
		{"postTokens", "", `{"type":"PENALTY","amount":5,"reason":" "}`, nil, "amount reason"},
		{"impose", "", `{"kind":"prison","reason":"","ends_at":"soon"}`, key, "Idempotency-Key ends_at kind reason"},
		{"impose", "", `{"kind":"warning","reason":" ","ends_at":"2030-01-01T00:00:00Z"}`, nil, "ends_at reason"},
		{"decide", "", `{"outcome":"lost","answer":` + long(501) + `}`, nil, "answer outcome"},
		{"appeal", "", `{"appeal":" "}`, key, "Idempotency-Key appeal"},
		{"createInterest", "", `{"icon":` + long(201) + `,"is_active":null}`, nil, "icon is_active name"},
		{"changeInterest", "", `{"name":null,"icon":` + long(201) + `}`, nil, "icon name"},
		{"adminReports", "?status=lost&limit=0", "", nil, "limit status"},
		{"asideEvents", "?state=lost&limit=0&subscriber=%F0%9F%90%95", "", nil, "limit state subscriber"},
		{"changeSubscription", "", `{"state":"behind","position":-1}`, nil, "position state"},
		{"createWebhook", "", `{"url":"http://example.org","description":` + long(201) + `,"types":["message.lost"]}`, nil, "description types url"},
		{"createWebhook", "", `{"types":[` + strings.Repeat(`"message.sent",`, 50) + `"message.sent"]}`, nil, "types url"},
		{"changeWebhook", "", `{"url":"https://ada@example.org","description":` + long(201) + `,"types":null}`, nil, "description types url"},
		{"changeReport", "", `{"status":null,"admin_notes":` + long(5001) + `}`, nil, "admin_notes status"},
	} {
		for _, route := range tn.api.Server().Routes() {
			if route.Name != c.route {
				continue
			}
			t.Run(c.route+" "+c.fields, func(t *testing.T) {
				r := routeTable[route.Name]
				a := tn.ask(route.Method, tn.path(route, r)+tn.words.Replace(c.query), tn.people[r.right].token, tn.words.Replace(c.body), c.headers...).want(t, 422)
				var p struct{ Errors []struct{ Field string } }
				if err := json.Unmarshal([]byte(a.body), &p); err != nil {
					t.Fatal(err)
				}
				var fields []string
				for _, e := range p.Errors {
					fields = append(fields, e.Field)
				}
				slices.Sort(fields)
				if got := strings.Join(fields, " "); got != c.fields {
					t.Errorf("got errors of %q, want of %q: %s", got, c.fields, a.body)
				}
			})
		}
	}
}

// TestBodyLimits checks the limit of each route: 8 MiB if the body may have an image, 64 KiB for
// another body, and 1 KiB if the route has none.
func TestBodyLimits(t *testing.T) {
	tn := newTown(t)
	for _, route := range tn.api.Server().Routes() {
		r, limit := routeTable[route.Name], 64<<10
		switch {
		case route.Name == "send":
			limit = 8 << 20
		case r.body == "":
			limit = 1 << 10
		}
		body := `{"nonsense":1}`
		path, token := tn.path(route, r), tn.people[r.right].token
		if !takesAnyBody(route) {
			tn.ask(route.Method, path, token, body+strings.Repeat(" ", limit-len(body))).refused(t, 400, "malformed", "nonsense")
		}
		tn.ask(route.Method, path, token, body+strings.Repeat(" ", limit-len(body)+1)).refused(t, 413, "too_large")
	}
}

// TestListsOfRequestsHaveLimits checks that every list in a request has a limit, which the decoder
// checks while it reads the list.
func TestListsOfRequestsHaveLimits(t *testing.T) {
	d := must[description](t)(describedAPI())
	lists := 0
	var check func(where string, s *openapi3.Schema)
	check = func(where string, s *openapi3.Schema) {
		if s.Type != nil && s.Type.Includes("array") {
			lists++
			if s.MaxItems == nil {
				t.Errorf("%s has no limit", where)
			}
			check(where+".items", s.Items.Value)
		}
		for name, property := range s.Properties {
			check(where+"."+name, property.Value)
		}
		for _, part := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
			check(where, part.Value)
		}
	}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				check(method+" "+path+" "+p.Value.Name, p.Value.Schema.Value)
			}
			if operation.RequestBody != nil {
				check(method+" "+path, operation.RequestBody.Value.Content.Get("application/json").Schema.Value)
			}
		}
	}
	if lists < 2 {
		t.Errorf("found %d lists", lists)
	}
}
