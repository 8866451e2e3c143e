package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	_ ports.Storage  = (*Store)(nil)
	_ ports.Measured = (*Store)(nil)
)

// Store is an open file. It is safe for concurrent use. Open makes one.
type Store struct {
	path    string
	lock    *lock   // nil if the store is read-only
	writer  *writer // nil if the store is read-only
	readers *readers
	gate    *uow.Gate // for units and backups
}

// Run implements uow.Runner. Apart from the error of fn, it returns ctx.Err() (wrapped), the error
// of the repository that ended the unit, or one of package uow: ErrConflict if another process has
// locked the file, or if a unit that shared the transaction broke it; ErrUnreachable if the disk is
// full or fails, and after Close; ErrOutcomeUnknown if the disk failed during a commit; ErrReadOnly
// for a unit that writes if the store was opened read-only. Run runs a unit once.
//
// A unit is acknowledged together with the units that were waiting when it ended, so it waits for
// their functions, too.
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
		return fmt.Errorf("sqlite: the store was opened read-only: %w", uow.ErrReadOnly)
	}
	return s.writer.run(ctx, s.gate, func(c *conn) error {
		if err := do(c); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil && c.undoing != never {
			return fmt.Errorf("sqlite: commit: %w", err)
		}
		return nil
	})
}

// Ping reads from the store. It returns uow.ErrUnreachable (wrapped) if that fails, also after
// Close and if ctx has ended.
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

// Stats implements ports.Measured. It counts the connections that read. Waiting are the units that
// wait for their turn to write.
func (s *Store) Stats() ports.Stats {
	stats := ports.Stats{InUse: len(s.readers.slots), Idle: s.readers.unused(), Most: cap(s.readers.slots)}
	if s.writer != nil {
		stats.Waiting = s.writer.waiting()
	}
	return stats
}

// Close waits for running units until ctx ends, and then closes the file. Units that wait for their
// turn fail. If ctx ends first, Close returns ctx.Err() (wrapped), and the last unit closes the
// file. Close may be called again.
func (s *Store) Close(ctx context.Context) error { return s.gate.Close(ctx) }

// release closes everything that Open opened. Readers are first: the last connection, which writes,
// moves the contents of the WAL into the file.
func (s *Store) release() error {
	failed := []error{s.readers.close()}
	if s.writer != nil {
		failed = append(failed, s.writer.close(), s.lock.release())
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}
