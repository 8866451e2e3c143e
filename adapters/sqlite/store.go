package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var _ ports.Storage = (*Store)(nil)

// Store is one file, open. It is safe for concurrent use; Open makes one.
type Store struct {
	path    string
	lock    *lock   // nil where the store is read only
	writer  *writer // nil where the store is read only
	readers *readers
	gate    *uow.Gate // for units, and for copies being made
}

// Run implements uow.Runner. Beside what fn returns, its errors are ctx.Err() (wrapped), the error of the
// repository that ended the unit, and those of package uow: ErrConflict, where another process had locked the file or
// where a unit that shared its transaction broke it; ErrUnreachable, for a disk that is full or fails, and after
// Close; ErrOutcomeUnknown, where the disk failed in the middle of a commit; ErrReadOnly, of a unit that writes
// on a store that was opened read only. A unit is run once.
//
// A unit is acknowledged together with those that were waiting when it ended, so it waits for their functions, too.
func (s *Store) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sqlite: begin: %w", err)
	}
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	do := func(c *conn) error { return newUnit(mode, c).run(ctx, fn) }
	switch {
	case mode == uow.Snapshot:
		return s.readers.snapshot(ctx, do)
	case mode == uow.Read:
		return s.readers.use(ctx, do)
	case s.writer == nil:
		return fmt.Errorf("sqlite: the store was opened read only: %w", uow.ErrReadOnly)
	}
	return s.writer.run(ctx, s.gate, func(c *conn) error {
		if err := do(c); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("sqlite: commit: %w", err)
		}
		return nil
	})
}

// Ping reads from the store. Its error is uow.ErrUnreachable (wrapped), after Close and where ctx has ended, too.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	err := s.readers.use(ctx, func(c *conn) error {
		_, err := find(ctx, c, value((*row).int), "SELECT count(*) FROM store_marks")
		return err
	})
	if err != nil && !errors.Is(err, uow.ErrUnreachable) {
		err = uow.ErrUnreachable.Wrap(err)
	}
	if err != nil {
		return fmt.Errorf("sqlite: ping: %w", err)
	}
	return nil
}

// Close lets the units under way end, those that wait for their turn fail, and waits for them until ctx
// ends: then it returns ctx.Err() (wrapped), and the last of them closes the file. It may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }

// letGo closes all that Open opened. Readers go first: the last connection, which writes, puts everything
// into the one file.
func (s *Store) letGo() error {
	failed := []error{s.readers.close()}
	if s.writer != nil {
		failed = append(failed, s.writer.close(), s.lock.release())
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}
