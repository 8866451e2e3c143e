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
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/copier"
)

// between returns a Copier that copies in many small units of work.
func between(from, to *ports.Store) *copier.Copier {
	c := copier.New(from, to, func() time.Time { return noon })
	c.Bound(3, 1, 100)
	return c
}

func newStore(s ports.Storage) *ports.Store { return ports.NewStore(s, uow.Policy{}) }

// contents formats all rows of a store, except the marks that describe a copy.
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
	var reported []copier.Progress
	copied, err := between(w.store, to).Copy(t.Context(), func(p copier.Progress) { reported = append(reported, p) })
	if err != nil {
		t.Fatal(err)
	}
	same(t, w.store, to)
	for i, c := range copied.Tables {
		rows := w.rows()[ports.Tables[i]]
		if c.Table != ports.Tables[i] || c.Rows != int64(len(rows)) || c.Found != 0 {
			t.Errorf("copied %d rows of %s; the result has %d rows of %s, of which %d were found", len(rows),
				ports.Tables[i].Name, c.Rows, c.Table.Name, c.Found)
		}
		for _, step := range []copier.Step{copier.Copying, copier.Comparing} {
			if !slices.Contains(reported, copier.Progress{Step: step, Table: c.Table, Rows: c.Rows}) {
				t.Errorf("no progress reported the end of %s %s", step, c.Table.Name)
			}
		}
	}
	if len(copied.Audit.Violations) != 0 || copied.Audit.Wallets != 4 {
		t.Errorf("the audit found %+v", copied.Audit)
	}
	if last := reported[len(reported)-1]; last != (copier.Progress{Step: copier.Auditing}) {
		t.Errorf("the last progress was %+v", last)
	}
	_, err = between(w.store, to).Copy(t.Context(), nil)
	if !errors.Is(err, copier.ErrNotEmpty) || !strings.Contains(err.Error(), "was finished on 2031-03-01") {
		t.Errorf("a second copy into the same store returned %v", err)
	}

	further := newStore(memory.New())
	if _, err := copier.New(to, further, clock.System()).Copy(t.Context(), nil); err != nil {
		t.Fatalf("a copy of the copy: %v", err)
	}
	same(t, w.store, further)
}

// TestCopyOfMarks copies marks before and after those that are not copied, so that these are at
// every place in a page.
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
					t.Errorf("%d rows in one write, want at most 3", len(rows))
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
			t.Errorf("of %d marks, %d were copied", before+5, marks.Rows)
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
		_, err := between(w.store, to).Copy(t.Context(), nil)
		if !errors.Is(err, copier.ErrNotEmpty) || !strings.Contains(err.Error(), name) {
			t.Errorf("a copy into a store with rows in %s returned %v", name, err)
		}
		if contents(t, to) != before || marked(t, to, "copy begun") {
			t.Errorf("a copy into a store with rows in %s changed it", name)
		}
	}
}

// first writes the first row of a table of the town.
func first(ctx context.Context, tx ports.Tx, table *ports.Table, w *town) error {
	return tx.Rows().Write(ctx, table, w.rows()[table][:1])
}

func TestCopyOfHalfACopy(t *testing.T) {
	half, to := newStore(memory.New()), newStore(memory.New())
	err := half.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		return tx.Marks().Mark(ctx, "copy begun", noon)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = between(half, to).Copy(t.Context(), nil)
	if !errors.Is(err, copier.ErrUnfinishedCopy) || marked(t, to, "copy begun") {
		t.Errorf("got %v; the target is marked: %t", err, marked(t, to, "copy begun"))
	}
}

// TestCopyComparesEveryRow copies into a store that loses rows.
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
			t.Errorf("a copy that loses the last row of a page of %s returned %v", table.Name, err)
		}
		if err := copier.CheckWhole(t.Context(), to); !errors.Is(err, copier.ErrUnfinishedCopy) {
			t.Errorf("CheckWhole of an unfinished copy returned %v", err)
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
	_, err := between(w.store, to).Copy(t.Context(), nil)
	if !errors.Is(err, copier.ErrNotEqual) || !strings.Contains(err.Error(), "audits") {
		t.Errorf("got %v", err)
	}
	if err := copier.CheckWhole(t.Context(), to); !errors.Is(err, copier.ErrUnfinishedCopy) {
		t.Errorf("CheckWhole of an unfinished copy returned %v", err)
	}
}

func TestCopyOfAStoreThatBreaksRules(t *testing.T) {
	from, to := newStore(memory.New()), newStore(memory.New())
	ada := id.User(id.NewGenerator(nil).Next())
	err := from.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		u := users.User{
			ID: ada, Name: "Ada", Email: "ada@example.org", Role: users.RoleUser, IsActive: true, Version: 1, CreatedAt: noon, UpdatedAt: noon,
		} // the account has no wallet
		return tx.Rows().Write(ctx, ports.Users, []ports.Row{ports.AccountLayout.Row(ports.Account{User: u})})
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

var errRule = errors.New("the row breaks a rule")

func TestCopyNamesTheRowThatIsRefused(t *testing.T) {
	w := newTown(t)
	for table, at := range map[*ports.Table]int{
		ports.Users: 1, ports.TokenTransactions: 4, ports.RefreshTokens: 0, ports.IdempotencyRecords: 0,
	} {
		bad := w.rows()[table][at]
		storage := memory.New()
		to := newStore(tampered{Storage: storage, rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, write: func(t *ports.Table, rows []ports.Row) ([]ports.Row, error) {
				if t == table && slices.ContainsFunc(rows,
					func(row ports.Row) bool { return key(table, row) == key(table, bad) }) {
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
		// This store refuses no row.
		if _, err := between(w.store, newStore(storage)).Copy(t.Context(), nil); err != nil {
			t.Errorf("continuing the copy: %v", err)
		}
		same(t, w.store, newStore(storage))
	}
}

// TestCopyBoundsItsUnits tests the number of rows and bytes in a unit of work.
func TestCopyBoundsItsUnits(t *testing.T) {
	w := newTown(t)
	for _, bound := range []struct{ rows, bytes int }{{100, 1 << 20}, {5, 1 << 20}, {100, 1}, {1, 1 << 20}} {
		units := map[*ports.Table]int{}
		to := newStore(tampered{Storage: memory.New(), rows: func(_ uow.Mode, rows ports.Rows) ports.Rows {
			return changed{Rows: rows, write: func(table *ports.Table, rows []ports.Row) ([]ports.Row, error) {
				units[table]++
				if len(rows) > bound.rows || bound.bytes == 1 && len(rows) > 1 {
					t.Errorf("%d rows in one write, want at most %d", len(rows), bound.rows)
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
				t.Errorf("%d rows of %s were written in %d units, want %d", table.Rows, table.Table.Name,
					units[table.Table], least)
			}
		}
	}
}
