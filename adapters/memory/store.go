package memory

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var _ ports.Storage = (*Store)(nil)

// Store is an empty store to begin with, and forgets everything with the process. It is safe for
// concurrent use; make one with New.
type Store struct {
	writer    chan struct{}         // has room for the one unit that writes
	committed *state                // what the last unit left: only the unit that writes touches it
	published atomic.Pointer[state] // a copy of it for readers, which nobody changes or copies

	gate *uow.Gate
}

// New makes an empty store.
func New() *Store {
	s := &Store{
		writer:    make(chan struct{}, 1),
		committed: new(state),
		gate:      uow.NewGate("memory", func() error { return nil }),
	}
	s.published.Store(s.committed.copy())
	return s
}

// Run implements uow.Runner. Beside what fn returns, its errors are ctx.Err() (wrapped), the error of the
// repository that ended the unit, and uow.ErrUnreachable after Close. A unit is run once.
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

// write runs fn on a copy of the committed state, and commits the copy. Where fn panics or ends the
// goroutine, the copy is dropped and the next writer let in.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("memory: wait for the unit before: %w", ctx.Err())
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
	return nil
}

// Ping returns nil until Close, then uow.ErrUnreachable; that too where ctx has ended.
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

// Close lets the units under way end, those that wait for their turn fail, and waits for them until ctx
// ends: then it returns ctx.Err() (wrapped). It may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }
