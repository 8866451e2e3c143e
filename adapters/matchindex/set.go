package matchindex

import (
	"math/bits"
	"slices"
)

// set is a set of numbers: a sorted list while it has few, and then a bit for each number that
// there is. A list takes less memory than words while it has less than one of 32 numbers.
type set struct {
	few   []uint32
	words []uint64 // nil if the numbers are in few
	size  int
}

// fewest is how many numbers are always kept as a list.
const fewest = 64

// most returns the size up to which a set is a list, if there are so many words of numbers.
func most(words int) int { return max(fewest, words) }

func (s *set) has(n int) bool {
	if s.words != nil {
		return bit(s.words, n)
	}
	_, found := slices.BinarySearch(s.few, uint32(n)) // #nosec G115 -- numbers are indexes of less than 2^32 profiles
	return found
}

// add adds a number. words is how many words there are.
func (s *set) add(n, words int) {
	if s.has(n) {
		return
	}
	if s.words == nil && s.size >= most(words) {
		s.words = make([]uint64, words)
		s.mark(s.words)
		s.few = nil
	}
	if s.size++; s.words != nil {
		setBit(s.words, n)
		return
	}
	at, _ := slices.BinarySearch(s.few, uint32(n)) // #nosec G115 -- as above
	s.few = slices.Insert(s.few, at, uint32(n))    // #nosec G115 -- as above
}

func (s *set) drop(n int) {
	if !s.has(n) {
		return
	}
	if s.size--; s.words == nil {
		at, _ := slices.BinarySearch(s.few, uint32(n)) // #nosec G115 -- as above
		s.few = slices.Delete(s.few, at, at+1)
		return
	}
	clearBit(s.words, n)
	if s.size < most(len(s.words))/4 {
		s.few = make([]uint32, 0, s.size)
		for w, word := range s.words {
			for ; word != 0; word &= word - 1 {
				s.few = append(s.few, uint32(w*64+bits.TrailingZeros64(word))) // #nosec G115 -- as above
			}
		}
		s.words = nil
	}
}

// mark sets the bits of the numbers of a list.
func (s *set) mark(words []uint64) {
	for _, n := range s.few {
		words[n/64] |= 1 << (n % 64)
	}
}

// grow adds a word without numbers.
func (s *set) grow() {
	if s.words != nil {
		s.words = append(s.words, 0)
	}
}

// open raises all numbers from n on by one. The last bit is not set.
func (s *set) open(n int) {
	if s.words != nil {
		openBit(s.words, n)
		return
	}
	at, _ := slices.BinarySearch(s.few, uint32(n)) // #nosec G115 -- as above
	for i := range s.few[at:] {
		s.few[at+i]++
	}
}

// shut lowers all numbers above n by one. The set has not n.
func (s *set) shut(n int) {
	if s.words != nil {
		shutBit(s.words, n)
		return
	}
	at, _ := slices.BinarySearch(s.few, uint32(n)) // #nosec G115 -- as above
	for i := range s.few[at:] {
		s.few[at+i]--
	}
}

func bit(words []uint64, n int) bool { return words[n/64]>>(n%64)&1 != 0 }
func setBit(words []uint64, n int)   { words[n/64] |= 1 << (n % 64) }
func clearBit(words []uint64, n int) { words[n/64] &^= 1 << (n % 64) }
func below(n int) (mask uint64)      { return 1<<(n%64) - 1 }
func putBit(words []uint64, n int, on bool) {
	if on {
		setBit(words, n)
	} else {
		clearBit(words, n)
	}
}

// openBit moves all bits from n on up by one.
func openBit(words []uint64, n int) {
	at := n / 64
	for w := len(words) - 1; w > at; w-- {
		words[w] = words[w]<<1 | words[w-1]>>63
	}
	words[at] = words[at]&below(n) | words[at]&^below(n)<<1
}

// shutBit moves all bits above n down by one, over that of n.
func shutBit(words []uint64, n int) {
	at := n / 64
	words[at] = words[at]&below(n) | words[at]>>1&^below(n)
	for w := at + 1; w < len(words); w++ {
		words[w-1] |= words[w] << 63
		words[w] >>= 1
	}
}
