package ports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Why a store is not copied, or a copy not used.
var (
	// ErrNotEmpty is a store to copy into that holds something else than a copy that was begun.
	ErrNotEmpty = errors.New("the store to copy into is not empty")

	// ErrNotEqual is a copy that is not what it is a copy of: one of the two was changed meanwhile.
	ErrNotEqual = errors.New("the stores are not equal")

	// ErrUnfinishedCopy is a store that holds a part of another one.
	ErrUnfinishedCopy = errors.New("a copy into this store was not finished")
)

// Copier copies a whole store into another one, of the same adapter or of any other.
type Copier struct {
	from, to *Store
	clock    clock.Clock
	size     unitSize
}

// NewCopier makes a Copier. The clock says when the copy was begun and finished. While it works, nobody else
// may write to either store: the ports cannot see to that.
func NewCopier(from, to *Store, now clock.Clock) *Copier {
	return &Copier{from: from, to: to, clock: now, size: unitSize{rows: 1000, images: 4, bytes: 8 << 20}}
}

// Copied is what a Copy came to.
type Copied struct {
	Tables []CopiedTable       // in the order of Tables
	Audit  tokens.Verification // what the audits of both stores found
}

// CopiedTable is how many rows a table has now in both stores.
type CopiedTable struct {
	Table *Table
	Rows  int64
	Found int64 // of these, how many an earlier Copy had brought
}

// Progress is how far a Copy is.
type Progress struct {
	Step  CopyStep
	Table *Table // nil while the stores are audited
	Rows  int64  // of the table, that the step is done with
}

// CopyStep is one of the things that a Copy does, in this order.
type CopyStep string

// The steps of a Copy.
const (
	Copying   CopyStep = "copying"
	Comparing CopyStep = "comparing"
	Auditing  CopyStep = "auditing"
)

// Copy copies all rows of all tables, in units of work that are bounded in rows and in bytes; reads both
// stores again and compares every row; and audits both, which must find the same. That a rule is broken is
// no error as long as it is broken in both. progress, which may be nil, is told of each step and page.
//
// A copy that was interrupted, however that happened, is gone on with by another Copy from the same store: it
// compares what is there, and brings what is missing. Until Copy has returned nil, CheckWhole and Copy refuse the store
// that was copied into. Once it has, a further Copy into it is refused with ErrNotEmpty.
//
// Errors: ErrUnfinishedCopy where the store to copy from is itself half a copy, and ErrNotEmpty; both before
// anything is written. ErrNotEqual, which names table and key. Those of the stores; where the store that is copied
// into refuses a row, they name it. The marks by which a copy knows itself are not copied.
func (c *Copier) Copy(ctx context.Context, progress func(Progress)) (Copied, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	if err := CheckWhole(ctx, c.from); err != nil {
		return Copied{}, fmt.Errorf("copy a store: the one to copy from: %w", err)
	}
	if err := c.begin(ctx); err != nil {
		return Copied{}, fmt.Errorf("copy a store: begin: %w", err)
	}
	var done Copied
	for _, table := range Tables {
		rows, err := c.copyTable(ctx, table, progress)
		if err != nil {
			return Copied{}, fmt.Errorf("copy %s: %w", table.Name, err)
		}
		done.Tables = append(done.Tables, rows)
	}
	for _, table := range Tables {
		if err := c.compareTable(ctx, table, progress); err != nil {
			return Copied{}, fmt.Errorf("compare %s: %w", table.Name, err)
		}
	}
	progress(Progress{Step: Auditing})
	found, err := c.audit(ctx)
	if err != nil {
		return Copied{}, fmt.Errorf("copy a store: %w", err)
	}
	done.Audit = found
	if err := c.finish(ctx); err != nil {
		return Copied{}, fmt.Errorf("copy a store: finish: %w", err)
	}
	return done, nil
}

// audit audits both stores.
func (c *Copier) audit(ctx context.Context) (tokens.Verification, error) {
	from, err := NewAuditor(c.from).Audit(ctx)
	if err != nil {
		return tokens.Verification{}, err
	}
	to, err := NewAuditor(c.to).Audit(ctx)
	if err != nil {
		return tokens.Verification{}, err
	}
	if from.Wallets != to.Wallets || from.Transactions != to.Transactions || from.Held != to.Held ||
		!slices.Equal(from.Violations, to.Violations) {
		return tokens.Verification{}, fmt.Errorf("%w: their audits found %d and %d violations", ErrNotEqual, len(from.Violations), len(to.Violations))
	}
	return from, nil
}

// What a store that is copied into is marked with. These marks speak of that one store, so a copy of it has
// marks of its own.
const (
	copyBegun    = "copy begun"
	copyFinished = "copy finished"
)

// CheckWhole returns ErrUnfinishedCopy (wrapped) where a copy into the store was begun and is not finished:
// whoever would serve people from a store asks first. Other errors are those of the store.
func CheckWhole(ctx context.Context, s *Store) error {
	return s.View(ctx, func(ctx context.Context, tx Tx) error {
		begun, finished, err := copyMarks(ctx, tx)
		if err == nil && !begun.IsZero() && finished.IsZero() {
			err = fmt.Errorf("%w (it was begun on %s)", ErrUnfinishedCopy, begun.Format(time.DateTime))
		}
		return err
	})
}

// copyMarks are when a copy into the store was begun and finished, or zero.
func copyMarks(ctx context.Context, tx Tx) (begun, finished time.Time, err error) {
	begun, _, err = tx.Marks().Marked(ctx, copyBegun)
	if err != nil {
		return begun, finished, err
	}
	finished, _, err = tx.Marks().Marked(ctx, copyFinished)
	return begun, finished, err
}

// begin marks the store to copy into, unless an earlier copy did.
func (c *Copier) begin(ctx context.Context) error {
	return c.to.DoRepeatable(ctx, func(ctx context.Context, tx Tx) error {
		begun, finished, err := copyMarks(ctx, tx)
		switch {
		case err != nil:
			return err
		case !finished.IsZero():
			return fmt.Errorf("%w: a copy into it was finished on %s", ErrNotEmpty, finished.Format(time.DateTime))
		case !begun.IsZero():
			return nil
		}
		for _, table := range Tables {
			rows, err := tx.Rows().Read(ctx, table, nil, 1)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return fmt.Errorf("%w: there are rows in %s", ErrNotEmpty, table.Name)
			}
		}
		return tx.Marks().Mark(ctx, copyBegun, c.clock.Now())
	})
}

func (c *Copier) finish(ctx context.Context) error {
	return c.to.DoRepeatable(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Marks().Mark(ctx, copyFinished, c.clock.Now())
	})
}
