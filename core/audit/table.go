package audit

import (
	"bytes"
	"errors"
	"sort"
)

// table is what an audit remembers of the rows of a table, which come in ascending order of their
// ids. A map would take three times as much memory, and a map of pointers four times.
type table[K ~[16]byte, R any] struct {
	blocks [][]entry[K, R] // all but the last one are full
	rows   int
}

type entry[K ~[16]byte, R any] struct {
	id  K
	row R
}

// blockSize is the number of rows in a block. Blocks are not copied as the table grows.
const blockSize = 4096

var errOrder = errors.New("the rows do not come in ascending order of their ids")

// add adds a row, and returns its number, from 0. It returns an error if the row before has the
// same or a higher id.
func (t *table[K, R]) add(id K, row R) (number int, err error) {
	if t.rows > 0 {
		if last := t.at(t.rows - 1).id; bytes.Compare(last[:], id[:]) >= 0 {
			return 0, errOrder
		}
	}
	if t.rows%blockSize == 0 {
		t.blocks = append(t.blocks, make([]entry[K, R], 0, min(blockSize, max(t.rows, 16))))
	}
	b := &t.blocks[len(t.blocks)-1]
	*b = append(*b, entry[K, R]{id, row})
	t.rows++
	return t.rows - 1, nil
}

// at returns the row with a number.
func (t *table[K, R]) at(number int) *entry[K, R] {
	return &t.blocks[number/blockSize][number%blockSize]
}

// find returns the number of the row with an id.
func (t *table[K, R]) find(id K) (number int, found bool) {
	return sort.Find(t.rows, func(i int) int {
		other := t.at(i).id
		return bytes.Compare(id[:], other[:])
	})
}
