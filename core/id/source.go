package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Source generates identifiers, as in id.User(source.Next()).
type Source interface {
	// Next returns a UUID of version 7 that it has never returned before. It is safe for concurrent
	// use.
	Next() [16]byte
}

// Generator is the Source that applications use. Each identifier of a generator is greater than the
// one before, also within a millisecond and after the clock was set back, so that the identifiers
// of one process sort in the order of their generation.
type Generator struct {
	now func() time.Time

	mu   sync.Mutex
	last uint64 // milliseconds<<12 | counter: the 60 bits that determine the order
}

// NewGenerator returns a Generator that reads the time from now. If now is nil, it uses time.Now.
func NewGenerator(now func() time.Time) *Generator {
	if now == nil {
		now = time.Now
	}
	return &Generator{now: now}
}

// Next implements Source. The layout is version 7 of RFC 9562, method 1: 48 bits of milliseconds, a
// 12-bit counter that carries into them, and 62 random bits.
func (g *Generator) Next() [16]byte {
	var u [16]byte
	rand.Read(u[8:]) // never returns an error

	ms := uint64(max(g.now().UnixMilli(), 0)) // #nosec G115 -- never negative
	g.mu.Lock()
	g.last = max(g.last+1, ms<<12)
	order := g.last
	g.mu.Unlock()

	binary.BigEndian.PutUint64(u[:8], order>>12<<16|0x7000|order&0x0fff)
	u[8] = u[8]&0x3f | 0x80
	return u
}
