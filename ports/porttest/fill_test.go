package porttest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

type (
	label string
	inner struct {
		Text  string
		Times []time.Time
	}
	// grown is matching.Profile with further fields of every kind.
	grown struct {
		matching.Profile
		Occupation label
		Height     int16
		Weight     float64
		Languages  []string
		Born       time.Time
		Verified   bool
		Employer   *inner
		Homes      []inner
		Notes      map[string]string
		Picture    []byte
		Digest     [32]byte
		hidden     string
	}
)

// TestFill tests that a field of any kind is filled without a change to the kit, and named if it
// comes back different.
func TestFill(t *testing.T) {
	fl := &filler{truth: true, hooks: map[reflect.Type]func() any{
		reflect.TypeFor[time.Time](): func() any { return noon.Add(time.Hour) },
	}}
	var wrote grown
	if err := fl.fill(reflect.ValueOf(&wrote).Elem()); err != nil {
		t.Fatal(err)
	}
	if wrote.hidden != "" {
		t.Error("a field that is not exported was filled")
	}
	for _, forget := range []struct {
		want   string
		forget func(v *grown)
	}{
		{"grown.Profile.City", func(v *grown) { v.City = "" }},
		{"grown.Profile.UserID", func(v *grown) { v.UserID[3]++ }},
		{"grown.Occupation", func(v *grown) { v.Occupation = "" }},
		{"grown.Height", func(v *grown) { v.Height = 0 }},
		{"grown.Weight", func(v *grown) { v.Weight = 0 }},
		{"grown.Languages", func(v *grown) { v.Languages = v.Languages[:1] }},
		{"grown.Languages[1]", func(v *grown) { v.Languages = []string{v.Languages[0], v.Languages[0]} }},
		{"grown.Born", func(v *grown) { v.Born = v.Born.In(time.FixedZone("", 3600)) }},
		{"grown.Verified", func(v *grown) { v.Verified = !v.Verified }},
		{"grown.Employer", func(v *grown) { v.Employer = nil }},
		{"grown.Employer.Text", func(v *grown) { v.Employer = &inner{Times: v.Employer.Times} }},
		{"grown.Homes[0].Times", func(v *grown) { v.Homes = []inner{{Text: v.Homes[0].Text}, v.Homes[1]} }},
		{"grown.Notes", func(v *grown) { v.Notes = map[string]string{} }},
		{"grown.Picture", func(v *grown) { v.Picture = v.Picture[1:] }},
		{"grown.Digest", func(v *grown) { v.Digest = [32]byte{} }},
	} {
		read := wrote
		forget.forget(&read)
		var found []string
		compare(reflect.ValueOf(wrote), reflect.ValueOf(read), "grown", func(field, _, _ string) {
			found = append(found, field)
		})
		if !slices.Equal(found, []string{forget.want}) {
			t.Errorf("%s was changed: the comparison named %q", forget.want, found)
		}
	}
	var odd struct{ Reader interface{ Read() } }
	if err := fl.fill(reflect.ValueOf(&odd).Elem()); err == nil || !strings.Contains(err.Error(), "Reader") {
		t.Errorf("filling a field of an unsupported kind returned %v", err)
	}
	empty, none := inner{Times: []time.Time{}}, inner{}
	compare(reflect.ValueOf(empty), reflect.ValueOf(none), "inner", func(field, _, _ string) {
		t.Errorf("%s differs", field)
	})
}

// TestFillDistinct tests that all fields get different values, so that the kit finds a store that
// mixes up two fields.
func TestFillDistinct(t *testing.T) {
	fl := &filler{}
	seen := map[string]string{}
	for range 50 {
		p := reflect.New(reflect.TypeFor[matching.Profile]()).Elem()
		if err := fl.fill(p); err != nil {
			t.Fatal(err)
		}
		for i := range p.NumField() {
			name, value := p.Type().Field(i).Name, fmt.Sprint(p.Field(i).Interface())
			if p.Field(i).Kind() == reflect.Bool {
				continue
			}
			if other, there := seen[value]; there || p.Field(i).IsZero() {
				t.Errorf("%s and %s are both %s", name, other, value)
			}
			seen[value] = name
		}
	}
}

// stored lists the types that the suite fields fills. views lists the other types of the
// repositories' arguments and results.
var (
	stored = []string{
		"users.User", "users.Session", "users.RefreshToken", "users.Reset", "users.Tries", "users.SecondFactor", "tokens.Wallet", "tokens.Entry",
		"tokens.Transaction", "events.Event", "events.Subscription", "events.SetAside",
		"idempotency.Record", "moderation.Report", "moderation.ReportedMessage", "moderation.Sanction", "moderation.Block", "moderation.AuditRecord", "matching.Interest",
		"matching.Profile",
		"messaging.Conversation", "messaging.Message", "messaging.Attachment", "reservations.Reservation",
		"notifications.Preference", "notifications.Notice", "webhooks.Endpoint",
	}
	views = []string{
		"events.Numbered", "events.Backlog", "events.Lease", "events.AsideFilter", "events.AsidePlace",
		"matching.Resident", "matching.Residence", "matching.Candidate",
		"users.PasswordHash", "users.Filter", "users.SessionFilter", "tokens.Receipt", "tokens.Chain", "tokens.Seal", "matching.Query", "matching.Match", "matching.Rank",
		"matching.NamePlace", "matching.Sight", "matching.Person", "matching.Correspondent", "text.Folded",
		"messaging.Standing", "messaging.Access", "messaging.Held", "messaging.Overview", "reservations.Agenda", "page.Moment", "time.Time",
	}
)

// TestStoredTypes tests that stored and views list every struct type of the repositories' arguments
// and results.
func TestStoredTypes(t *testing.T) {
	found := map[string]bool{}
	tx := reflect.TypeFor[ports.Tx]()
	for i := range tx.NumMethod() {
		repository := tx.Method(i).Type.Out(0)
		if repository.PkgPath() == reflect.TypeFor[ports.Tx]().PkgPath() {
			continue // Rows and Marks
		}
		for k := range repository.NumMethod() {
			method := repository.Method(k).Type
			for n := range method.NumIn() {
				found[structOf(method.In(n))] = true
			}
			for n := range method.NumOut() {
				found[structOf(method.Out(n))] = true
			}
		}
	}
	delete(found, "")
	for _, name := range slices.Concat(stored, views) {
		if !found[name] && name != reflect.TypeFor[tokens.Transaction]().String() {
			t.Errorf("no repository uses a %s", name)
		}
		delete(found, name)
	}
	for name := range found {
		t.Errorf("a repository uses a %s, which neither stored nor views lists", name)
	}
}

// structOf returns the name of a struct type, also of one behind pointers or slices, and "" for any
// other type.
func structOf(t reflect.Type) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return ""
	}
	return t.String()
}
