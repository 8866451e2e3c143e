package coretest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Is ends the test unless errors.Is(err, want). want may be nil.
func Is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// Fields fails the test unless err is fault.Invalid and names these fields, and no others.
func Fields(t testing.TB, err error, names ...string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid {
		t.Fatalf("got error %v, want %v of %q", err, fault.Invalid, names)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Name)
	}
	if !slices.Equal(got, names) {
		t.Fatalf("got error %v, want the fields %q", err, names)
	}
}

// AtOnce makes n concurrent calls of f, and returns their errors after all have ended.
func AtOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			errs[i] = f(i)
		})
	}
	close(begin)
	all.Wait()
	return errs
}

// Count returns how many of the errors match want, which may be nil.
func Count(errs []error, want error) int {
	n := 0
	for _, err := range errs {
		if errors.Is(err, want) {
			n++
		}
	}
	return n
}

// Rows returns all rows of the store as text that can be compared, except the counts of tries, which
// a refused try changes, and their key.
func (w *World) Rows() string {
	w.t.Helper()
	var all strings.Builder
	err := w.Store.Snapshot(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		all.Reset()
		for _, table := range ports.Tables {
			if table == ports.Tries {
				continue
			}
			fmt.Fprintf(&all, "%s\n", table.Name)
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				if row[0] == users.TryKey {
					continue
				}
				for _, value := range row {
					fmt.Fprintf(&all, "\t%s", show(value))
				}
				all.WriteByte('\n')
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatalf("read all rows: %v", err)
	}
	return all.String()
}

// show writes a value of a row; what is an identifier to the store, as one.
func show(value any) string {
	switch v := value.(type) {
	case [16]byte:
		return id.User(v).String()
	case []byte:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%v", value)
}

// Unchanged ends the test if f changes a row of the store.
func (w *World) Unchanged(f func()) {
	w.t.Helper()
	before := w.Rows()
	f()
	if after := w.Rows(); after != before {
		w.t.Fatalf("something was changed, from\n%s\nto\n%s", before, after)
	}
}

// Cancelled runs a use case again and again, cancelled later and later on its way, until it is
// through: an attempt that was cancelled must say so, and must leave the store as it was. It
// returns the error of the last, which was not cancelled.
func (w *World) Cancelled(useCase func(ctx context.Context) error) error {
	w.t.Helper()
	for looks := int64(0); ; looks++ {
		ctx := &ending{Context: w.Ctx}
		ctx.looks.Store(looks)
		before := w.Rows()
		err := useCase(ctx)
		if ctx.looks.Load() >= 0 {
			return err
		}
		if !errors.Is(err, context.Canceled) {
			w.t.Fatalf("cancelled at look %d: got error %v, want %v", looks, err, context.Canceled)
		}
		if after := w.Rows(); after != before {
			w.t.Fatalf("cancelled at look %d, it changed\n%s\nto\n%s", looks, before, after)
		}
	}
}

// ending is a context that is cancelled after a number of calls of Err.
type ending struct {
	context.Context
	looks atomic.Int64
}

func (c *ending) Err() error {
	if c.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return c.Context.Err()
}
