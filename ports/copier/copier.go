// Package copier copies a whole store into another one, of the same adapter or of any other.
package copier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// These are the errors of a copy, in addition to those of the stores.
var (
	// ErrNotEmpty is returned if the store to copy into holds anything but an unfinished copy.
	ErrNotEmpty = errors.New("the target store is not empty")

	// ErrNotEqual is returned if the copy differs from its source, as when one of the two was
	// changed meanwhile.
	ErrNotEqual = errors.New("the stores are not equal")

	// ErrUnfinishedCopy is returned if a store holds only a part of another one.
	ErrUnfinishedCopy = errors.New("a copy into this store was not finished")
)

// Copier copies one store into another.
type Copier struct {
	from, to *ports.Store
	clock    clock.Clock
	size     unitSize
}

// New returns a Copier. The clock gives the times at which the copy began and finished. While it
// works, no other program may write to either store: the ports cannot prevent it.
func New(from, to *ports.Store, now clock.Clock) *Copier {
	return &Copier{from: from, to: to, clock: now, size: unitSize{rows: 1000, images: 4, bytes: 8 << 20}}
}

// Copied is the result of a Copy.
type Copied struct {
	Tables []CopiedTable       // in the order of ports.Tables
	Audit  tokens.Verification // the findings of the audits of both stores, which are the same
}

// CopiedTable is the result for one table.
type CopiedTable struct {
	Table *ports.Table
	Rows  int64 // in both stores
	Found int64 // the rows among them that an earlier Copy had written
}

// Progress describes how far a Copy has come.
type Progress struct {
	Step  Step
	Table *ports.Table // nil while the stores are audited
	Rows  int64        // the rows of the table that the step has finished
}

// Step is one of the steps of a Copy, in this order.
type Step string

// The steps of a Copy.
const (
	Copying   Step = "copying"
	Comparing Step = "comparing"
	Auditing  Step = "auditing"
)

// Copy copies all rows of all tables, in units of work that are bounded in rows and in bytes; reads
// both stores again and compares every row; and audits both. The audits must find the same. A
// broken rule is not an error if both stores break it. progress, which may be nil, is called after
// each step and page.
//
// If a copy was interrupted in any way, a Copy from the same store continues it: it compares the
// rows that exist and adds the missing ones. Until Copy has returned nil, CheckWhole and Copy
// refuse the target store. After that, another Copy into it returns ErrNotEmpty.
//
// Errors: ErrUnfinishedCopy if the source is itself an unfinished copy, and ErrNotEmpty, both
// before anything is written; ErrNotEqual, which names table and key; and those of the stores. If
// the target store refuses a row, the error names the row. The marks that describe a copy are not
// copied.
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
	for _, table := range ports.Tables {
		rows, err := c.copyTable(ctx, table, progress)
		if err != nil {
			return Copied{}, fmt.Errorf("copy %s: %w", table.Name, err)
		}
		done.Tables = append(done.Tables, rows)
	}
	for _, table := range ports.Tables {
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
	from, err := audit.New(ports.ForAudit(c.from)).Audit(ctx)
	if err != nil {
		return tokens.Verification{}, err
	}
	to, err := audit.New(ports.ForAudit(c.to)).Audit(ctx)
	if err != nil {
		return tokens.Verification{}, err
	}
	if from.Wallets != to.Wallets || from.Transactions != to.Transactions || from.Held != to.Held ||
		!slices.Equal(from.Violations, to.Violations) {
		return tokens.Verification{}, fmt.Errorf("%w: the audits differ, with %d and %d violations", ErrNotEqual,
			len(from.Violations), len(to.Violations))
	}
	return from, nil
}

// These are the marks of a target store. They describe this one store, so they are not copied.
const (
	copyBegun    = "copy begun"
	copyFinished = "copy finished"
)

// CheckWhole returns ErrUnfinishedCopy (wrapped) if a copy into the store was begun and is not
// finished. A server calls it before it uses a store. Other errors are those of the store.
func CheckWhole(ctx context.Context, s *ports.Store) error {
	return s.View(ctx, func(ctx context.Context, tx ports.Tx) error {
		begun, finished, err := copyMarks(ctx, tx)
		if err == nil && !begun.IsZero() && finished.IsZero() {
			err = fmt.Errorf("%w (it was begun on %s)", ErrUnfinishedCopy, begun.Format(time.DateTime))
		}
		return err
	})
}

// copyMarks returns the times at which a copy into the store was begun and finished, or zero.
func copyMarks(ctx context.Context, tx ports.Tx) (begun, finished time.Time, err error) {
	begun, _, err = tx.Marks().Marked(ctx, copyBegun)
	if err != nil {
		return begun, finished, err
	}
	finished, _, err = tx.Marks().Marked(ctx, copyFinished)
	return begun, finished, err
}

// begin marks the target store, unless an earlier Copy has.
func (c *Copier) begin(ctx context.Context) error {
	return c.to.DoRepeatable(ctx, func(ctx context.Context, tx ports.Tx) error {
		begun, finished, err := copyMarks(ctx, tx)
		switch {
		case err != nil:
			return err
		case !finished.IsZero():
			return fmt.Errorf("%w: a copy into it was finished on %s", ErrNotEmpty, finished.Format(time.DateTime))
		case !begun.IsZero():
			return nil
		}
		for _, table := range ports.Tables {
			rows, err := readRows(ctx, tx.Rows(), table, nil, 1)
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
	return c.to.DoRepeatable(ctx, func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, copyFinished, c.clock.Now())
	})
}
