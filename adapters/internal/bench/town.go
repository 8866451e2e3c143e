package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Size is how much data is loaded.
type Size struct{ People, Interests, Messages int }

var sizes = map[string]Size{
	"tiny":     {120, 24, 800},
	"moderate": {20_000, 200, 50_000},
	"full":     {200_000, 200, 1_000_000},
}

// String implements flag.Value.
func (s *Size) String() string { return fmt.Sprintf("%d,%d,%d", s.People, s.Interests, s.Messages) }

// Set implements flag.Value.
func (s *Size) Set(text string) error {
	if named, ok := sizes[text]; ok {
		*s = named
		return nil
	}
	if _, err := fmt.Sscanf(text, "%d,%d,%d", &s.People, &s.Interests, &s.Messages); err != nil {
		return fmt.Errorf("want tiny, moderate, full, or three numbers: %w", err)
	}
	return nil
}

const (
	seed = 1749 // makes the same town in each run

	picked = 8 // interests of each person

	// country is the one in which people are searched: one person of countries lives there, and the
	// others in the others.
	country   = "Portugal"
	countries = 50
	cities    = 40

	// talked is the least number of messages in a conversation that is read: more than a page.
	talked = 40

	// popular is the exponent of Zipf's law, and even is what makes its first ranks less dominant.
	popular, even = 1.1, 4
)

// town is the plan of the data: who has which interests, who talks to whom, and how much. All of it
// follows Zipf's law, and from the seed.
type town struct {
	Size
	talkers int    // the first people, in whose names the clients act
	talks   []talk // the first of them are those of the talkers, with different locals
}

// talk is a conversation between two people.
type talk struct{ voyager, local, messages int }

// random returns a source for one part of the town.
func random(part, n int) *rand.Rand { return rand.New(rand.NewPCG(seed+uint64(part), uint64(n))) }

// newTown plans a town.
func newTown(size Size, talkers int) (*town, error) {
	w := &town{Size: size, talkers: talkers}
	all := max(size.Messages/talked, 5*talkers)
	rest := size.Messages - talkers*talked - 2*(all-talkers)
	if size.Interests < picked || rest < 0 || size.People < max(4*talkers, 2*countries) {
		return nil, fmt.Errorf("a size of %s is too little for the talks of %d talkers", &size, talkers)
	}
	r := random(0, 0)
	locals := rand.NewZipf(r, popular, even, uint64(size.People-1))
	known, taken := map[[2]int]bool{}, map[int]bool{}
	for n := range all {
		t := talk{voyager: n % talkers, messages: 2}
		if n >= all/2+talkers {
			t.voyager = r.IntN(size.People)
		}
		t.local = int(locals.Uint64())
		for t.local == t.voyager || known[[2]int{t.voyager, t.local}] || n < talkers && taken[t.local] {
			t.local = (t.local + 1) % size.People // the next one is nearly as popular
		}
		if n < talkers {
			t.messages = talked
		}
		known[[2]int{t.voyager, t.local}], taken[t.local] = true, true
		w.talks = append(w.talks, t)
	}
	lengths := rand.NewZipf(r, popular, even, uint64(all-1))
	for range rest {
		w.talks[lengths.Uint64()].messages++
	}
	return w, nil
}

// interests returns the numbers of a person's interests.
func (w *town) interests(person int) (all []int) {
	r := random(1, person)
	ranks := rand.NewZipf(r, popular, even, uint64(w.Interests-1))
	has := map[int]bool{}
	for len(all) < picked {
		next := int(ranks.Uint64())
		for has[next] {
			next = (next + 1) % w.Interests
		}
		has[next] = true
		all = append(all, next)
	}
	return all
}

func (w *town) country(person int) string {
	if person%countries == 0 {
		return country
	}
	return fmt.Sprint("Country ", rand.NewZipf(random(8, person), popular, even, countries-2).Uint64())
}

func (w *town) city(person int) string {
	return fmt.Sprint("City ", rand.NewZipf(random(2, person), popular, even, cities-1).Uint64())
}

func (w *town) age(person int) int { return 18 + random(3, person).IntN(60) }

func name(person int) string { return fmt.Sprint("Person ", person) }

func email(person int) string { return fmt.Sprintf("person%d@example.net", person) }

// address returns where a person signs in. The server believes it, as from a proxy that it trusts:
// it bounds how many passwords it hashes at once for one address.
func address(person int) string {
	return fmt.Sprintf("10.%d.%d.%d", person>>16, person>>8&0xff, person&0xff)
}

var words = strings.Fields(`shall we meet at the fountain in the old town at ten or would you rather see the market first there is
	a small place behind the church where my aunt sells bread and I know a path along the river that nobody else takes`)

// say returns a message of 3 to 30 words.
func say(r *rand.Rand) string {
	said := make([]string, 3+r.IntN(28))
	for i := range said {
		said[i] = words[r.IntN(len(words))]
	}
	return strings.Join(said, " ")
}
