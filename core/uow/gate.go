package uow

import (
	"context"
	"fmt"
	"sync"
)

// Gate counts, for adapters, the running units of a store. After Close it admits no more units,
// waits for those that run, and then releases the resources of the store.
type Gate struct {
	adapter string
	release func() error

	mu      sync.Mutex
	running int
	closed  bool
	closing chan struct{}
	idle    chan struct{} // closed after release returned
	err     error         // the error of release
}

// NewGate returns an open Gate. Its errors begin with the name of the adapter. The Gate calls
// release once, when it is closed and no unit runs.
func NewGate(adapter string, release func() error) *Gate {
	return &Gate{adapter: adapter, release: release, closing: make(chan struct{}), idle: make(chan struct{})}
}

// Enter admits a unit, which must call Leave when it ends. After Close it returns ErrUnreachable
// (wrapped).
func (g *Gate) Enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return g.ErrClosed()
	}
	g.running++
	return nil
}

// Leave ends a unit that Enter admitted.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.settle()
}

// Run admits fn, for work that may last as long as the store is open. The context of fn ends when ctx
// does and when Close is called, and Run then returns the cause: that of ctx, or ErrClosed. Otherwise
// it returns the error of fn. After Close it returns ErrUnreachable (wrapped).
func (g *Gate) Run(ctx context.Context, fn func(ctx context.Context) error) error {
	if err := g.Enter(); err != nil {
		return err
	}
	defer g.Leave()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case <-g.closing:
			stop(g.ErrClosed())
		case <-ctx.Done():
		}
	}()
	err := fn(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Closing returns a channel that Close closes. A unit that waits for a resource should then stop
// waiting and return ErrClosed.
func (g *Gate) Closing() <-chan struct{} { return g.closing }

// ErrClosed returns the error of a closed store: ErrUnreachable (wrapped).
func (g *Gate) ErrClosed() error {
	return fmt.Errorf("%s: the store is closed: %w", g.adapter, ErrUnreachable)
}

// Close admits no more units, waits for those that run, and returns the error of release. If ctx
// ends first, it returns ctx.Err() (wrapped), and the last unit to leave calls release. Close may
// be called more than once.
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
		return fmt.Errorf("%s: wait for running units: %w", g.adapter, ctx.Err())
	}
}

// settle calls release if the gate is closed and no unit runs. The caller holds mu.
func (g *Gate) settle() {
	if !g.closed || g.running > 0 {
		return
	}
	if err := g.release(); err != nil {
		g.err = fmt.Errorf("%s: close: %w", g.adapter, err)
	}
	close(g.idle)
}
