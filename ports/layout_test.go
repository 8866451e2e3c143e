package ports_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func TestALayoutMakesRowsAndReadsThem(t *testing.T) {
	full := matching.Profile{
		ID: id.Profile{1}, UserID: id.User{2}, FirstName: "Ada", LastName: "Lovelace", Age: 36, Biography: "Numbers.",
		Country: "ÖSTERREICH", City: "Graz", ImageURL: "https://example.org/a.png", IsSearchable: true,
	}
	empty := matching.Profile{ID: id.Profile{1}, UserID: id.User{2}}
	for _, p := range []matching.Profile{full, empty} {
		row := ports.ProfileLayout.Row(p)
		if err := ports.Profiles.Check(row); err != nil {
			t.Errorf("the row of %+v: %v", p, err)
		}
		if got, err := ports.ProfileLayout.Value(row); err != nil || got != p {
			t.Errorf("%+v came back as %+v, %v", p, got, err)
		}
	}
	if got := ports.Profiles.Derive(ports.ProfileLayout.Row(full)); !reflect.DeepEqual(got, []any{"osterreich", "graz"}) {
		t.Errorf("derived: %q", got)
	}
	if got := ports.Profiles.Derive(ports.ProfileLayout.Row(empty)); !reflect.DeepEqual(got, []any{"", ""}) {
		t.Errorf("derived, of no place: %q", got)
	}
	if got := ports.Users.Derive(ports.AccountLayout.Row(ports.Account{})); !reflect.DeepEqual(got, []any{"", nil, ""}) {
		t.Errorf("derived, of no address, of which any number of accounts has none: %q", got)
	}
}

func TestALayoutRefusesRowsThatAreNotItsOwn(t *testing.T) {
	token := ports.RefreshTokenLayout.Row(users.RefreshToken{CreatedAt: time.UnixMilli(0).UTC()})
	for what, row := range map[string]ports.Row{
		"a value less":    token[:4],
		"a short hash":    append(ports.Row{[]byte("short")}, token[1:]...),
		"another kind":    append(ports.Row{"text"}, token[1:]...),
		"no value at all": nil,
	} {
		if got, err := ports.RefreshTokenLayout.Value(row); err == nil {
			t.Errorf("%s: got %+v", what, got)
		}
	}
}

func TestTableRowKeepsValuesVerbatim(t *testing.T) {
	malformed := ports.TransactionLayout.Row(tokens.Transaction{Seq: 1, CreatedAt: time.UnixMilli(1).UTC()})
	malformed[slices.Index(ports.TokenTransactions.Names(), "metadata")] = `{"a": 1.0}`
	price := ports.ReservationLayout.Row(reservations.Reservation{Title: "A walk"})
	price[slices.Index(ports.Reservations.Names(), "price")] = "12.505"
	for _, tt := range []struct {
		table *ports.Table
		row   ports.Row
	}{
		{ports.Profiles, ports.ProfileLayout.Row(matching.Profile{UserID: id.User{2}, Age: 36, City: "Graz", IsSearchable: true})},
		{ports.Profiles, ports.ProfileLayout.Row(matching.Profile{})},
		{ports.TokenTransactions, malformed},
		{ports.Reservations, price},
		{ports.IdempotencyRecords, ports.RecordLayout.Row(idempotency.Record{Key: "k", Answer: []byte("yes")})},
		{ports.IdempotencyRecords, ports.RecordLayout.Row(idempotency.Record{})},
	} {
		if got := tt.table.Row(ports.Reading(tt.row)); !reflect.DeepEqual(got, tt.row) {
			t.Errorf("%s: %#v is read as %#v", tt.table.Name, tt.row, got)
		}
	}
}

// person is a row of a table that no store has.
type person struct{ Languages []string }

func TestListsOfTexts(t *testing.T) {
	table, people := ports.Described("people", func(p *person, f ports.Fields) { f.Texts("languages", &p.Languages) })
	for _, p := range []person{{nil}, {[]string{"français", "", `"<\`}}} {
		row := people.Row(p)
		if err := table.Check(row); err != nil {
			t.Errorf("%q: %v", p.Languages, err)
		}
		got, err := people.Value(row)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%q came back as %q, %v", p.Languages, got.Languages, err)
		}
		if read := table.Row(ports.Reading(row)); !reflect.DeepEqual(read, row) {
			t.Errorf("%#v is read as %#v", row, read)
		}
		if len(p.Languages) > 0 {
			got.Languages[0] = "changed"
			if list, _ := row[0].([]string); list[0] == "changed" || p.Languages[0] == "changed" {
				t.Error("the row shares its list with a value")
			}
		}
	}
	for what, value := range map[string]any{
		"nothing": nil, "a text": "en", "a NUL": []string{"a\x00"}, "broken UTF-8": []string{"ok", "\xff"},
	} {
		if err := table.Check(ports.Row{value}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}
