package httpapi_test

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// FuzzTime checks that a time is read as RFC 3339 says, that one in the years 1 to 9999 comes back to
// the millisecond from JSON and from the form of stores, and that a list takes these in its query,
// and refuses all other texts with an error of the field.
func FuzzTime(f *testing.F) {
	for _, s := range []string{
		"2026-07-01T10:00:00Z", "2026-07-01t10:00:00.123456789+02:00", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59.9999-23:59",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.9999Z", "2026-02-29T00:00:00Z", "2024-02-29T24:00:00Z",
		"2026-06-30T23:59:60Z", "2026-07-01T10:00:00,5Z", "2026-07-01T1:00:00Z", "2026-07-01T10:00:00+24:00", "2026-07-01T10:00:00-00:00",
		"2026-07-01 10:00:00Z", "2026-07-01T10:00:00", "2026-07-01T10:00:00ſ", "0001-01-01T00:00:00Z", "",
	} {
		f.Add(s)
	}
	tn := newTown(f)
	token := tn.people["voyager"].token
	f.Fuzz(func(t *testing.T, s string) {
		defer tn.during(t)()
		var got httpapi.Time
		status, code := 422, "invalid_input"
		if !utf8.ValidString(s) {
			status, code = 400, "malformed"
		}
		if err := got.UnmarshalText([]byte(s)); err == nil {
			parsed, wrong := time.Parse(time.RFC3339, strings.ToUpper(s))
			if wrong != nil || !time.Time(got).Equal(parsed) {
				t.Errorf("%q was read as %v; package time reads %v, %v", s, got, parsed, wrong)
			}
			if b, _ := got.AppendText([]byte{'"'}); string(b) != `"`+got.String() {
				t.Errorf("%v was appended as %s", got, b)
			}
			if year := parsed.UTC().Year(); year >= 1 && year <= 9999 {
				status = 200
			}
		} else if !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
		if status == 200 {
			want := clock.Truncate(time.Time(got))
			var again httpapi.Time
			if err := again.UnmarshalText([]byte(got.String())); err != nil || !time.Time(again).Equal(want) || again.String() != got.String() {
				t.Errorf("%q was read as %v, and that as %v, %v", s, got, again, err)
			}
			if stored := time.UnixMilli(want.UnixMilli()).UTC(); !stored.Equal(want) {
				t.Errorf("%q comes back from a store as %v, want %v", s, stored, want)
			}
		}
		for _, field := range []string{"from", "to"} {
			a := tn.ask("GET", "/v1/reservations?"+field+"="+url.QueryEscape(s), token, "").want(t, status)
			if status != 200 {
				a.refused(t, status, code, field)
			}
		}
	})
}

// openSQLite opens an empty store. It is nil in a binary that make fuzz has built.
var openSQLite func(f *testing.F) ports.Storage

// FuzzSearch stores a text as the name of a user and of an interest and as the place of a profile,
// and searches for another. A store has to find it if its searched form has the other's, so that no
// character has a meaning of its own, such as that of a wildcard. All known inputs are also tried on
// SQLite, which has to answer as the store in memory does. While new ones are sought, it is left out:
// instrumented, it is many times as slow, and make fuzz does not even compile it.
func FuzzSearch(f *testing.F) {
	for _, pair := range [][2]string{
		{"São Paulo", "SAO PAULO"}, {"100%", "%"}, {"abc", "a%c"}, {"abc", "a_c"}, {"a_c", "_"}, {`a\c`, `\`}, {"a'c", "'"}, {"a.c", "a?c"},
		{"İstanbul", "istanbul"}, {"Gießen", "SS"}, {"[a]", "["}, {"a*c", "*"}, {"$where", "$"}, {"abc", ""}, {"abc", "\u0301"}, {"a\x00b", "a"},
		{"\xff", "\xff"}, {"Αθήνα", "αθηνα"}, {"ﬁn", "i"}, {strings.Repeat("e\u0301", 100), "e"},
	} {
		f.Add(pair[0], pair[1])
	}
	stores := []searched{search(newWorld(f))}
	if openSQLite != nil && flag.Lookup("test.fuzz").Value.String() == "" {
		stores = append(stores, search(newWorldIn(f, openSQLite(f))))
	}
	f.Fuzz(func(t *testing.T, planted, query string) {
		var answers []string
		for _, s := range stores {
			answers = append(answers, s.find(t, planted, query))
		}
		if answers[0] != answers[len(answers)-1] {
			t.Errorf("%+q in %+q: the store in memory answers %s, and SQLite %s", query, planted, answers[0], answers[len(answers)-1])
		}
	})
}

// during makes w fail the test of one input, until the function that it returns is called.
func (w *world) during(t *testing.T) (end func()) {
	before := w.t
	w.t = t
	return func() { w.t = before }
}

// searched is a world with a user, an interest and a profile for FuzzSearch.
type searched struct {
	*world
	admin, local person
	interest     string // its path
}

func search(w *world) searched {
	s := searched{world: w, admin: w.admin("Ann"), local: w.person("Luis")}
	i := must[httpapi.Interest](w.t)(s.admin.CreateInterest(w.ctx, httpapi.InterestInput{Name: "Hiking"}, ""))
	s.interest = "/v1/admin/interests/" + i.ID.String()
	return s
}

// find plants a text and searches for another. It fails the test if what is found is wrong, and
// returns the statuses of all answers and what was found.
func (s searched) find(t *testing.T, planted, query string) (answers string) {
	t.Helper()
	defer s.during(t)()
	quoted := jsonOf(planted)
	profile := s.ask("PUT", "/v1/me/profile", s.local.token, `{"country":`+quoted+`,"city":`+quoted+`,"is_searchable":true}`)
	interest := s.ask("PATCH", s.interest, s.admin.token, `{"name":`+quoted+`}`)
	user := s.ask("PATCH", "/v1/me", s.local.token, `{"name":`+quoted+`}`)
	form, part := text.SearchFold(planted).String(), text.SearchFold(query).String()
	for _, search := range []struct {
		stored answer
		path   string
		finds  bool
	}{
		{profile, "/v1/matches?city=", part == "" || form == part},
		{profile, "/v1/matches?country=", part == "" || form == part},
		{interest, "/v1/interests?q=", strings.Contains(form, part)},
		{user, "/v1/admin/users?role=user&q=", strings.Contains(form, part) || strings.Contains(s.local.email, part)},
	} {
		a := s.ask("GET", search.path+url.QueryEscape(query), s.admin.token, "")
		answers += fmt.Sprint(search.stored.status, " ", a.status)
		if a.status == 200 && search.stored.status == 200 {
			found := len(a.object(t)["items"].([]any))
			answers += fmt.Sprint(" ", found)
			if (found == 1) != search.finds {
				t.Errorf("%+q was searched in %+q by %s: %d were found", query, planted, search.path, found)
			}
		}
		if !slices.Contains([]int{200, 400, 422}, a.status) || !slices.Contains([]int{200, 400, 422}, search.stored.status) {
			t.Errorf("%+q in %+q: %s has the statuses %d and %d", query, planted, search.path, search.stored.status, a.status)
		}
		answers += "; "
	}
	return answers
}

// jsonOf returns a JSON string. It keeps invalid UTF-8 as it is.
func jsonOf(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '"' || s[i] == '\\' {
			fmt.Fprintf(&b, "\\u%04x", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	b.WriteByte('"')
	return b.String()
}
