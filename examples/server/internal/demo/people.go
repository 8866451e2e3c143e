package demo

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/brianvoe/gofakeit/v7"
	"golang.org/x/text/unicode/norm"

	"github.com/cicerone-go/cicerone/core/id"
)

// person is a user of the demo data.
type person struct {
	first, last, email string
	home               city
	age                int
	biography          string
	interests          []string
	hidden             bool    // not in the results of a search
	id                 id.User // set by the sign-up
}

// likes adds an interest, unless the person has it already.
func (p *person) likes(interest string) {
	if !slices.Contains(p.interests, interest) {
		p.interests = append(p.interests, interest)
	}
}

// cast is all persons.
type cast struct {
	admin, voyager, local *person
	locals                []*person // three in each city
	travellers            []*person
}

const (
	localsInCity   = 3
	travellerCount = 12
)

func newCast(f *gofakeit.Faker) cast {
	lisbon := cities[0]
	c := cast{
		admin: &person{first: "Iris", last: "Keller", email: Admin, home: homes[0], age: 41, hidden: true,
			biography: "I look after this community."},
		voyager: &person{first: "Noah", last: "Bennett", email: Voyager, home: homes[1], age: 34,
			biography: "Translator with a laptop and a rail pass. I travel slowly, eat early, and ask too many questions.",
			interests: []string{"Street food", "Photography", "History", "Coffee", "Books"}},
		local: &person{first: "Inês", last: "Duarte", email: Local, home: lisbon, age: 37,
			biography: "Third generation in " + lisbon.corners[0] + ". I restore tiles for a living, and show people around on my free days.",
			interests: []string{"Street food", "Photography", "History", "Crafts", "Wine"}},
	}
	taken := map[string]bool{}
	for _, home := range cities {
		first, last := shuffled(f, home.first), shuffled(f, home.last)
		for i := range localsInCity {
			c.locals = append(c.locals, newPerson(f, taken, first[i], last[i], home, localBiographies))
		}
	}
	for i := range travellerCount {
		p := newPerson(f, taken, f.FirstName(), f.LastName(), homes[i%len(homes)], travellerBiographies)
		p.hidden = i%4 == 3 // some travellers search, but cannot be found
		c.travellers = append(c.travellers, p)
	}
	return c
}

func newPerson(f *gofakeit.Faker, taken map[string]bool, first, last string, home city, biographies []string) *person {
	p := &person{first: first, last: last, home: home, age: f.Number(22, 67)}
	p.email = address(first, last)
	for n := 2; taken[p.email]; n++ {
		p.email = address(first, fmt.Sprintf("%s%d", last, n))
	}
	taken[p.email] = true
	for _, i := range shuffled(f, interests)[:f.Number(4, 6)] {
		p.interests = append(p.interests, i.name)
	}
	a, b := p.interests[0], p.interests[1]
	p.biography = strings.NewReplacer(
		"{A}", a, "{a}", strings.ToLower(a), "{b}", strings.ToLower(b),
		"{city}", home.name, "{corner}", pick(f, home.corners),
	).Replace(pick(f, biographies))
	return p
}

// address returns an e-mail address for a name, in ASCII letters.
func address(first, last string) string {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				return -1
			}
			return unicode.ToLower(r)
		}, norm.NFD.String(s))
	}
	return plain(first) + "." + plain(last) + "@example.org"
}

func pick[T any](f *gofakeit.Faker, from []T) T { return from[f.IntN(len(from))] }

func shuffled[T any](f *gofakeit.Faker, items []T) []T {
	items = slices.Clone(items)
	f.ShuffleAnySlice(items)
	return items
}
