package matchindex

import "slices"

// lists has a list of small numbers for each profile, all in one slice: a slice each would take
// three times the memory. A list has its length and its room before it.
type lists struct {
	at     []uint32 // by the number of a profile
	all    []uint16
	unused int // of all
}

// heading is the length of what stands before a list.
const heading = 2

// of returns the list of a profile. It is valid until the next change.
func (l *lists) of(n int) []uint16 {
	at := int(l.at[n])
	return l.all[at+heading : at+heading+int(l.all[at])]
}

// insert makes the empty list of a new profile.
func (l *lists) insert(n int) {
	if len(l.all) == 0 {
		l.all = append(l.all, 0, 0)
	}
	l.at = slices.Insert(l.at, n, 0) // all empty lists of new profiles are one, without room
}

func (l *lists) remove(n int) {
	l.leave(n)
	l.at = slices.Delete(l.at, n, n+1)
}

func (l *lists) leave(n int) {
	if at := l.at[n]; at != 0 {
		l.unused += heading + int(l.all[at+1])
	}
}

// put replaces the list of a profile. A list has at most 65535 numbers.
func (l *lists) put(n int, list []uint16) {
	if at := int(l.at[n]); len(list) <= int(l.all[at+1]) {
		if at != 0 {
			l.all[at] = uint16(len(list)) // #nosec G115 -- see above
			copy(l.all[at+heading:], list)
		}
		return
	}
	l.leave(n)
	l.append(n, list)
	if l.unused > len(l.all)/2 {
		l.pack()
	}
}

func (l *lists) append(n int, list []uint16) {
	l.at[n] = uint32(len(l.all))                                                 // #nosec G115 -- pack keeps it below twice what 2^32 bytes would take
	l.all = append(append(l.all, uint16(len(list)), uint16(len(list))), list...) // #nosec G115 -- see above
}

// pack leaves out what is not used.
func (l *lists) pack() {
	packed := lists{at: l.at, all: make([]uint16, heading, len(l.all)-l.unused)}
	for n, at := range l.at {
		if at != 0 {
			packed.append(n, l.of(n))
		}
	}
	*l = packed
}
