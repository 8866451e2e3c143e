package copier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
)

// TestCopyContinues interrupts a copy at each of its units of work, in three ways, and continues
// it.
func TestCopyContinues(t *testing.T) {
	w := newTown(t)
	for name, end := range map[string]func(stop context.CancelFunc, run func() error) error{
		"unreachable before": func(_ context.CancelFunc, _ func() error) error { return uow.ErrUnreachable },
		"cancelled":          func(stop context.CancelFunc, run func() error) error { stop(); return run() },
		"unreachable afterwards": func(_ context.CancelFunc, run func() error) error {
			return errors.Join(run(), uow.ErrUnreachable)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ends := 0
			for !endsAt(t, w.store, ends, end) {
				if t.Failed() {
					t.Fatalf("the copy was interrupted at unit %d", ends)
				}
				ends++
			}
			t.Attr("counts", fmt.Sprintf("copies ended: %d", ends))
		})
	}
}

// endsAt interrupts a copy at one of its units and continues it. It returns true if the copy has
// fewer units.
func endsAt(
	t *testing.T, from *ports.Store, last int, end func(stop context.CancelFunc, run func() error) error,
) (over bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	written, units := map[string]int{}, 0
	storage := memory.New()
	count := func(_ uow.Mode, rows ports.Rows) ports.Rows {
		return changed{Rows: rows, write: func(table *ports.Table, rows []ports.Row) ([]ports.Row, error) {
			for _, row := range rows {
				written[key(table, row)+table.Name]++
			}
			return rows, nil
		}}
	}
	first := newStore(tampered{storage, func(_ uow.Mode, run func() error) error {
		if units++; units-1 == last {
			return end(stop, run)
		}
		return run()
	}, count})
	_, err := between(from, first).Copy(ctx, nil)
	if units <= last {
		return true
	}
	if err == nil {
		t.Error("the interrupted copy returned no error")
	} else if strings.Contains(err.Error(), "the row") {
		t.Errorf("the error names a row that was not refused: %v", err)
	}

	to := newStore(storage)
	begun, finished := marked(t, to, "copy begun"), marked(t, to, "copy finished")
	if err := copier.CheckWhole(t.Context(), to); errors.Is(err, copier.ErrUnfinishedCopy) != (begun && !finished) {
		t.Errorf("begun %t, finished %t: %v", begun, finished, err)
	}
	_, err = between(from, newStore(tampered{Storage: storage, rows: count})).Copy(t.Context(), nil)
	if finished && !errors.Is(err, copier.ErrNotEmpty) || !finished && err != nil {
		t.Errorf("finished %t: %v", finished, err)
	}
	same(t, from, to)
	for row, times := range written {
		if times != 1 {
			t.Errorf("%s was written %d times", row, times)
		}
	}
	return false
}

func marked(t *testing.T, s *ports.Store, name string) (marked bool) {
	t.Helper()
	err := s.View(t.Context(), func(ctx context.Context, tx ports.Tx) (err error) {
		_, marked, err = tx.Marks().Marked(ctx, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return marked
}

func TestCopyThroughUnknownOutcomes(t *testing.T) {
	w := newTown(t)
	for name, kept := range map[string]bool{"kept": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			to := newStore(tampered{Storage: memory.New(), unit: func(mode uow.Mode, run func() error) error {
				if tries++; mode != uow.Write || tries%2 == 0 {
					return run()
				}
				if !kept {
					return uow.ErrOutcomeUnknown
				}
				return errors.Join(run(), uow.ErrOutcomeUnknown)
			}})
			if _, err := between(w.store, to).Copy(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			same(t, w.store, to)
		})
	}
}

// TestCopyContinuesFromTheSameStoreOnly changes the source between two attempts.
func TestCopyContinuesFromTheSameStoreOnly(t *testing.T) {
	w := newTown(t)
	for _, test := range []struct {
		name   string
		change func(table *ports.Table, rows []ports.Row) []ports.Row // changes the rows that the second attempt reads
		want   string
	}{
		{"another number", func(table *ports.Table, rows []ports.Row) []ports.Row {
			return replace(table, rows, ports.Wallets, "balance", int64(7))
		}, "has another balance in the copy"},
		{"another text", func(table *ports.Table, rows []ports.Row) []ports.Row {
			return replace(table, rows, ports.Messages, "content", "never said")
		}, "has another content in the copy"},
		{"an absent value", func(table *ports.Table, rows []ports.Row) []ports.Row {
			return replace(table, rows, ports.Users, "bio", nil)
		}, "has another bio in the copy"},
		{"another time", func(table *ports.Table, rows []ports.Row) []ports.Row {
			return replace(table, rows, ports.Conversations, "created_at", noon.Add(time.Millisecond))
		}, "has another created_at in the copy"},
		{"other bytes", func(table *ports.Table, rows []ports.Row) []ports.Row {
			return replace(table, rows, ports.Attachments, "bytes", []byte("\x89PN"))
		}, "has another bytes in the copy"},
		{"a missing row", func(table *ports.Table, rows []ports.Row) []ports.Row {
			if table == ports.Interests && len(rows) > 1 {
				return rows[1:]
			}
			return rows
		}, "the source has the row"},
		{"a missing last row", func(table *ports.Table, rows []ports.Row) []ports.Row {
			if table == ports.Interests && len(rows) > 1 {
				return rows[:1]
			}
			return rows
		}, "surplus row"},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := memory.New()
			stopped := newStore(tampered{Storage: to, rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
				return changed{Rows: rows, write: func(table *ports.Table, rows []ports.Row) ([]ports.Row, error) {
					if table == ports.StoreMarks {
						return nil, uow.ErrUnreachable
					}
					return rows, nil
				}}
			}})
			if _, err := between(w.store, stopped).Copy(t.Context(), nil); !errors.Is(err, uow.ErrUnreachable) {
				t.Fatal(err)
			}
			before := contents(t, newStore(to))
			from := newStore(tampered{Storage: ofTown(t, w), rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
				return changed{Rows: rows, read: test.change}
			}})
			_, err := between(from, newStore(to)).Copy(t.Context(), nil)
			if !errors.Is(err, copier.ErrNotEqual) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if contents(t, newStore(to)) != before {
				t.Error("the second attempt wrote rows")
			}
			if err := copier.CheckWhole(t.Context(), newStore(to)); !errors.Is(err, copier.ErrUnfinishedCopy) {
				t.Errorf("CheckWhole of an unfinished copy returned %v", err)
			}
		})
	}
}

// ofTown returns a storage with the rows of a town.
func ofTown(t *testing.T, w *town) *memory.Store {
	t.Helper()
	s := memory.New()
	if _, err := copier.New(w.store, newStore(s), clock.System()).Copy(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// replace changes a value of the first row if the rows are of the table meant.
func replace(table *ports.Table, rows []ports.Row, meant *ports.Table, column string, value any) []ports.Row {
	if table == meant && len(rows) > 0 {
		rows[0] = slices.Clone(rows[0])
		rows[0][slices.Index(table.Names(), column)] = value
	}
	return rows
}
