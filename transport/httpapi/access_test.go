package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// row is a valid request to a route, and its expected statuses. Words in braces are replaced by
// values of a town.
type row struct {
	id    string // replaces {id} or {user_id} in the path
	body  string
	right string // the person of the town who may send the request; the voyager if it is ""
	want  statuses
}

// statuses are the expected statuses for the right person, another user, an admin, and a caller who
// is not signed in.
type statuses [4]int

var (
	public       = statuses{200, 200, 200, 200}
	ofUser       = statuses{200, 200, 200, 401}
	ofMembers    = statuses{200, 404, 404, 401} // for participants only; admins are refused, too
	createMember = statuses{201, 404, 404, 401}
	ofAdmin      = statuses{200, 403, 200, 401}
	createAdmin  = statuses{201, 403, 201, 401}
)

// routeTable has a row for every route, by name.
var routeTable = map[string]row{
	"signUp":         {body: `{"name":"Nina","email":"nina@example.org","password":"{password}"}`, want: statuses{201, 201, 201, 201}},
	"logIn":          {body: `{"email":"{email}","password":"{password}"}`, want: public},
	"refresh":        {body: `{"refresh_token":"{refresh}"}`, want: public},
	"logOut":         {body: `{"refresh_token":"{refresh}"}`, want: statuses{204, 204, 204, 204}},
	"forgotPassword": {body: `{"email":"{email}"}`, want: statuses{202, 202, 202, 202}},
	"resetPassword":  {body: `{"token":"{reset}","password":"another horse"}`, want: statuses{204, 204, 204, 204}},

	"me":             {right: "voyager", want: ofUser},
	"changeMe":       {right: "voyager", body: `{"bio":"I walk."}`, want: ofUser},
	"eraseMe":        {right: "voyager", body: `{"password":"{password}"}`, want: statuses{204, 204, 409, 401}}, // the last admin stays
	"changePassword": {right: "voyager", body: `{"current_password":"{password}","password":"another horse"}`, want: statuses{204, 204, 204, 401}},
	"exportMe":       {right: "voyager", want: ofUser},

	"sessions":         {right: "voyager", want: ofUser},
	"endSession":       {right: "voyager", id: "{session}", want: statuses{204, 404, 404, 401}},
	"endOtherSessions": {right: "voyager", want: statuses{204, 204, 204, 401}},

	"myProfile":   {right: "voyager", want: ofUser},
	"saveProfile": {right: "voyager", body: `{"first_name":"Vera","interest_ids":["{interest}"]}`, want: ofUser},
	"policy":      {want: public},
	"interests":   {want: public},
	"places":      {right: "voyager", want: ofUser},
	"profile":     {right: "voyager", id: "{local}", want: ofUser},
	"matches":     {right: "voyager", want: ofUser},

	"openConversation": {right: "voyager", body: `{"local_id":"{local}"}`, want: statuses{200, 201, 201, 401}},
	"conversations":    {right: "voyager", want: ofUser},
	"conversation":     {right: "voyager", id: "{conversation}", want: ofMembers},
	"send":             {right: "voyager", id: "{conversation}", body: `{"content":"Hello"}`, want: createMember},
	"messages":         {right: "voyager", id: "{conversation}", want: ofMembers},
	"read":             {right: "voyager", id: "{conversation}", body: `{"up_to":"{message}"}`, want: ofMembers},
	"attachment":       {right: "voyager", id: "{message}", want: ofMembers},

	"propose": {
		right: "local", id: "{conversation}", want: createMember,
		body: `{"title":"Tea","price":"3","date":"2026-08-01T10:00:00Z","end_date":"2026-08-01T11:00:00Z"}`,
	},
	"conversationReservations": {right: "local", id: "{conversation}", want: ofMembers},
	"reservations":             {right: "local", want: ofUser},
	"reservation":              {right: "local", id: "{reservation}", want: ofMembers},
	"accept":                   {right: "local", id: "{reservation}", want: ofMembers},
	"decline":                  {right: "local", id: "{reservation}", want: ofMembers},
	"cancel":                   {right: "voyager", id: "{reservation}", want: ofMembers},

	"wallet":       {right: "voyager", want: ofUser},
	"transactions": {right: "voyager", want: ofUser},

	"report":  {right: "voyager", body: `{"reported_user_id":"{local}","reason":"rude"}`, want: statuses{201, 201, 201, 401}},
	"reports": {right: "stranger", want: ofUser},
	"blocks":  {right: "voyager", want: ofUser},
	"block":   {right: "voyager", id: "{local}", want: statuses{204, 204, 204, 401}},
	"unblock": {right: "voyager", id: "{local}", want: statuses{204, 204, 204, 401}},

	"adminUsers":        {right: "admin", want: ofAdmin},
	"adminUser":         {right: "admin", id: "{local}", want: ofAdmin},
	"changeUser":        {right: "admin", id: "{local}", body: `{"is_active":false,"reason":"rude"}`, want: ofAdmin},
	"postTokens":        {right: "admin", id: "{local}", body: `{"type":"BONUS","amount":5,"reason":"kind"}`, want: createAdmin},
	"userTransactions":  {right: "admin", id: "{local}", want: ofAdmin},
	"createInterest":    {right: "admin", body: `{"name":"Tango"}`, want: createAdmin},
	"adminInterests":    {right: "admin", want: ofAdmin},
	"changeInterest":    {right: "admin", id: "{interest}", body: `{"icon":"boot"}`, want: ofAdmin},
	"adminReservations": {right: "admin", want: ofAdmin},
	"endReservation":    {right: "admin", id: "{reservation}", body: `{"status":"cancelled","reason":"rain"}`, want: statuses{409, 403, 409, 401}}, // it is pending
	"adminReports":      {right: "admin", want: ofAdmin},
	"adminReport":       {right: "admin", id: "{report}", want: ofAdmin},
	"changeReport":      {right: "admin", id: "{report}", body: `{"status":"reviewed"}`, want: ofAdmin},
	"audit":             {right: "admin", want: ofAdmin},
	"verifyLedger":      {right: "admin", want: ofAdmin},

	"healthz": {want: public},
	"readyz":  {want: public},
	"openapi": {want: public},
}

// path returns the path of a route for a row.
func (tn *town) path(route kithttp.RouteInfo, r row) string {
	return tn.words.Replace(strings.NewReplacer("{id}", r.id, "{user_id}", r.id).Replace(route.Path))
}

// callers returns the callers for whom a row has statuses, in the same order.
func (r row) callers() []string {
	right := r.right
	if right == "" {
		right = "voyager"
	}
	return []string{right, "stranger", "admin", "nobody"}
}

// TestAccessOfEveryRoute sends the request of every row as each of its callers.
func TestAccessOfEveryRoute(t *testing.T) {
	routes := httpapi.New(newWorld(t).services, httpapi.Options{}).Server().Routes()
	for name := range routeTable {
		if !slices.ContainsFunc(routes, func(r kithttp.RouteInfo) bool { return r.Name == name }) {
			t.Errorf("the row %s has no route", name)
		}
	}
	for _, route := range routes {
		r, ok := routeTable[route.Name]
		if !ok {
			t.Errorf("the route %s %s (%s) has no row", route.Method, route.Path, route.Name)
			continue
		}
		for i, caller := range r.callers() {
			t.Run(route.Name+"/"+[]string{"right", "another", "admin", "nobody"}[i], func(t *testing.T) {
				tn := newTown(t)
				ask := func() {
					a := tn.ask(route.Method, tn.path(route, r), tn.people[caller].token, tn.words.Replace(r.body))
					a.want(t, r.want[i])
					switch {
					case a.status >= 400:
						a.refused(t, a.status, "")
					case a.status == 204 && a.body != "":
						t.Errorf("got 204 with a body: %q", a.body)
					}
					if challenge := a.header.Get("WWW-Authenticate"); (challenge == "Bearer") != (a.status == 401) {
						t.Errorf("got status %d with WWW-Authenticate %q", a.status, challenge)
					}
				}
				if r.want[i] < 300 && route.Method != "GET" {
					ask()
					return
				}
				tn.unchanged(ask)
			})
		}
	}
}

// TestAccessIsCheckedFirst checks that 401 and 403 come before any refusal of the request's
// content.
func TestAccessIsCheckedFirst(t *testing.T) {
	tn := newTown(t)
	for _, route := range tn.api.Server().Routes() {
		r := routeTable[route.Name]
		bad := []string{"Content-Type", "text/plain", "Idempotency-Key", "", "Content-Encoding", "gzip"}
		path := strings.NewReplacer("{id}", "nonsense", "{user_id}", "nonsense").Replace(route.Path) + "?no=such&limit=0"
		if r.want[3] == 401 {
			tn.ask(route.Method, path, "", "{", bad...).refused(t, 401, "not_signed_in")
			tn.ask(route.Method, path, "not-a-token", "{", bad...).refused(t, 401, "not_signed_in")
		}
		if r.want[1] == 403 {
			tn.ask(route.Method, path, tn.people["stranger"].token, "{", bad...).refused(t, 403, "admins_only")
		}
	}
}

func TestAuthorizationHeader(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	for _, c := range []struct {
		name, header string
		status       int
	}{
		{"valid", "Bearer " + ada.token, 200},
		{"scheme in other case", "bEARER " + ada.token, 200},
		{"no scheme", ada.token, 401},
		{"another scheme", "Basic " + ada.token, 401},
		{"no token", "Bearer ", 401},
		{"altered", "Bearer " + ada.token[:len(ada.token)-2] + "AA", 401},
		{"a refresh token", "Bearer " + ada.refresh, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.ask("GET", "/v1/me", "", "", "Authorization", c.header).want(t, c.status)
		})
	}
	t.Run("two headers", func(t *testing.T) {
		r := requestOf(t, "GET", "/v1/me", "")
		r.Header["Authorization"] = []string{"Bearer " + ada.token, "Bearer " + ada.token}
		w.send(r).refused(t, 401, "not_signed_in")
	})
}
