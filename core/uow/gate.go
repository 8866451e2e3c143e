package uow

import (
	"context"
	"fmt"
	"sync"
)

// Gate counts, for adapters, the units under way, so that a store which is closed lets nobody in any more, waits for
// those within, and lets go of what it holds when the last of them has left.
type Gate struct {
	adapter string
	letGo   func() error

	mu      sync.Mutex
	running int
	closed  bool
	closing chan struct{}
	idle    chan struct{} // closed after letGo
	err     error         // what letGo came to
}

// NewGate makes an open Gate; the adapter's name stands before its errors. letGo is called once, when the store
// is closed and nobody is within.
func NewGate(adapter string, letGo func() error) *Gate {
	return &Gate{adapter: adapter, letGo: letGo, closing: make(chan struct{}), idle: make(chan struct{})}
}

// Enter lets a unit in, which has to Leave. After Close it returns ErrUnreachable (wrapped).
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return g.ErrClosed()
	}
	g.running++
	return nil
}

// Leave ends what Enter began.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.settle()
}

// Closing is closed by Close: those who wait for a turn should give up then, with ErrClosed.
func (g *Gate) Closing() <-chan struct{} { return g.closing }

// ErrClosed is what a closed store answers: ErrUnreachable (wrapped).
func (g *Gate) ErrClosed() error {
	return fmt.Errorf("%s: the store is closed: %w", g.adapter, ErrUnreachable)
}

// Close lets nobody in any more, and waits for those within until ctx ends: then it returns ctx.Err()
// (wrapped), and the last of them lets go. Else it returns what letGo did. It may be called again.
func (g *Gate) Close(ctx context.Context) error {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.closing)
		g.settle()
	}
	g.mu.Unlock()
	select {
	case <-g.idle:
		return g.err
	default:
	}
	select {
	case <-g.idle:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("%s: wait for the units under way: %w", g.adapter, ctx.Err())
	}
}

// settle lets go when it is time. The caller holds mu.
func (g *Gate) settle() {
	if !g.closed || g.running > 0 {
		return
	}
	if err := g.letGo(); err != nil {
		g.err = fmt.Errorf("%s: close: %w", g.adapter, err)
	}
	close(g.idle)
}
