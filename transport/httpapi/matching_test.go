package httpapi_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestProfileNeverSaved(t *testing.T) {
	w := newWorld(t)
	ada := w.person("Ada")
	o := w.ask("GET", "/v1/me/profile", ada.token, "").want(t, 200).object(t)
	given := map[string]any{"user_id": ada.id.String(), "is_searchable": false, "interests": []any{}}
	for name, value := range o {
		if want := given[name]; !reflect.DeepEqual(value, want) {
			t.Errorf("got %s %v, want %v", name, value, want)
		}
	}
	for _, name := range []string{"id", "user_id", "last_name", "age", "is_searchable", "interests"} {
		if _, there := o[name]; !there {
			t.Errorf("got no %s", name)
		}
	}
}

// TestSaveProfile checks that a PUT replaces the whole profile: a field that is absent, null or
// empty is cleared.
func TestSaveProfile(t *testing.T) {
	tn := newTown(t)
	voyager := tn.people["voyager"]
	full := tn.words.Replace(`{"first_name":"Vera","last_name":"V","age":30,"biography":"b","country":"Spain","city":"Cádiz",` +
		`"image_url":"https://example.org/v.png","is_searchable":true,"interest_ids":["{interest}"]}`)
	saved := tn.ask("PUT", "/v1/me/profile", voyager.token, full).want(t, 200).object(t)
	if saved["city"] != "Cádiz" || fmt.Sprint(saved["age"]) != "30" || len(saved["interests"].([]any)) != 1 || saved["id"] == nil {
		t.Errorf("got %v", saved)
	}
	for _, empty := range []string{`{}`, `{"first_name":null,"age":null,"interest_ids":null,"image_url":""}`, `{"is_searchable":false,"interest_ids":[]}`} {
		tn.ask("PUT", "/v1/me/profile", voyager.token, full).want(t, 200)
		o := tn.ask("PUT", "/v1/me/profile", voyager.token, empty).want(t, 200).object(t)
		for name, value := range o {
			switch name {
			case "id", "user_id":
				if value != saved[name] {
					t.Errorf("after %s: got %s %v, want %v", empty, name, value, saved[name])
				}
			case "is_searchable", "interests":
				if fmt.Sprint(value) != map[string]string{"is_searchable": "false", "interests": "[]"}[name] {
					t.Errorf("after %s: got %s %v", empty, name, value)
				}
			default:
				if value != nil {
					t.Errorf("after %s: got %s %v, want null", empty, name, value)
				}
			}
		}
	}
	tn.unchanged(func() {
		for body, field := range map[string]string{
			`{"age":17}`: "age", `{"age":121}`: "age", `{"age":0}`: "age", `{"age":30.5}`: "age", `{"age":1e2}`: "age", `{"age":99999999999999999999}`: "age",
			`{"is_searchable":null}`: "is_searchable", `{"image_url":"ftp://example.org"}`: "image_url",
			`{"interest_ids":["` + voyager.id.String() + `"]}`: "interest_ids", `{"interest_ids":["x"]}`: "interest_ids.0",
			`{"city":"` + strings.Repeat("c", 101) + `"}`: "city",
		} {
			tn.ask("PUT", "/v1/me/profile", voyager.token, body).refused(t, 422, "invalid_input", field)
		}
		for body, field := range map[string]string{
			`{"age":"30"}`: "age", `{"is_searchable":"true"}`: "is_searchable", `{"first_name":1}`: "first_name",
			`{"interest_ids":"x"}`: "interest_ids", `{"user_id":"x"}`: "user_id",
		} {
			tn.ask("PUT", "/v1/me/profile", voyager.token, body).refused(t, 400, "malformed", field)
		}
	})
}

func TestPublicProfile(t *testing.T) {
	tn := newTown(t)
	a := tn.ask("GET", tn.words.Replace("/v1/profiles/{local}"), tn.people["stranger"].token, "").want(t, 200)
	o := a.object(t)
	if _, there := o["last_name"]; there || strings.Contains(a.body, "Last") {
		t.Errorf("the last name is shown: %s", a.body)
	}
	if o["first_name"] != "First" || len(o["interests"].([]any)) != 1 {
		t.Errorf("got %s", a.body)
	}
	if err := tn.people["local"].Block(tn.ctx, tn.people["stranger"].id); err != nil {
		t.Fatal(err)
	}
	tn.ask("GET", tn.words.Replace("/v1/profiles/{local}"), tn.people["stranger"].token, "").refused(t, 404, "profile_not_found")
}

func TestMatches(t *testing.T) {
	tn := newTown(t)
	voyager, stranger := tn.people["voyager"], tn.people["stranger"]
	hiking := must[httpapi.Page[httpapi.Interest]](t)(tn.client.Interests(tn.ctx, "", httpapi.Paging{})).Items[0].ID
	tn.searchable(voyager, hiking)
	if _, err := stranger.SaveProfile(tn.ctx, httpapi.ProfileInput{Age: new(40), City: new("Évora"), Country: new("Portugal"), IsSearchable: true}); err != nil {
		t.Fatal(err)
	}
	find := func(s httpapi.Search) string {
		t.Helper()
		p := must[httpapi.Page[httpapi.Match]](t)(voyager.Matches(tn.ctx, s, httpapi.Paging{}))
		var found []string
		for _, m := range p.Items {
			name := map[id.User]string{tn.people["local"].id: "local", stranger.id: "stranger"}[m.Profile.UserID]
			found = append(found, fmt.Sprintf("%s %d/%d", name, m.Score, len(m.SharedInterests)))
			if m.Profile.Interests != nil {
				t.Errorf("the match %v lists all interests", m)
			}
		}
		return strings.Join(found, ", ")
	}
	for _, c := range []struct {
		search httpapi.Search
		want   string
	}{
		{httpapi.Search{}, "local 1/1, stranger 0/0"},
		{httpapi.Search{City: "LISBON"}, "local 1/1"},
		{httpapi.Search{City: "E\u0301VORA"}, "stranger 0/0"},
		{httpapi.Search{Country: "portugal"}, "stranger 0/0"},
		{httpapi.Search{InterestIDs: []id.Interest{hiking, id.Interest(voyager.id)}}, "local 1/1"},
		{httpapi.Search{MinAge: new(18), MaxAge: new(40)}, "stranger 0/0"},
		{httpapi.Search{MinAge: new(41)}, ""},
	} {
		if got := find(c.search); got != c.want {
			t.Errorf("search %+v: got %q, want %q", c.search, got, c.want)
		}
	}
	a := tn.ask("GET", "/v1/matches?city=lisbon", voyager.token, "").want(t, 200)
	if strings.Contains(a.body, "last_name") || !strings.Contains(a.body, `"score":1`) {
		t.Errorf("got %s", a.body)
	}
	for query, field := range map[string]string{
		"min_age=17": "min_age", "min_age=0": "min_age", "max_age=121": "max_age", "min_age=abc": "min_age", "min_age=": "min_age",
		"min_age=40&max_age=30": "max_age", "interest_id=x": "interest_id", "city=%00": "city",
	} {
		tn.ask("GET", "/v1/matches?"+query, voyager.token, "").refused(t, 422, "invalid_input", field)
	}
	tn.ask("GET", "/v1/matches?city=a&city=b", voyager.token, "").refused(t, 400, "malformed", "city")
}

// TestInactiveInterests checks that an inactive interest is not listed and cannot be picked, but
// stays in the profiles for when it becomes active again.
func TestInactiveInterests(t *testing.T) {
	tn := newTown(t)
	local, admin := tn.people["local"], tn.people["admin"]
	hiking := must[httpapi.Page[httpapi.Interest]](t)(tn.client.Interests(tn.ctx, "", httpapi.Paging{})).Items[0].ID
	set := func(active bool) {
		must[httpapi.Interest](t)(admin.ChangeInterest(tn.ctx, hiking, httpapi.InterestChange{IsActive: kithttp.Some(active)}))
	}
	set(false)
	if a := tn.ask("GET", "/v1/interests", "", "").want(t, 200); a.body != `{"items":[]}` {
		t.Errorf("got %s", a.body)
	}
	if p := must[httpapi.Profile](t)(local.MyProfile(tn.ctx)); len(p.Interests) != 0 {
		t.Errorf("got %v in the profile", p.Interests)
	}
	tn.ask("PUT", "/v1/me/profile", local.token, `{"interest_ids":["`+hiking.String()+`"]}`).refused(t, 422, "invalid_input", "interest_ids")
	if p := must[httpapi.Page[httpapi.Interest]](t)(admin.AllInterests(tn.ctx, httpapi.Paging{})); len(p.Items) != 1 || p.Items[0].IsActive {
		t.Errorf("got %v for the admin", p.Items)
	}
	set(true)
	if p := must[httpapi.Profile](t)(local.MyProfile(tn.ctx)); len(p.Interests) != 1 {
		t.Errorf("got %v in the profile, want the interest again", p.Interests)
	}
}

func TestInterestsByAPartOfTheName(t *testing.T) {
	tn := newTown(t)
	must[httpapi.Interest](t)(tn.people["admin"].CreateInterest(tn.ctx, httpapi.InterestInput{Name: "100% Café"}, ""))
	for q, want := range map[string]int{"": 2, "cafe": 1, "%": 1, "%25": 0, "HIK": 1, "x": 0} {
		if p := must[httpapi.Page[httpapi.Interest]](t)(tn.client.Interests(tn.ctx, q, httpapi.Paging{})); len(p.Items) != want {
			t.Errorf("%q: got %v, want %d", q, p.Items, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	tn := newTown(t)
	tn.searchable(tn.people["stranger"])
	if a := tn.ask("GET", "/v1/places", tn.people["voyager"].token, "").want(t, 200); a.body != `{"items":[{"country":null,"city":"Lisbon","people":2}]}` {
		t.Errorf("got %s", a.body)
	}
	if err := tn.people["voyager"].Block(tn.ctx, tn.people["local"].id); err != nil {
		t.Fatal(err)
	}
	if p := must[httpapi.Page[httpapi.Place]](t)(tn.people["voyager"].Places(tn.ctx, httpapi.Paging{})); p.Items[0].People != 2 {
		t.Errorf("after a block: got %+v", p.Items)
	}
}
