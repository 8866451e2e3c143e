package tamper_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/tamper"
	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestChangesAreFound changes what the memory adapter returns, as it has no rows elsewhere.
func TestChangesAreFound(t *testing.T) {
	ctx, s := context.Background(), &changed{Storage: memory.New(), rows: map[*ports.Table][]ports.Row{}}
	n := 400
	if os.Getenv("CICERONE_SOAK") == "1" {
		n = 10_000
	}
	tamper.Find(ctx, t, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}), s, n)
}

// changed is a store that returns other rows of some tables than it has, once they were changed.
type changed struct {
	ports.Storage
	rows map[*ports.Table][]ports.Row
}

func (s *changed) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return s.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error { return fn(ctx, changedTx{tx, s}) })
}

type changedTx struct {
	ports.Tx
	store *changed
}

func (tx changedTx) Rows() ports.Rows { return changedRows{tx.Tx.Rows(), tx.store} }

type changedRows struct {
	ports.Rows
	store *changed
}

func (r changedRows) Read(ctx context.Context, table *ports.Table, after []any, limit int) ([]ports.Row, error) {
	all, known := r.store.rows[table]
	if !known {
		return r.Rows.Read(ctx, table, after, limit)
	}
	if after != nil {
		next, found := slices.BinarySearchFunc(all, ports.Row(after), compare)
		if found {
			next++
		}
		all = all[next:]
	}
	return all[:min(len(all), limit)], nil
}

// compare compares the keys of rows: a user's id and a seq.
func compare(a, b ports.Row) int {
	x, _ := a[0].([16]byte)
	y, _ := b[0].([16]byte)
	if order := strings.Compare(string(x[:]), string(y[:])); order != 0 {
		return order
	}
	m, _ := a[1].(int64)
	n, _ := b[1].(int64)
	return int(m - n)
}

// all returns the rows of a table, which it keeps.
func (s *changed) all(ctx context.Context, table *ports.Table) (all []ports.Row, err error) {
	if kept, known := s.rows[table]; known {
		return kept, nil
	}
	err = s.Storage.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		all, err = tx.Rows().Read(ctx, table, nil, 1_000_000)
		return err
	})
	return all, err
}

func (s *changed) Remove(ctx context.Context, table *ports.Table, key []any) error {
	all, err := s.all(ctx, table)
	s.rows[table] = slices.DeleteFunc(all, func(row ports.Row) bool { return compare(row, key) == 0 })
	return err
}

func (s *changed) Insert(ctx context.Context, table *ports.Table, row ports.Row) error {
	all, err := s.all(ctx, table)
	at, _ := slices.BinarySearchFunc(all, row, compare)
	s.rows[table] = slices.Insert(all, at, row)
	return err
}

func BenchmarkVerify(b *testing.B) {
	tamper.Verify(b, community.New(memory.New(), community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
}
