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
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
)

// between makes a Copier that copies in many small steps.
func between(from, to *ports.Store) *copier.Copier {
	c := copier.New(from, to, func() time.Time { return noon })
	c.Bound(3, 1, 100)
	return c
}

func newStore(s ports.Storage) *ports.Store { return ports.NewStore(s, uow.Policy{}) }

// contents are all rows of a store, but for the marks that say of a copy that it is one.
func contents(t *testing.T, s *ports.Store) string {
	t.Helper()
	rows := allRows(t, s)
	var all strings.Builder
	for _, table := range ports.Tables {
		for _, row := range rows[table] {
			if table != ports.StoreMarks || row[0] != "copy begun" && row[0] != "copy finished" {
				fmt.Fprintln(&all, table.Name, row)
			}
		}
	}
	return all.String()
}

// same fails the test unless a store is a whole copy of another one.
func same(t *testing.T, from, to *ports.Store) {
	t.Helper()
	if got, want := contents(t, to), contents(t, from); got != want {
		t.Errorf("the copy holds\n%s\nwant\n%s", got, want)
	}
	if err := copier.CheckWhole(t.Context(), to); err != nil {
		t.Errorf("the copy is not whole: %v", err)
	}
}

func TestCopy(t *testing.T) {
	w := newTown(t)
	to := newStore(memory.New())
	var said []copier.Progress
	copied, err := between(w.store, to).Copy(t.Context(), func(p copier.Progress) { said = append(said, p) })
	if err != nil {
		t.Fatal(err)
	}
	same(t, w.store, to)
	for i, c := range copied.Tables {
		rows := w.rows()[ports.Tables[i]]
		if c.Table != ports.Tables[i] || c.Rows != int64(len(rows)) || c.Found != 0 {
			t.Errorf("of %d rows of %s it says %d of %s, %d of them found", len(rows), ports.Tables[i].Name, c.Rows, c.Table.Name, c.Found)
		}
		for _, step := range []copier.Step{copier.Copying, copier.Comparing} {
			if !slices.Contains(said, copier.Progress{Step: step, Table: c.Table, Rows: c.Rows}) {
				t.Errorf("it did not say when it was done with %s %s", step, c.Table.Name)
			}
		}
	}
	if len(copied.Audit.Violations) != 0 || copied.Audit.Wallets != 4 {
		t.Errorf("the audit found %+v", copied.Audit)
	}
	if last := said[len(said)-1]; last != (copier.Progress{Step: copier.Auditing}) {
		t.Errorf("the last that it did was %+v", last)
	}
	if _, err := between(w.store, to).Copy(t.Context(), nil); !errors.Is(err, copier.ErrNotEmpty) || !strings.Contains(err.Error(), "was finished on 2031-03-01") {
		t.Errorf("a second copy into the same store: %v", err)
	}

	further := newStore(memory.New())
	if _, err := copier.New(to, further, clock.System()).Copy(t.Context(), nil); err != nil {
		t.Fatalf("a copy of the copy: %v", err)
	}
	same(t, w.store, further)
}

// TestCopyOfMarks copies marks around those that are not copied, in pages that these fall into in every way.
func TestCopyOfMarks(t *testing.T) {
	for before := range 5 {
		from := newStore(memory.New())
		if _, err := between(newStore(memory.New()), from).Copy(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		err := from.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
			var errs []error
			for i := range before {
				errs = append(errs, tx.Marks().Mark(ctx, fmt.Sprint("a", i), noon))
			}
			for i := range 5 {
				errs = append(errs, tx.Marks().Mark(ctx, fmt.Sprint("d", i), noon))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			t.Fatal(err)
		}
		to := newStore(tampered{Storage: memory.New(), rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, write: func(_ *ports.Table, rows []ports.Row) ([]ports.Row, error) {
				if len(rows) > 3 {
					t.Errorf("%d rows at once, want 3 at most", len(rows))
				}
				return rows, nil
			}}
		}})
		c := copier.New(from, to, clock.System())
		c.Bound(3, 3, 1<<20)
		copied, err := c.Copy(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if marks := copied.Tables[len(copied.Tables)-1]; marks.Rows != int64(before)+5 {
			t.Errorf("of %d marks it copied %d", before+5, marks.Rows)
		}
		same(t, from, to)
	}
}

func TestCopyIntoAStoreThatIsNotEmpty(t *testing.T) {
	w := newTown(t)
	for name, fill := range map[string]func(ctx context.Context, tx ports.Tx) error{
		"interests":   func(ctx context.Context, tx ports.Tx) error { return first(ctx, tx, ports.Interests, w) },
		"store_marks": func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "demo", noon) },
	} {
		to := newStore(memory.New())
		if err := to.Do(t.Context(), fill); err != nil {
			t.Fatal(err)
		}
		before := contents(t, to)
		if _, err := between(w.store, to).Copy(t.Context(), nil); !errors.Is(err, copier.ErrNotEmpty) || !strings.Contains(err.Error(), name) {
			t.Errorf("where there is something in %s: %v", name, err)
		}
		if contents(t, to) != before || marked(t, to, "copy begun") {
			t.Errorf("where there is something in %s something was changed", name)
		}
	}
}

// first writes the first row of a table of the town.
func first(ctx context.Context, tx ports.Tx, table *ports.Table, w *town) error {
	return tx.Rows().Write(ctx, table, w.rows()[table][:1])
}

func TestCopyOfHalfACopy(t *testing.T) {
	half, to := newStore(memory.New()), newStore(memory.New())
	err := half.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "copy begun", noon) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := between(half, to).Copy(t.Context(), nil); !errors.Is(err, copier.ErrUnfinishedCopy) || marked(t, to, "copy begun") {
		t.Errorf("got %v, and begun %t", err, marked(t, to, "copy begun"))
	}
}

// TestCopyComparesEveryRow copies into a store that does not keep what it is given.
func TestCopyComparesEveryRow(t *testing.T) {
	w := newTown(t)
	for _, table := range ports.Tables {
		to := newStore(tampered{Storage: memory.New(), rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, read: func(t *ports.Table, rows []ports.Row) []ports.Row {
				if t == table && len(rows) > 0 {
					return rows[:len(rows)-1]
				}
				return rows
			}}
		}})
		_, err := between(w.store, to).Copy(t.Context(), nil)
		if !errors.Is(err, copier.ErrNotEqual) || !strings.Contains(err.Error(), "compare "+table.Name+": ") {
			t.Errorf("where the last of a page of %s is lost: %v", table.Name, err)
		}
		if err := copier.CheckWhole(t.Context(), to); !errors.Is(err, copier.ErrUnfinishedCopy) {
			t.Errorf("the copy passes for whole: %v", err)
		}
	}
}

func TestCopyComparesTheAudits(t *testing.T) {
	w := newTown(t)
	to := newStore(tampered{Storage: memory.New(), rows: func(mode uow.Mode, rows ports.Rows) ports.Rows {
		return changed{Rows: rows, read: func(table *ports.Table, rows []ports.Row) []ports.Row {
			if mode == uow.Snapshot {
				return replace(table, rows, ports.Wallets, "balance", int64(7))
			}
			return rows
		}}
	}})
	if _, err := between(w.store, to).Copy(t.Context(), nil); !errors.Is(err, copier.ErrNotEqual) || !strings.Contains(err.Error(), "audits") {
		t.Errorf("got %v", err)
	}
	if err := copier.CheckWhole(t.Context(), to); !errors.Is(err, copier.ErrUnfinishedCopy) {
		t.Errorf("the copy passes for whole: %v", err)
	}
}

func TestCopyOfAStoreThatBreaksRules(t *testing.T) {
	from, to := newStore(memory.New()), newStore(memory.New())
	ada := id.User(id.NewGenerator(nil).Next())
	err := from.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return tx.Rows().Write(ctx, ports.Users, []ports.Row{{
			[16]byte(ada), "Ada", "ada@example.org", "hash", nil, nil, "user", true, false, int64(1), noon, noon,
		}}) // who has no wallet
	})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := between(from, to).Copy(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := copied.Audit.Violations; len(v) != 1 || v[0].Rule != "wallet_user" {
		t.Errorf("the audits found %v", v)
	}
	same(t, from, to)
}

var errRule = errors.New("a rule of the store refuses it")

func TestCopyNamesTheRowThatIsRefused(t *testing.T) {
	w := newTown(t)
	for table, at := range map[*ports.Table]int{ports.Users: 1, ports.TokenTransactions: 4, ports.RefreshTokens: 0, ports.IdempotencyRecords: 0} {
		bad := w.rows()[table][at]
		storage := memory.New()
		to := newStore(tampered{Storage: storage, rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, write: func(t *ports.Table, rows []ports.Row) ([]ports.Row, error) {
				if t == table && slices.ContainsFunc(rows, func(row ports.Row) bool { return key(table, row) == key(table, bad) }) {
					return nil, errRule
				}
				return rows, nil
			}}
		}})
		_, err := between(w.store, to).Copy(t.Context(), nil)
		want := "copy " + table.Name + ": the row "
		switch v := bad[0].(type) {
		case [16]byte:
			want += id.User(v).String()
		case []byte:
			want += fmt.Sprintf("%x", v)
		case string:
			want += fmt.Sprintf("%q", v)
		}
		if table.Key == 2 {
			want += " " + strings.Trim(fmt.Sprintf("%#v", bad[1]), "()")
		}
		if !errors.Is(err, errRule) || !strings.HasPrefix(err.Error(), want+": ") {
			t.Errorf("got  %v\nwant %s: …", err, want)
		}
		if _, err := between(w.store, newStore(storage)).Copy(t.Context(), nil); err != nil { // once the rule is kept
			t.Errorf("it does not go on: %v", err)
		}
		same(t, w.store, newStore(storage))
	}
}

// TestCopyBoundsItsUnits looks at what is written at once.
func TestCopyBoundsItsUnits(t *testing.T) {
	w := newTown(t)
	for _, bound := range []struct{ rows, bytes int }{{100, 1 << 20}, {5, 1 << 20}, {100, 1}, {1, 1 << 20}} {
		units := map[*ports.Table]int{}
		to := newStore(tampered{Storage: memory.New(), rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, write: func(table *ports.Table, rows []ports.Row) ([]ports.Row, error) {
				units[table]++
				if len(rows) > bound.rows || bound.bytes == 1 && len(rows) > 1 {
					t.Errorf("%d rows at once, want %d at most", len(rows), bound.rows)
				}
				return rows, nil
			}}
		}})
		c := copier.New(w.store, to, clock.System())
		c.Bound(bound.rows, bound.rows, bound.bytes)
		copied, err := c.Copy(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range copied.Tables {
			least := int(table.Rows)
			if bound.bytes > 1 {
				least = (least + bound.rows - 1) / bound.rows
			}
			if units[table.Table] != least {
				t.Errorf("%d rows of %s came in %d units, want %d", table.Rows, table.Table.Name, units[table.Table], least)
			}
		}
	}
}
