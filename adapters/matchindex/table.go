package matchindex

import (
	"errors"
	"math"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
)

// ageBits is the number of bits of an age.
const ageBits = 7

// table has what searches compare of all profiles. The number of a profile is its place among the
// ids. Whoever inserts a profile between others, or removes one, moves all later ones: a few
// milliseconds for a million. New ids nearly always come last.
type table struct {
	ids   []id.Profile // in ascending order
	users map[id.User]id.Profile

	words     int      // for all numbers, one bit each
	found     []uint64 // who may be found
	ages      [ageBits][]uint64
	homes     []home
	countries places
	cities    places

	interests map[id.Interest]uint16 // their places in topics
	topics    []*topic
	picked    lists
}

// home is where a profile is.
type home struct{ country, city uint32 }

// topic is an interest with those who picked it.
type topic struct {
	set
	id     id.Interest
	active bool
}

func newTable() *table {
	return &table{
		users: map[id.User]id.Profile{}, countries: newPlaces(), cities: newPlaces(), interests: map[id.Interest]uint16{},
	}
}

// number returns the number of a profile, or that which it would have.
func (t *table) number(p id.Profile) (n int, found bool) {
	if last := len(t.ids) - 1; last < 0 || p.Compare(t.ids[last]) > 0 {
		return last + 1, false
	}
	return slices.BinarySearchFunc(t.ids, p, id.Profile.Compare)
}

// put adds a profile, or replaces what is known of it and of any other one of its user.
func (t *table) put(c matching.Candidate) error {
	if len(c.Interests) > math.MaxUint16 {
		return errTooMany
	}
	picked := make([]uint16, len(c.Interests))
	for i, interest := range c.Interests {
		at, err := t.topic(interest)
		if err != nil {
			return err
		}
		picked[i] = at
	}
	if known, has := t.users[c.UserID]; has && known != c.Profile {
		t.remove(c.UserID)
	}
	n, found := t.number(c.Profile)
	if !found {
		t.insert(n, c.Profile)
	}
	t.users[c.UserID] = c.Profile
	putBit(t.found, n, c.Findable)
	for b := range t.ages {
		putBit(t.ages[b], n, c.Age>>b&1 != 0)
	}
	was := t.homes[n]
	t.homes[n] = home{
		country: t.countries.move(text.SearchFold(c.Country), was.country, n, t.words),
		city:    t.cities.move(text.SearchFold(c.City), was.city, n, t.words),
	}
	for _, at := range t.picked.of(n) {
		t.topics[at].drop(n)
	}
	for _, at := range picked {
		t.topics[at].add(n, t.words)
	}
	t.picked.put(n, picked)
	return nil
}

// insert makes room for a profile with the number n.
func (t *table) insert(n int, p id.Profile) {
	if len(t.ids) == t.words*64 {
		t.words++
		t.found = append(t.found, 0)
		for b := range t.ages {
			t.ages[b] = append(t.ages[b], 0)
		}
		t.each((*set).grow)
	}
	if n < len(t.ids) {
		openBit(t.found, n)
		for _, plane := range t.ages {
			openBit(plane, n)
		}
		t.each(func(s *set) { s.open(n) })
	}
	t.ids = slices.Insert(t.ids, n, p)
	t.homes = slices.Insert(t.homes, n, home{})
	t.picked.insert(n)
}

// remove removes the profile of a user.
func (t *table) remove(user id.User) {
	p, has := t.users[user]
	if !has {
		return
	}
	n, _ := t.number(p)
	for _, at := range t.picked.of(n) {
		t.topics[at].drop(n)
	}
	t.countries.leave(t.homes[n].country, n)
	t.cities.leave(t.homes[n].city, n)
	shutBit(t.found, n)
	for _, plane := range t.ages {
		shutBit(plane, n)
	}
	t.each(func(s *set) { s.shut(n) })
	t.ids = slices.Delete(t.ids, n, n+1)
	t.homes = slices.Delete(t.homes, n, n+1)
	t.picked.remove(n)
	delete(t.users, user)
}

// each calls do for all sets.
func (t *table) each(do func(*set)) {
	for _, i := range t.topics {
		do(&i.set)
	}
	t.countries.each(do)
	t.cities.each(do)
}

// errTooMany is returned for more interests than a table has room for.
var errTooMany = errors.New("matchindex: there are more than 65536 interests")

// topic returns the place of an interest in topics. One that is not known is added. It is not
// active until putInterest says so.
func (t *table) topic(i id.Interest) (uint16, error) {
	if at, known := t.interests[i]; known {
		return at, nil
	}
	if len(t.topics) > math.MaxUint16 {
		return 0, errTooMany
	}
	at := uint16(len(t.topics)) // #nosec G115 -- it was compared
	t.interests[i] = at
	t.topics = append(t.topics, &topic{id: i})
	return at, nil
}

func (t *table) putInterest(i matching.Interest) error {
	at, err := t.topic(i.ID)
	if err == nil {
		t.topics[at].active = i.IsActive
	}
	return err
}

// places are the countries or the cities. The place 0 is the empty text, which is not searched. A
// place that nobody is in any more makes room for another one, because users write what they like.
type places struct {
	known map[text.Searched]uint32
	all   []place
	free  []uint32
}

type place struct {
	set
	name text.Searched
}

func newPlaces() places { return places{known: map[text.Searched]uint32{}, all: make([]place, 1)} }

// move moves a profile from a place to the one with a name, which it returns.
func (p *places) move(name text.Searched, from uint32, n, words int) uint32 {
	if from != 0 && p.all[from].name == name {
		return from
	}
	p.leave(from, n)
	if name == (text.Searched{}) {
		return 0
	}
	to, known := p.known[name]
	if !known {
		if last := len(p.free) - 1; last >= 0 {
			to, p.free = p.free[last], p.free[:last]
		} else {
			to = uint32(len(p.all)) // #nosec G115 -- there are no more places than profiles
			p.all = append(p.all, place{})
		}
		p.known[name] = to
		p.all[to].name = name
	}
	p.all[to].add(n, words)
	return to
}

// leave removes a profile from a place.
func (p *places) leave(from uint32, n int) {
	if from == 0 {
		return
	}
	if p.all[from].drop(n); p.all[from].size == 0 {
		delete(p.known, p.all[from].name)
		p.all[from] = place{}
		p.free = append(p.free, from)
	}
}

func (p *places) each(do func(*set)) {
	for i := range p.all {
		do(&p.all[i].set)
	}
}

// in returns the set of a place, or nil if nobody is there.
func (p *places) in(name text.Searched) *set {
	if at, known := p.known[name]; known {
		return &p.all[at].set
	}
	return nil
}
