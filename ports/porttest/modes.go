package porttest

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// reading lists the modes that only read.
var reading = []uow.Mode{uow.Read, uow.Snapshot}

func readOnly(f *fixture) {
	w := f.town()
	before := f.dump()
	for _, mode := range reading {
		for _, c := range w.writes(f) {
			err := f.in(f.ctx, mode, c.run)
			if !errors.Is(err, uow.ErrReadOnly) {
				f.Errorf("in mode %d, %s returned %v, want ErrReadOnly", mode, c.name, err)
			}
		}
		if f.Failed() {
			return // the next mode would be tried on a changed store, where some writes are retried for a minute
		}
	}
	f.unchanged("a unit that only reads", before)
}

func readingModes(f *fixture) {
	w := f.town()
	for _, mode := range reading {
		err := f.in(f.ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			for _, c := range w.reads() {
				if err := c.run(ctx, tx); err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
			}
			return nil
		})
		if err != nil {
			f.Errorf("in mode %d, reading failed: %v", mode, err)
		}
	}
}

func usedAfterEnd(f *fixture) {
	w := f.town()
	for _, end := range []struct {
		name string
		mode uow.Mode
		err  error
	}{{"a commit", uow.Write, nil}, {"a rollback", uow.Write, errBoom}, {"reading", uow.Read, nil}, {"a snapshot",
		uow.Snapshot, nil}} {
		var kept ports.Tx
		err := f.in(f.ctx, end.mode, func(_ context.Context, tx ports.Tx) error {
			kept = tx
			return end.err
		})
		if !errors.Is(err, end.err) {
			f.Fatal(err)
		}
		before := f.dump()
		for _, c := range w.calls(f) {
			if err := c.run(f.ctx, kept); !errors.Is(err, uow.ErrEnded) {
				f.Errorf("after %s, %s returned %v, want ErrEnded", end.name, c.name, err)
			}
		}
		f.unchanged("a unit that had ended", before)
	}
}
