package postgrestest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/wiring"
)

// TestScale asks a large store for every list of the API, with every combination of its filters,
// and the server how it answered: by an index, never by reading a large table from end to end.
func TestScale(t *testing.T) {
	dsn := servers.Postgres(t)
	o, m := fresh(t, dsn), newMetropolis(t)
	begin := time.Now()
	m.load(t, dsn, o)
	t.Logf("loaded in %v", time.Since(begin).Round(time.Millisecond))

	s := newScale(t, m, dsn, o)
	s.askForEverything()
	s.useAll(dsn)
	s.everyListWasAskedFor()
	s.aScanIsFoundOut(o.Schema)
	s.everyRenewalIsOnPurpose()
	s.report()
}

// aLot of rows: where there are fewer, a server does well to read a table from end to end.
const aLot = 1_000

// scale is one run of TestScale.
type scale struct {
	*testing.T
	town      *metropolis
	options   postgres.Options
	app       *wiring.App
	recorder  *recorder
	planner   *planner
	large     map[string]bool // the tables that have a lot of rows
	asked     map[string]bool // the lists, and each with what it was asked for
	explained map[string]bool // the questions, by kind of plan
	renewed   map[string]bool // the queries for which PostgreSQL makes a new plan at each execution, by their text
	answers   []answer
	scans     int
}

// answer is how the server answered a statement.
type answer struct {
	plan
	what, kind string
}

func newScale(t *testing.T, m *metropolis, dsn string, o postgres.Options) *scale {
	t.Helper()
	s := &scale{
		T: t, town: m, options: o, recorder: &recorder{}, planner: newPlanner(t, dsn),
		asked: map[string]bool{}, explained: map[string]bool{}, renewed: map[string]bool{},
	}
	s.large = s.planner.tables(t, o.Schema)
	for _, table := range strings.Fields(`users sessions refresh_tokens wallets token_transactions profiles profile_interests
		correspondents conversations messages reservations reports reported_messages sanctions blocks audit_records
		events set_aside_events`) {
		if !s.large[table] {
			t.Errorf("%s has no more than %d rows", table, aLot)
		}
	}

	pool := hostPool(t, dsn, o, func(c *pgxpool.Config) { c.ConnConfig.Tracer = s.recorder })
	t.Cleanup(pool.Close)
	store, err := postgres.New(t.Context(), pool, o)
	must(t, err)
	c := wired.Config()
	c.Limits = edge.Limits{}
	c.Clock = clock.Clock(func() time.Time { return begun.Add(2*year + 48*time.Hour) }) // some reservations are due by then
	s.app, err = wiring.New(t.Context(), c, store)
	must(t, err)
	t.Cleanup(func() { must(t, s.app.Close(context.Background())) })
	return s
}

func (s *scale) askForEverything() {
	for range 20 { // more sessions than a page has
		s.signIn(silent)
	}
	boss, hub, silent := s.signIn(boss), s.signIn(hub), s.signIn(silent)
	s.recorder.take()
	interest := func(n int) string { return "interest_id=" + idOf(s.town.interestRows[n]) }
	for _, place := range []string{"", "country=COUNTRY+3", "city=city+13", "country=country+3&city=City+13"} {
		for _, age := range []string{"", "min_age=25", "max_age=45", "min_age=30&max_age=33", "min_age=98"} {
			for _, had := range []string{"", interest(0), interest(150), interest(3) + "&" + interest(60) + "&" + interest(190)} {
				s.list(hub, "/v1/matches", place, age, had)
			}
		}
		s.list(silent, "/v1/matches", place)
	}
	s.list(hub, "/v1/interests")
	s.list(hub, "/v1/interests", "q=a")
	s.list(hub, "/v1/places")
	s.list(boss, "/v1/admin/interests")

	s.list(hub, "/v1/conversations")
	s.pagesOfConversations()
	talk := "id=" + idOf(s.town.talkRows[0])
	s.list(hub, "/v1/conversations/{id}/messages", talk)
	s.list(hub, "/v1/conversations/{id}/reservations", talk)
	for _, status := range []string{
		"", "status=pending", "status=accepted", "status=declined", "status=cancelled", "status=completed", "status=expired",
	} {
		for _, role := range []string{"", "role=voyager", "role=local"} {
			s.list(hub, "/v1/reservations", status, role)
			s.list(hub, "/v1/reservations", status, role, "from=2026-01-01T00:00:00Z", "to=2026-02-01T00:00:00Z")
		}
		s.list(boss, "/v1/admin/reservations", status)
		s.list(boss, "/v1/admin/reservations", status, "user_id="+idOf(s.town.userRows[0]))
	}
	s.list(hub, "/v1/wallet/transactions")
	s.list(boss, "/v1/admin/users/{id}/transactions", "id="+idOf(s.town.userRows[0]))

	s.list(hub, "/v1/blocks")
	s.list(silent, "/v1/me/sessions")
	s.list(silent, "/v1/me/sanctions")
	s.list(boss, "/v1/admin/users/{id}/sanctions", "id="+s.town.silentID())
	s.list(hub, "/v1/reports")
	for _, status := range []string{"", "status=pending", "status=reviewed", "status=resolved", "status=dismissed"} {
		s.list(boss, "/v1/admin/reports", status)
	}
	s.list(boss, "/v1/admin/audit")
	for _, of := range []string{"", "subscriber=" + subscriber} {
		for _, state := range []string{"", "state=waiting", "state=retry"} {
			s.list(boss, "/v1/admin/events", of, state)
		}
	}
	s.list(boss, "/v1/admin/subscriptions")
	s.list(boss, "/v1/admin/subscriptions", "limit=1")
	s.list(boss, "/v1/admin/webhooks", "limit=1")
	for _, q := range []string{"", "q=nov%C3%A1kov%C3%A1", "q=JO%C3%83O", "q=17%40example", "q=a", "q=nobody+at+all"} {
		for _, role := range []string{"", "role=admin", "role=user"} {
			for _, active := range []string{"", "is_active=true", "is_active=false"} {
				s.list(boss, "/v1/admin/users", q, role, active)
			}
		}
	}

	for _, path := range []string{
		"/v1/me", "/v1/me/export", "/v1/me/profile", "/v1/wallet", "/v1/profiles/" + idOf(s.town.userRows[notable+5]),
		"/v1/conversations/" + idOf(s.town.talkRows[0]),
	} {
		s.get(hub, path)
		s.explain(path)
	}
	path := "/v1/admin/reports/" + idOf(s.town.reportRows[0])
	s.get(boss, path)
	s.explain(path)
	_, err := s.app.Reservations.Settle(s.Context())
	must(s, err)
	s.explain("settling")
	busy, err := ports.ConversationLayout.Value(s.town.talkRows[0])
	must(s, err)
	m, err := s.app.Messaging.Send(s.Context(), busy.VoyagerID, busy.ID, messaging.Draft{Content: "hello"}, "a-key")
	must(s, err)
	s.explain("sending") // nothing is done any more, because the key is used
	_, err = s.app.Messaging.Read(s.Context(), busy.LocalID, busy.ID, m.ID, "a-key")
	must(s, err)
	s.explain("marking as read") // the same
	begins := begun.Add(2*year + 72*time.Hour)
	walk := reservations.Proposal{Title: "A walk", Date: begins, EndDate: begins.Add(time.Hour)}
	_, err = s.app.Reservations.Propose(s.Context(), busy.VoyagerID, busy.ID, walk, "another-key")
	if !errors.Is(err, reservations.ErrTooManyPending) {
		must(s, err)
	}
	s.explain("proposing") // the same
	s.askAsTheRelay()
	s.askAsAnIndex()
}

// signIn gives what a person shows at each request.
func (s *scale) signIn(person int) (token string) {
	s.Helper()
	email := s.town.userRows[person][2].(string) //nolint:forcetypeassert // users made it
	in, err := s.app.Users.SignIn(s.Context(), users.SignIn{Email: email, Password: password})
	must(s, err)
	return in.AccessToken
}

// get asks for a page, and returns what it holds.
func (s *scale) get(token, path string) (body []byte) {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), http.MethodGet, path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.app.Handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	must(s, err)
	if w.Code != http.StatusOK {
		s.Fatalf("%s: %d %s", path, w.Code, body)
	}
	return body
}

// list asks for the first two pages of a list. Of the values, which are parts of a query, some may
// be empty; those that the path names go there.
func (s *scale) list(token, path string, values ...string) {
	s.Helper()
	query, err := url.ParseQuery(strings.Join(values, "&"))
	must(s, err)
	s.asked[path] = true
	filled := path
	for name := range query {
		s.asked[path+"?"+name] = true
		if place := "{" + name + "}"; strings.Contains(path, place) {
			filled = strings.ReplaceAll(filled, place, query.Get(name))
			query.Del(name)
		}
	}
	what := path + "?" + query.Encode()
	for range 2 {
		var got struct {
			NextCursor string `json:"next_cursor"`
		}
		must(s, json.Unmarshal(s.get(token, filled+"?"+query.Encode()), &got))
		s.explain(what)
		if got.NextCursor == "" {
			return
		}
		query.Set("cursor", got.NextCursor)
		s.asked[path+"?cursor"] = true
		what += " (page 2)"
	}
}

// everyListWasAskedFor compares what was asked with what the API says of itself.
func (s *scale) everyListWasAskedFor() {
	s.Helper()
	var api struct {
		Paths map[string]struct {
			Get struct {
				Parameters []struct{ Name string }
			}
		}
	}
	must(s, json.Unmarshal(s.get("", "/openapi.json"), &api))
	lists := 0
	for path, item := range api.Paths {
		var names []string
		for _, p := range item.Get.Parameters {
			names = append(names, p.Name)
		}
		if !slices.Contains(names, "limit") {
			continue
		}
		lists++
		for _, name := range names {
			if name != "limit" && !s.asked[path+"?"+name] {
				s.Errorf("%s was never asked for with %s", path, name)
			}
		}
	}
	if lists < 10 {
		s.Errorf("the API says that it has %d lists", lists)
	}
}

// explain has the server answer once more what was asked since the last time, and looks how.
func (s *scale) explain(what string) {
	s.Helper()
	questions := s.recorder.take()
	if len(questions) == 0 {
		s.Errorf("%s: the store was asked nothing", what)
	}
	s.plansAreKept(what, questions)
	times := map[string]int{}
	for _, q := range questions {
		if times[q.sql]++; q.writes || times[q.sql] > 2 {
			continue // asked for each of many, and of each alike
		}
		for kind, same := range map[string]string{custom: q.sql + fmt.Sprint(q.args...), generic: q.sql} {
			if s.explained[kind+same] {
				continue
			}
			s.explained[kind+same] = true
			p, err := s.planner.explain(s.Context(), kind, q)
			if err != nil {
				s.Fatalf("%s: explain %s: %v", what, q.sql, err)
			}
			for _, table := range s.scanned(p) {
				s.Errorf("%s: the %s plan reads %s from end to end:%s", what, kind, table, q.sql)
			}
			s.answers = append(s.answers, answer{what: what, kind: kind, plan: p})
		}
	}
}

// pagesOfConversations checks that a page of conversations reads no more of them than two pages
// have, one of those that the hub opened and one of the others, however many the hub has. No two are
// active in one minute.
func (s *scale) pagesOfConversations() {
	s.Helper()
	// A page reads up to three more conversations: the next one, to report whether there is a next
	// page; one of an earlier minute, to know that the minute is complete; and the last one of the
	// page before.
	const most = 2 * (page.DefaultLimit + 3)
	hubs, hub := 0, s.town.userID(hub)
	for _, talk := range s.town.talkRows {
		if talk[1] == hub || talk[2] == hub {
			hubs++
		}
	}
	if hubs < 5*most {
		s.Errorf("the hub has %d conversations, and so few that the test shows nothing", hubs)
	}
	pages := 0
	for _, a := range s.answers {
		if !strings.HasPrefix(a.what, "/v1/conversations?") {
			continue
		}
		rows := 0.0
		for n := range a.Root.all() {
			if n.Table == "conversations" {
				rows += (n.Rows + n.Dropped + n.Rechecks) * n.Loops
			}
		}
		if rows > 0 {
			pages++
		}
		if rows > most {
			s.Errorf("the %s plan of %s reads %.0f of %d conversations, want at most %d", a.kind, a.what, rows, hubs, most)
		}
	}
	if pages < 3 { // two pages with plans of their own, and a plan for any
		s.Errorf("%d plans read conversations", pages)
	}
}

// scanned are the large tables that a plan reads from end to end.
func (s *scale) scanned(p plan) (tables []string) {
	for n := range p.Root.all() {
		if n.Kind == "Seq Scan" && s.large[n.Table] {
			tables = append(tables, n.Table)
		}
	}
	return tables
}

// aScanIsFoundOut makes sure that the test can fail.
func (s *scale) aScanIsFoundOut(schema string) {
	s.Helper()
	users, messages := pgx.Identifier{schema, "users"}.Sanitize(), pgx.Identifier{schema, "messages"}.Sanitize()
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{"SELECT * FROM " + users + " WHERE role = $1 AND email_folded = 'ada' AND NOT twin", nil},
		{"SELECT * FROM " + users + " WHERE bio = $1", []string{"users"}},
		{"SELECT * FROM " + users + " WHERE id IN (SELECT max(id::text)::uuid FROM " + messages + " WHERE content > $1)", []string{"messages"}},
	} {
		for _, kind := range []string{custom, generic} {
			p, err := s.planner.explain(s.Context(), kind, sent{sql: c.sql, args: []any{"x"}})
			must(s, err)
			if got := s.scanned(p); !slices.Equal(got, c.want) {
				s.Errorf("%s: the %s plan reads %v from end to end, want %v", c.sql, kind, got, c.want)
			}
		}
	}
}

// report says how the slowest question about each list was answered.
func (s *scale) report() {
	s.Helper()
	slices.SortFunc(s.answers, func(a, b answer) int { return cmp.Compare(b.Millis, a.Millis) })
	told := map[string]bool{}
	var table strings.Builder
	for _, a := range s.answers {
		if list, _, _ := strings.Cut(a.what, "?"); !told[list] {
			told[list] = true
			fmt.Fprintf(&table, "\n%8.1f ms %8d blocks %8.0f rows in vain  %-7s  %s, mostly by %s",
				a.Millis, a.Root.Hit+a.Root.Read, a.Root.inVain(), a.kind, a.what, a.Root.widest())
		}
	}
	s.Log("the slowest:", table.String())
	s.Attr("counts", fmt.Sprintf("%d people, %d messages: %d lists and filters, %d plans; %d read a large table from end to end",
		s.town.people, s.town.messages, len(s.asked), len(s.answers), s.scans))
}
