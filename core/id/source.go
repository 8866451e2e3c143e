package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Source gives out new identifiers: id.User(source.Next()).
type Source interface {
	// Next returns a UUID version 7 that was never returned before. It is safe for concurrent use.
	Next() [16]byte
}

// Generator is the Source that applications use. Identifiers of one generator only ever grow, even
// within a millisecond and when the clock is set back, so that what one process makes sorts in
// the order in which it was made.
type Generator struct {
	now func() time.Time

	mu   sync.Mutex
	last uint64 // milliseconds << 12 | counter: the first 60 bits that carry the order
}

// NewGenerator makes a Generator that reads the given clock; nil means time.Now.
func NewGenerator(now func() time.Time) *Generator {
	if now == nil {
		now = time.Now
	}
	return &Generator{now: now}
}

// Next implements Source. The layout is RFC 9562's version 7, method 1: 48 bits of milliseconds,
// a 12-bit counter that carries into them, 62 random bits.
func (g *Generator) Next() [16]byte {
	var u [16]byte
	rand.Read(u[8:]) // which never returns an error

	ms := uint64(max(g.now().UnixMilli(), 0)) // #nosec G115 -- never negative
	g.mu.Lock()
	g.last = max(g.last+1, ms<<12)
	order := g.last
	g.mu.Unlock()

	binary.BigEndian.PutUint64(u[:8], order>>12<<16|0x7000|order&0x0fff)
	u[8] = u[8]&0x3f | 0x80
	return u
}
