package matchindex

import (
	"math/bits"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
)

// scoreBits is the number of bits of a score.
const scoreBits = 6

// ranking is a search in a table, with the memory that it needs. It may be used again.
type ranking struct {
	planes [][]uint64 // all that were taken
	taken  int

	own    []id.Interest // the active interests of the viewer, in ascending order
	shared []triple
	best   []scored
}

// scored is a profile that was found.
type scored struct{ score, n int }

// plane returns words that are all zero.
func (r *ranking) plane(words int) []uint64 {
	if r.taken == len(r.planes) {
		r.planes = append(r.planes, nil)
	}
	p := r.planes[r.taken]
	if cap(p) < words {
		p = make([]uint64, words+words/16)
	}
	p = p[:words]
	clear(p)
	r.planes[r.taken] = p
	r.taken++
	return p
}

// rank finds the first profiles after a rank that a query selects, in the order of a search. It
// reports false if the viewer has so many interests that it cannot count them.
func (r *ranking) rank(t *table, q matching.Query, after *matching.Rank, limit int) (ranks []matching.Rank, counted bool) {
	r.taken, r.own, r.best = 0, r.own[:0], r.best[:0]
	var shared [][]uint64 // by the interests that count
	viewer, has := t.users[q.Viewer]
	n, _ := t.number(viewer)
	if has {
		for _, at := range t.picked.of(n) {
			if i := t.topics[at]; i.active {
				r.own = append(r.own, i.id)
				shared = append(shared, r.bitsOf(&i.set, t.words))
			}
		}
		slices.SortFunc(r.own, id.Interest.Compare)
	}
	if len(shared) >= 1<<scoreBits {
		return nil, false
	}
	fit := r.fitting(t, q)
	if fit == nil || limit <= 0 || after != nil && after.Score < 0 {
		return nil, true
	}
	if has {
		clearBit(fit, n)
	}
	for len(shared)%3 != 0 {
		shared = append(shared, r.plane(t.words))
	}
	r.shared = r.shared[:0]
	for three := range slices.Chunk(shared, 3) {
		r.shared = append(r.shared, triple(three))
	}
	from, place := 1<<scoreBits, 0 // above all scores
	if after != nil {
		var there bool
		if place, there = t.number(after.Profile); there {
			place++
		}
		from = min(after.Score, from)
	}
	r.count(fit, r.shared, from, place, limit)
	ranks = make([]matching.Rank, len(r.best))
	for i, b := range r.best {
		ranks[i] = matching.Rank{Score: b.score, Profile: t.ids[b.n]}
	}
	return ranks, true
}

// bitsOf returns the words of a set.
func (r *ranking) bitsOf(s *set, words int) []uint64 {
	if s.words != nil {
		return s.words
	}
	p := r.plane(words)
	s.mark(p)
	return p
}

// fitting returns the numbers of the profiles that a query selects, in words of its own. It returns
// nil if there are none, and may also return words without any.
func (r *ranking) fitting(t *table, q matching.Query) []uint64 {
	fit := r.plane(t.words)
	copy(fit, t.found)
	if q.Country.String() != "" {
		fit = r.keep(fit, t.countries.in(q.Country))
	}
	if q.City.String() != "" && fit != nil {
		fit = r.keep(fit, t.cities.in(q.City))
	}
	if len(q.Interests) > 0 && fit != nil {
		either := r.plane(t.words)
		for _, wanted := range q.Interests {
			if at, known := t.interests[wanted]; known && t.topics[at].active {
				join(either, &t.topics[at].set)
			}
		}
		and(fit, either)
	}
	if (q.MinAge != 0 || q.MaxAge != 0) && fit != nil {
		lowest, highest := max(q.MinAge, 1), q.MaxAge // no age is 0
		if highest == 0 {
			highest = 1<<ageBits - 1
		}
		if lowest > min(highest, 1<<ageBits-1) {
			return nil
		}
		t.between(fit, lowest, min(highest, 1<<ageBits-1))
	}
	return fit
}

// keep returns the numbers that are also in a set.
func (r *ranking) keep(fit []uint64, s *set) []uint64 {
	switch {
	case s == nil:
		return nil
	case s.words != nil:
		and(fit, s.words)
		return fit
	}
	both := r.plane(len(fit))
	for _, n := range s.few {
		both[n/64] |= fit[n/64] & (1 << (n % 64))
	}
	return both
}

func and(words, others []uint64) {
	others = others[:len(words)]
	for w := range words {
		words[w] &= others[w]
	}
}

func join(words []uint64, s *set) {
	if s.words == nil {
		s.mark(words)
		return
	}
	for w, others := range s.words {
		words[w] |= others
	}
}

// between keeps the numbers of profiles with an age from lowest to highest.
func (t *table) between(fit []uint64, lowest, highest int) {
	for w, f := range fit {
		if f == 0 {
			continue
		}
		var under, over uint64
		sameLow, sameHigh := f, f
		for b := ageBits - 1; b >= 0; b-- {
			age := t.ages[b][w]
			if lowest>>b&1 != 0 {
				under |= sameLow &^ age
				sameLow &= age
			} else {
				sameLow &^= age
			}
			if highest>>b&1 == 0 {
				over |= sameHigh & age
				sameHigh &^= age
			} else {
				sameHigh &= age
			}
		}
		fit[w] = f &^ (under | over)
	}
}

// counters are the scores of 64 profiles, bit by bit.
type counters [scoreBits]uint64

// triple are three interests.
type triple [3][]uint64

// count finds the best of the profiles fit: with a score below from, or of just from and a number
// of place or more.
//
// It goes through the numbers in ascending order, so that one with the score of the last of the
// best comes too late. Hence few words have one that is looked at.
func (r *ranking) count(fit []uint64, shared []triple, from, place, limit int) {
	least := -1                       // the score that is too low
	var m0, m1, m2, m3, m4, m5 uint64 // its bits
	for w, f := range fit {
		if f == 0 {
			continue
		}
		var c0, c1, c2, c3, c4, c5 uint64
		for i := range shared {
			t := &shared[i]
			x, y, z := t[0][w], t[1][w], t[2][w]
			odd := x ^ y
			one, two := odd^z, x&y|odd&z // the sum of three bits is one and twice two
			carry := c0 & one
			c0 ^= one
			half := c1 ^ two
			two = c1&two | half&carry
			c1 = half ^ carry
			carry = c2 & two
			c2 ^= two
			two = c3 & carry
			c3 ^= carry
			carry = c4 & two
			c4 ^= two
			c5 ^= carry
		}
		if least >= 0 { // keep those above it
			more := c5 &^ m5
			same := ^(c5 ^ m5)
			more |= same & c4 &^ m4
			same &^= c4 ^ m4
			more |= same & c3 &^ m3
			same &^= c3 ^ m3
			more |= same & c2 &^ m2
			same &^= c2 ^ m2
			more |= same & c1 &^ m1
			same &^= c1 ^ m1
			more |= same & c0 &^ m0
			if f &= more; f == 0 {
				continue
			}
		}
		c := counters{c0, c1, c2, c3, c4, c5}
		if from < 1<<scoreBits {
			f = c.past(f, w, from, place)
		}
		for ; f != 0; f &= f - 1 {
			i := bits.TrailingZeros64(f)
			if score := c.at(i); score > least {
				least = r.add(scored{score, w*64 + i}, limit)
			}
		}
		if least >= 0 {
			m0, m1, m2, m3, m4, m5 = all(least), all(least>>1), all(least>>2), all(least>>3), all(least>>4), all(least>>5)
		}
	}
}

// all returns 64 times the lowest bit of a number.
func all(n int) uint64 { return -(uint64(n) & 1) } // #nosec G115 -- a bit

// past returns those of a word who come after a rank.
func (c *counters) past(f uint64, w, from, place int) uint64 {
	var less uint64
	same := f
	for b := scoreBits - 1; b >= 0; b-- {
		if from>>b&1 == 0 {
			same &^= c[b]
		} else {
			less |= same &^ c[b]
			same &= c[b]
		}
	}
	switch {
	case place <= w*64:
	case place >= w*64+64:
		same = 0
	default:
		same &^= below(place)
	}
	return less | same
}

// at returns the score of one of the 64.
func (c *counters) at(i int) (score int) {
	for b := range c {
		score |= int(c[b]>>i&1) << b // #nosec G115 -- a bit
	}
	return score
}

// add adds to the best, and returns the score that is too low from now on.
func (r *ranking) add(s scored, limit int) int {
	at := len(r.best)
	for at > 0 && r.best[at-1].score < s.score {
		at--
	}
	if len(r.best) == limit {
		r.best = r.best[:limit-1]
	}
	r.best = slices.Insert(r.best, at, s)
	if len(r.best) < limit {
		return -1
	}
	return r.best[limit-1].score
}
