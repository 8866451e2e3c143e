package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var _ ports.Storage = (*Store)(nil)

// Store is a store in memory. It is empty at first and lost when the process ends. It is safe for
// concurrent use. Use New to make one.
type Store struct {
	writer    chan struct{}         // has room for the one unit that writes
	committed *state                // the state after the last unit; used only by the unit that writes
	published atomic.Pointer[state] // a copy for readers, never changed or copied

	gate *uow.Gate
}

// New returns an empty store.
func New() *Store {
	s := &Store{
		writer:    make(chan struct{}, 1),
		committed: new(state),
		gate:      uow.NewGate("memory", func() error { return nil }),
	}
	s.published.Store(s.committed.copy())
	return s
}

// Run implements uow.Runner. Apart from the error of fn, it returns ctx.Err() (wrapped), the error
// of the repository that ended the unit, or uow.ErrUnreachable after Close. Run runs a unit once.
func (s *Store) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: begin: %w", err)
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if mode == uow.Write {
		return s.write(ctx, fn)
	}
	u := newUnit(mode)
	u.current = s.published.Load
	if mode == uow.Snapshot {
		u.state = s.published.Load()
	}
	return u.run(ctx, fn)
}

// write runs fn on a copy of the committed state, and commits the copy. If fn panics or ends the
// goroutine, the copy is dropped, and the next writer can begin.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("memory: wait for another unit: %w", ctx.Err())
	case <-s.gate.Closing():
		return s.gate.ErrClosed()
	}
	defer func() { <-s.writer }()
	u := newUnit(uow.Write)
	u.state = s.committed.copy()
	if err := u.run(ctx, fn); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: commit: %w", err)
	}
	s.committed = u.state
	s.published.Store(s.committed.copy())
	for _, fn := range u.onCommit {
		fn()
	}
	return nil
}

// Ping returns uow.ErrUnreachable after Close and if ctx has ended, and otherwise nil.
func (s *Store) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: ping: %w", uow.ErrUnreachable.Wrap(err))
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	s.gate.Leave()
	return nil
}

// Close waits for running units until ctx ends; units that wait for their turn fail. If ctx ends
// first, Close returns ctx.Err() (wrapped). Close may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }
