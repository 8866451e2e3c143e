package kithttp

import (
	"context"
	"fmt"
	"sync"
)

// pieceSize is the greatest number of bytes that are read before they are charged, and the size of
// the pieces of a large body.
const pieceSize = 32 << 10

// body holds the bytes of a body while it arrives. A large one is held in pieces that are used
// again, so that it takes no more memory than its bytes, and leaves no garbage. The zero value is an
// empty body.
type body struct {
	full []*piece
	last []byte // grows up to the size of a piece
}

type piece [pieceSize]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}

// room returns where the next bytes go, at least one, if the body has at most the given number.
func (b *body) room(most int64) []byte {
	if len(b.last) == pieceSize {
		b.full = append(b.full, (*piece)(b.last))
		b.last = pieces.Get().(*piece)[:0]
	}
	if len(b.last) == cap(b.last) { // twice as large each time, but no larger than the body can be
		larger := make([]byte, len(b.last), min(max(2*int64(cap(b.last)), 512), most+1, pieceSize))
		copy(larger, b.last)
		b.last = larger
	}
	return b.last[len(b.last):cap(b.last)]
}

// add takes the first n bytes of the room.
func (b *body) add(n int) { b.last = b.last[:len(b.last)+n] }

func (b *body) size() int64 { return int64(len(b.full))*pieceSize + int64(len(b.last)) }

// joined has the buffer into which the pieces of a large body are copied. One large body at a time is
// decoded: a value in joining says that one is. The buffer is garbage when no large body has come
// for a while.
var (
	joining = make(chan struct{}, 1)
	joined  = sync.Pool{New: func() any { return new([]byte) }}
)

// decode calls f with the bytes of the body, which f must not retain, and drops them. It waits while
// another large body is decoded, until ctx ends. As many bodies wait as the budget of bodies admits.
func (b *body) decode(ctx context.Context, f func([]byte) error) error {
	if len(b.full) == 0 {
		return f(b.last)
	}
	select {
	case joining <- struct{}{}:
		defer func() { <-joining }()
	case <-ctx.Done():
		return fmt.Errorf("wait to decode a body: %w", ctx.Err())
	}
	place := joined.Get().(*[]byte)
	defer joined.Put(place)
	if int64(cap(*place)) < b.size() {
		*place = make([]byte, 0, b.size())
	}
	all := (*place)[:0]
	for _, p := range b.full {
		all = append(all, p[:]...)
	}
	all = append(all, b.last...)
	b.drop()
	return f(all)
}

// drop makes the body empty.
func (b *body) drop() {
	for _, p := range b.full {
		pieces.Put(p)
	}
	if len(b.full) > 0 {
		pieces.Put((*piece)(b.last[:pieceSize]))
	}
	b.full, b.last = nil, nil
}
