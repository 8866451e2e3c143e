package httpapi_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// row is a valid request to a route, and its expected statuses. Words in braces are replaced by
// values of a town.
type row struct {
	class edge.Class // by what the request costs
	id    string     // replaces {id} or {user_id} in the path
	body  string
	right string // the person of the town who may send the request; the voyager if it is ""
	want  statuses
}

// needsSignIn reports whether only signed-in users may send the request. Other requests with the
// status 401 have a token of another kind.
func (r row) needsSignIn() bool { return r.want[3] == 401 && r.want[0] != 401 }

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
	"signUp":         {class: edge.Hashing, body: `{"name":"Nina","email":"nina@example.org","password":"{password}"}`, want: statuses{201, 201, 201, 201}},
	"logIn":          {class: edge.Hashing, body: `{"email":"{email}","password":"{password}"}`, want: public},
	"refresh":        {class: edge.Cheap, body: `{"refresh_token":"{refresh}"}`, want: public},
	"logOut":         {class: edge.Cheap, body: `{"refresh_token":"{refresh}"}`, want: statuses{204, 204, 204, 204}},
	"forgotPassword": {class: edge.Cheap, body: `{"email":"{email}"}`, want: statuses{202, 202, 202, 202}},
	"resetPassword":  {class: edge.Hashing, body: `{"token":"{reset}","password":"another horse"}`, want: statuses{204, 204, 204, 204}},

	"me":             {class: edge.Cheap, right: "voyager", want: ofUser},
	"changeMe":       {class: edge.Cheap, right: "voyager", body: `{"bio":"I walk."}`, want: ofUser},
	"eraseMe":        {class: edge.Hashing, right: "voyager", body: `{"password":"{password}"}`, want: statuses{204, 204, 409, 401}}, // the last admin stays
	"changePassword": {class: edge.Hashing, right: "voyager", body: `{"current_password":"{password}","password":"another horse"}`, want: statuses{204, 204, 204, 401}},
	"exportMe":       {class: edge.Export, right: "voyager", want: ofUser},

	"sessions":         {class: edge.Cheap, right: "voyager", want: ofUser},
	"endSession":       {class: edge.Cheap, right: "voyager", id: "{session}", want: statuses{204, 404, 404, 401}},
	"endOtherSessions": {class: edge.Cheap, right: "voyager", want: statuses{204, 204, 204, 401}},

	"setUpSecondFactor":   {class: edge.Hashing, right: "voyager", body: `{"password":"{password}"}`, want: ofUser},
	"confirmSecondFactor": {class: edge.Cheap, right: "voyager", body: `{"code":"123456"}`, want: statuses{409, 409, 409, 401}},
	"removeSecondFactor":  {class: edge.Hashing, right: "voyager", body: `{"password":"{password}","code":"123456"}`, want: statuses{409, 409, 409, 401}},

	"notifications": {class: edge.Cheap, right: "voyager", want: ofUser},
	"saveNotifications": {class: edge.Cheap, right: "voyager", want: ofUser, body: `{"new_message":"none","reservation_proposed":"mail",` +
		`"reservation_accepted":"mail","reservation_declined":"none","reservation_cancelled":"mail","reservation_expired":"mail",` +
		`"reservation_reminder":"none","report_decided":"mail"}`},
	"unsubscribePage": {class: edge.Cheap, want: statuses{401, 401, 401, 401}}, // without a token
	"unsubscribe":     {class: edge.Cheap, want: statuses{401, 401, 401, 401}},

	"myProfile":   {class: edge.Cheap, right: "voyager", want: ofUser},
	"saveProfile": {class: edge.Cheap, right: "voyager", body: `{"first_name":"Vera","interest_ids":["{interest}"]}`, want: ofUser},
	"policy":      {class: edge.Cheap, want: public},
	"interests":   {class: edge.Cheap, want: public},
	"places":      {class: edge.Search, right: "voyager", want: ofUser},
	"profile":     {class: edge.Cheap, right: "voyager", id: "{local}", want: ofUser},
	"matches":     {class: edge.Search, right: "voyager", want: ofUser},

	"openConversation": {class: edge.Cheap, right: "voyager", body: `{"local_id":"{local}"}`, want: statuses{200, 201, 201, 401}},
	"conversations":    {class: edge.Cheap, right: "voyager", want: ofUser},
	"conversation":     {class: edge.Cheap, right: "voyager", id: "{conversation}", want: ofMembers},
	"send":             {class: edge.Images, right: "voyager", id: "{conversation}", body: `{"content":"Hello"}`, want: createMember},
	"messages":         {class: edge.Cheap, right: "voyager", id: "{conversation}", want: ofMembers},
	"read":             {class: edge.Cheap, right: "voyager", id: "{conversation}", body: `{"up_to":"{message}"}`, want: ofMembers},
	"attachment":       {class: edge.Images, right: "voyager", id: "{message}", want: ofMembers},

	"propose": {
		class: edge.Cheap, right: "local", id: "{conversation}", want: createMember,
		body: `{"title":"Tea","price":"3","date":"2026-08-01T10:00:00Z","end_date":"2026-08-01T11:00:00Z"}`,
	},
	"conversationReservations": {class: edge.Cheap, right: "local", id: "{conversation}", want: ofMembers},
	"reservations":             {class: edge.Cheap, right: "local", want: ofUser},
	"reservation":              {class: edge.Cheap, right: "local", id: "{reservation}", want: ofMembers},
	"accept":                   {class: edge.Cheap, right: "local", id: "{reservation}", want: ofMembers},
	"decline":                  {class: edge.Cheap, right: "local", id: "{reservation}", want: ofMembers},
	"cancel":                   {class: edge.Cheap, right: "voyager", id: "{reservation}", want: ofMembers},

	"wallet":       {class: edge.Cheap, right: "voyager", want: ofUser},
	"transactions": {class: edge.Cheap, right: "voyager", want: ofUser},

	"report":  {class: edge.Cheap, right: "voyager", body: `{"reported_user_id":"{local}","reason":"rude"}`, want: statuses{201, 201, 201, 401}},
	"reports": {class: edge.Cheap, right: "stranger", want: ofUser},
	"blocks":  {class: edge.Cheap, right: "voyager", want: ofUser},
	"block":   {class: edge.Cheap, right: "voyager", id: "{local}", want: statuses{204, 204, 204, 401}},
	"unblock": {class: edge.Cheap, right: "voyager", id: "{local}", want: statuses{204, 204, 204, 401}},

	"mySanctions":   {class: edge.Cheap, right: "voyager", want: ofUser},
	"appeal":        {class: edge.Cheap, right: "stranger", id: "{sanction}", body: `{"appeal":"Hello"}`, want: statuses{201, 201, 404, 401}},
	"impose":        {class: edge.Cheap, right: "admin", id: "{local}", body: `{"kind":"restricted","reason":"rude"}`, want: createAdmin},
	"userSanctions": {class: edge.Search, right: "admin", id: "{stranger}", want: ofAdmin},
	"decide":        {class: edge.Cheap, right: "admin", id: "{sanction}", body: `{"outcome":"lifted"}`, want: ofAdmin},

	"adminUsers":         {class: edge.Search, right: "admin", want: ofAdmin},
	"adminUser":          {class: edge.Cheap, right: "admin", id: "{local}", want: ofAdmin},
	"changeUser":         {class: edge.Cheap, right: "admin", id: "{local}", body: `{"is_active":false,"reason":"rude"}`, want: ofAdmin},
	"postTokens":         {class: edge.Cheap, right: "admin", id: "{local}", body: `{"type":"BONUS","amount":5,"reason":"kind"}`, want: createAdmin},
	"userTransactions":   {class: edge.Search, right: "admin", id: "{local}", want: ofAdmin},
	"createInterest":     {class: edge.Cheap, right: "admin", body: `{"name":"Tango"}`, want: createAdmin},
	"adminInterests":     {class: edge.Search, right: "admin", want: ofAdmin},
	"changeInterest":     {class: edge.Cheap, right: "admin", id: "{interest}", body: `{"icon":"boot"}`, want: ofAdmin},
	"adminReservations":  {class: edge.Search, right: "admin", want: ofAdmin},
	"endReservation":     {class: edge.Cheap, right: "admin", id: "{reservation}", body: `{"status":"cancelled","reason":"rain"}`, want: statuses{409, 403, 409, 401}}, // it is pending
	"adminReports":       {class: edge.Search, right: "admin", want: ofAdmin},
	"adminReport":        {class: edge.Search, right: "admin", id: "{report}", want: ofAdmin},
	"changeReport":       {class: edge.Cheap, right: "admin", id: "{report}", body: `{"status":"reviewed"}`, want: ofAdmin},
	"liveEvents":         {class: edge.Live, right: "voyager", want: ofUser},
	"asideEvents":        {class: edge.Search, right: "admin", want: ofAdmin},
	"retryEvent":         {class: edge.Cheap, right: "admin", want: statuses{202, 403, 202, 401}},
	"subscriptions":      {class: edge.Search, right: "admin", want: ofAdmin},
	"changeSubscription": {class: edge.Cheap, right: "admin", body: `{"state":"off"}`, want: ofAdmin},
	"createWebhook":      {class: edge.Cheap, right: "admin", body: `{"url":"https://example.org/new"}`, want: createAdmin},
	"webhooks":           {class: edge.Search, right: "admin", want: ofAdmin},
	"webhook":            {class: edge.Cheap, right: "admin", id: "{webhook}", want: ofAdmin},
	"changeWebhook":      {class: edge.Cheap, right: "admin", id: "{webhook}", body: `{"url":"https://example.org/other"}`, want: ofAdmin},
	"removeWebhook":      {class: edge.Cheap, right: "admin", id: "{webhook}", want: statuses{204, 403, 204, 401}},
	"rotateWebhook":      {class: edge.Cheap, right: "admin", id: "{webhook}", want: ofAdmin},
	"audit":              {class: edge.Search, right: "admin", want: ofAdmin},
	"verifyLedger":       {class: edge.Audit, right: "admin", want: ofAdmin},

	"healthz": {class: edge.Cheap, want: public},
	"readyz":  {class: edge.Cheap, want: public},
	"openapi": {class: edge.Cheap, want: public},
}

// path returns the path of a route for a row.
func (tn *town) path(route kithttp.RouteInfo, r row) string {
	return tn.words.Replace(strings.NewReplacer("{id}", r.id, "{user_id}", r.id).Replace(route.Path))
}

// inPath returns the path of a route with a value for each of its parameters.
func inPath(value string, route kithttp.RouteInfo) string {
	segments := strings.Split(route.Path, "/")
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = value
		}
	}
	return strings.Join(segments, "/")
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
				if r.want[i] < 300 && (route.Method != "GET" || route.Name == "liveEvents") { // who reads a stream is here
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
		path := inPath("nonsense", route) + "?no=such&limit=0"
		if r.needsSignIn() {
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
