package matching

import (
	"net/url"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// The limits of a profile. Lengths are in characters.
const (
	MinAge       = 18
	MaxAge       = 120
	MaxFirstName = 100
	MaxLastName  = 100
	MaxBiography = 5000
	MaxCountry   = 100
	MaxCity      = 100
	MaxImageURL  = 2000
	MaxInterests = 50 // picked by one user
	MaxIcon      = 200
	MaxInterest  = 100 // length of the name of an interest
)

// Profile is the description that a user publishes. A user who never saved one has an empty
// profile, with a zero ID.
type Profile struct {
	ID           id.Profile
	UserID       id.User
	FirstName    string
	LastName     string // never shown to others
	Age          int    // MinAge to MaxAge, or 0 if not given
	Biography    string
	Country      string
	City         string
	ImageURL     string // http or https; never fetched by the server
	IsSearchable bool
}

// forOthers returns the profile without the fields that other users do not see.
func (p Profile) forOthers() Profile {
	p.LastName = ""
	return p
}

// Check adds an error to f for each field that breaks a rule.
func (p Profile) Check(f *fault.Fields) { p.prepared(f) }

// prepared returns the profile as it is stored, and adds an error to f for each field that breaks a
// rule.
func (p Profile) prepared(f *fault.Fields) Profile {
	p.FirstName = text.Line(f, "first_name", p.FirstName, text.Optional, MaxFirstName)
	p.LastName = text.Line(f, "last_name", p.LastName, text.Optional, MaxLastName)
	f.Check(p.Age == 0 || p.Age >= MinAge && p.Age <= MaxAge, "age", "must be 18 to 120")
	p.Biography = text.Long(f, "biography", p.Biography, text.Optional, MaxBiography)
	p.Country = text.Line(f, "country", p.Country, text.Optional, MaxCountry)
	p.City = text.Line(f, "city", p.City, text.Optional, MaxCity)
	p.ImageURL = text.Line(f, "image_url", p.ImageURL, text.Optional, MaxImageURL)
	f.Check(p.ImageURL == "" || isWebAddress(p.ImageURL), "image_url", "must be an http or https address")
	return p
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.ContainsAny(s, " \"<>\\")
}

// Interest is a topic that users can pick for their profiles.
type Interest struct {
	ID       id.Interest
	Name     string // unique by text.Fold, but for twins
	Icon     string
	IsActive bool  // an inactive interest cannot be picked, is not shown, and does not count
	Twin     bool  // another interest has, or had, the same name by text.Fold; before, the two were different
	Version  int64 // 1, incremented by each change
}

// NamePlace is the position of an interest in a list by name.
type NamePlace struct {
	Folded text.Folded
	ID     id.Interest
}

// PlaceOfInterest returns the position of an interest in a list.
func PlaceOfInterest(i Interest) NamePlace { return NamePlace{Folded: text.Fold(i.Name), ID: i.ID} }

// Match is a result of a search.
type Match struct {
	Profile Profile    // without the last name, if Service.Matches returned it
	Shared  []Interest // active interests that both users have, by name
	Score   int        // number of shared interests
}

// Rank is the position of a match in a search.
type Rank struct {
	Score   int
	Profile id.Profile
}

// PlaceOfMatch returns the position of a match in a search.
func PlaceOfMatch(m Match) Rank { return Rank{Score: m.Score, Profile: m.Profile.ID} }

// Search selects users by their profiles. A field with its zero value selects all.
type Search struct {
	Country   string        // compared by text.SearchFold
	City      string        // compared by text.SearchFold
	Interests []id.Interest // at least one of them; an inactive or unknown interest matches no profile
	MinAge    int
	MaxAge    int
}

// Check adds an error to f for each field that breaks a rule.
func (s Search) Check(f *fault.Fields) {
	text.Line(f, "country", s.Country, text.Optional, MaxCountry)
	text.Line(f, "city", s.City, text.Optional, MaxCity)
	f.Check(len(s.Interests) <= MaxInterests, "interest_id", "must have at most 50 items")
	f.Check(s.MinAge == 0 || s.MinAge >= MinAge && s.MinAge <= MaxAge, "min_age", "must be 18 to 120")
	f.Check(s.MaxAge == 0 || s.MaxAge >= MinAge && s.MaxAge <= MaxAge, "max_age", "must be 18 to 120")
	f.Check(s.MinAge == 0 || s.MaxAge == 0 || s.MinAge <= s.MaxAge, "max_age", "must not be below min_age")
}
