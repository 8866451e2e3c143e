package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Interest is an interest that people may share.
type Interest struct {
	ID       id.Interest `json:"id"`
	Name     string      `json:"name"`
	Icon     *string     `json:"icon"`
	IsActive bool        `json:"is_active"`
}

func interestOf(i matching.Interest) Interest {
	return Interest{ID: i.ID, Name: i.Name, Icon: orNull(i.Icon), IsActive: i.IsActive}
}

// Profile is a profile, as its owner sees it.
type Profile struct {
	ID           *id.Profile `json:"id" description:"Null if the profile was never saved."`
	UserID       id.User     `json:"user_id"`
	FirstName    *string     `json:"first_name"`
	LastName     *string     `json:"last_name" description:"Never shown to others."`
	Age          *int        `json:"age"`
	Biography    *string     `json:"biography"`
	Country      *string     `json:"country"`
	City         *string     `json:"city"`
	ImageURL     *string     `json:"image_url"`
	IsSearchable bool        `json:"is_searchable"`
	Interests    []Interest  `json:"interests"`
}

func profileOf(p matching.ProfileWithInterests) Profile {
	public := publicProfileOf(p.Profile)
	return Profile{
		ID: public.ID, UserID: public.UserID, FirstName: public.FirstName, LastName: orNull(p.Profile.LastName),
		Age: public.Age, Biography: public.Biography, Country: public.Country, City: public.City,
		ImageURL: public.ImageURL, IsSearchable: public.IsSearchable,
		Interests: each(p.Interests, interestOf),
	}
}

// PublicProfile is a profile, as other users see it.
type PublicProfile struct {
	ID           *id.Profile `json:"id"`
	UserID       id.User     `json:"user_id"`
	FirstName    *string     `json:"first_name"`
	Age          *int        `json:"age"`
	Biography    *string     `json:"biography"`
	Country      *string     `json:"country"`
	City         *string     `json:"city"`
	ImageURL     *string     `json:"image_url"`
	IsSearchable bool        `json:"is_searchable"`
	Interests    []Interest  `json:"interests,omitzero" description:"Absent in a match, which has the shared interests."`
}

// publicProfileOf has pointers to the fields of p, so that they are one allocation together.
func publicProfileOf(p matching.Profile) PublicProfile {
	return PublicProfile{
		ID: notZero(&p.ID), UserID: p.UserID, FirstName: notZero(&p.FirstName), Age: notZero(&p.Age),
		Biography: notZero(&p.Biography), Country: notZero(&p.Country), City: notZero(&p.City),
		ImageURL: notZero(&p.ImageURL), IsSearchable: p.IsSearchable,
	}
}

// ProfileInput replaces a whole profile.
type ProfileInput struct {
	FirstName    *string        `json:"first_name" maxLength:"100"`
	LastName     *string        `json:"last_name" maxLength:"100"`
	Age          *int           `json:"age" minimum:"18" maximum:"120"`
	Biography    *string        `json:"biography" maxLength:"5000"`
	Country      *string        `json:"country" maxLength:"100"`
	City         *string        `json:"city" maxLength:"100"`
	ImageURL     *string        `json:"image_url" maxLength:"2000" description:"An http or https address."`
	IsSearchable bool           `json:"is_searchable"`
	InterestIDs  *[]id.Interest `json:"interest_ids" maxItems:"50" description:"Active interests only."`
}

func (in ProfileInput) profile() matching.Profile {
	return matching.Profile{
		FirstName: orZero(in.FirstName), LastName: orZero(in.LastName), Age: orZero(in.Age),
		Biography: orZero(in.Biography), Country: orZero(in.Country), City: orZero(in.City),
		ImageURL: orZero(in.ImageURL), IsSearchable: in.IsSearchable,
	}
}

func (in ProfileInput) check(f *fault.Fields) {
	checkAge(f, "age", in.Age)
	in.profile().Check(f)
}

// checkAge refuses an age of 0, because core takes 0 for an absent age.
func checkAge(f *fault.Fields, field string, age *int) {
	f.Check(age == nil || *age != 0, field, "must be 18 to 120")
}

// Search selects profiles. The zero value of a field selects all.
type Search struct {
	Country     string        `query:"country" description:"In any case."`
	City        string        `query:"city" description:"In any case."`
	InterestIDs []id.Interest `query:"interest_id" maxItems:"50" description:"The profile has at least one of them."`
	MinAge      *int          `query:"min_age" minimum:"18" maximum:"120"`
	MaxAge      *int          `query:"max_age" minimum:"18" maximum:"120"`
}

func (s Search) search() matching.Search {
	return matching.Search{
		Country: s.Country, City: s.City, Interests: s.InterestIDs, MinAge: orZero(s.MinAge), MaxAge: orZero(s.MaxAge),
	}
}

func (s Search) check(f *fault.Fields) {
	checkAge(f, "min_age", s.MinAge)
	checkAge(f, "max_age", s.MaxAge)
	s.search().Check(f)
}

type interestsRequest struct {
	Query string `query:"q" maxLength:"100" description:"A part of the name, without regard to case and accents."`
	Paging
}

func (r interestsRequest) filter() matching.InterestFilter {
	return matching.InterestFilter{Query: r.Query}
}

// Place is a country and a city with searchable people.
type Place struct {
	Country *string `json:"country" description:"As most people there write it; null if they gave none."`
	City    *string `json:"city" description:"As most people there write it; null if they gave none."`
	People  int     `json:"people" description:"The number of searchable profiles of active users; 500 if there are more."`
}

func placeOf(p matching.Place) Place {
	return Place{Country: orNull(p.Country), City: orNull(p.City), People: p.People}
}

type matchesRequest struct {
	Search
	Paging
}

// Match is one result of a search.
type Match struct {
	Profile         PublicProfile `json:"profile"`
	SharedInterests []Interest    `json:"shared_interests"`
	Score           int           `json:"score" description:"The number of shared interests."`
}

func matchOf(m matching.Match) Match {
	return Match{Profile: publicProfileOf(m.Profile), SharedInterests: each(m.Shared, interestOf), Score: m.Score}
}

type profileRequest struct {
	UserID pathID `path:"user_id"`
}

var (
	tagMatching = []string{"profiles and matches"}

	myProfile = kithttp.Route[kithttp.None, Profile]{
		Name: "myProfile", Method: http.MethodGet, Path: "/v1/me/profile", Summary: "Read your own profile", Tags: tagMatching,
	}
	saveProfile = kithttp.Route[ProfileInput, Profile]{
		Name: "saveProfile", Method: http.MethodPut, Path: "/v1/me/profile", Summary: "Replace your own profile", Tags: tagMatching,
	}
	interests = kithttp.Route[interestsRequest, Page[Interest]]{
		Name: "interests", Method: http.MethodGet, Path: "/v1/interests", Summary: "List the active interests by name", Tags: tagMatching,
	}
	places = kithttp.Route[Paging, Page[Place]]{
		Name: "places", Method: http.MethodGet, Path: "/v1/places",
		Summary: "List the countries and cities with searchable people", Tags: tagMatching,
	}
	profile = kithttp.Route[profileRequest, PublicProfile]{
		Name: "profile", Method: http.MethodGet, Path: "/v1/profiles/{user_id}",
		Summary: "Read a profile as other users see it", Tags: tagMatching,
		Faults: []*fault.Error{matching.ErrProfileNotFound},
	}
	matches = kithttp.Route[matchesRequest, Page[Match]]{
		Name: "matches", Method: http.MethodGet, Path: "/v1/matches",
		Summary: "Search for people; those who share the most interests come first", Tags: tagMatching,
	}
)

func (a *API) serveMatching() {
	asUser(a, edge.Cheap, myProfile, a.myProfile)
	asUser(a, edge.Cheap, saveProfile, a.saveProfile, kithttp.Checked(ProfileInput.check))
	anyone(a, edge.Cheap, interests, a.interests, kithttp.Checked(func(r interestsRequest, f *fault.Fields) { r.filter().Check(f) }))
	asUser(a, edge.Search, places, a.places)
	asUser(a, edge.Cheap, profile, a.profile)
	asUser(a, edge.Search, matches, a.matches, kithttp.Appended(appendPage(appendMatch)),
		kithttp.Checked(func(r matchesRequest, f *fault.Fields) { r.Search.check(f) }))
}

func (a *API) myProfile(ctx context.Context, caller users.Caller, _ kithttp.None) (Profile, error) {
	p, err := a.services.Matching.MyProfile(ctx, caller.UserID)
	return profileOf(p), err
}

func (a *API) saveProfile(ctx context.Context, caller users.Caller, req ProfileInput) (Profile, error) {
	var f fault.Fields
	req.check(&f)
	if err := f.Err(); err != nil {
		return Profile{}, err
	}
	p, err := a.services.Matching.SaveProfile(ctx, caller.UserID, req.profile(), orZero(req.InterestIDs))
	return profileOf(p), err
}

func (a *API) interests(ctx context.Context, req interestsRequest) (Page[Interest], error) {
	filters := []any{text.SearchFold(req.Query)}
	return readPage(ctx, a.cursors, req.Paging, filters, func(r page.Request[matching.NamePlace]) (page.Page[matching.Interest, matching.NamePlace], error) {
		return a.services.Matching.Interests(ctx, req.filter(), r)
	}, interestOf)
}

func (a *API) places(ctx context.Context, caller users.Caller, req Paging) (Page[Place], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[matching.PlaceKey]) (page.Page[matching.Place, matching.PlaceKey], error) {
		return a.services.Matching.Places(ctx, caller.UserID, r)
	}, placeOf)
}

func (a *API) profile(ctx context.Context, caller users.Caller, req profileRequest) (PublicProfile, error) {
	p, err := a.services.Matching.ProfileOf(ctx, caller.UserID, id.User(req.UserID))
	answer := publicProfileOf(p.Profile)
	answer.Interests = each(p.Interests, interestOf)
	return answer, err
}

func (a *API) matches(ctx context.Context, caller users.Caller, req matchesRequest) (Page[Match], error) {
	search := req.search()
	filters := []any{text.Fold(search.Country).String(), text.Fold(search.City).String(), search.Interests, search.MinAge, search.MaxAge}
	return readPage(ctx, a.cursors, req.Paging, filters, func(r page.Request[matching.Rank]) (page.Page[matching.Match, matching.Rank], error) {
		var f fault.Fields
		req.Search.check(&f)
		if err := f.Err(); err != nil {
			return page.Page[matching.Match, matching.Rank]{}, err
		}
		return a.services.Matching.Matches(ctx, caller.UserID, search, r)
	}, matchOf)
}
