package ports

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
)

// ForServices returns the store that core/services uses, with all that the services need.
func ForServices(s *Store) *uow.Store[services.Tx] {
	return uow.Narrow(s, func(tx Tx) services.Tx { return recordsTx{tx} })
}

// ForAudit returns the store that core/audit uses. Rows that implement audit.Derived are asked what
// they have made wrong.
func ForAudit(s *Store) *uow.Store[audit.Tx] {
	return uow.Narrow(s, func(tx Tx) audit.Tx { return recordsTx{tx} })
}

// recordsTx adds audit.Records to a Tx.
type recordsTx struct{ Tx }

func (tx recordsTx) Records() audit.Records { return records{tx.Rows()} }

// records implements audit.Records.
type records struct{ rows Rows }

func (r records) Each(ctx context.Context, table string) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		i := slices.IndexFunc(Tables, func(t *Table) bool { return t.Name == table })
		if i < 0 {
			yield(nil, fmt.Errorf("read %s: there is no such table", table))
			return
		}
		for row, err := range Scan(ctx, r.rows, Tables[i], nil, 0) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(record{Tables[i], row}, nil) {
				return
			}
		}
	}
}

// Disagreeing implements audit.Derived for the rows of a store that does.
func (r records) Disagreeing(ctx context.Context) iter.Seq2[audit.Disagreement, error] {
	if derived, ok := r.rows.(audit.Derived); ok {
		return derived.Disagreeing(ctx)
	}
	return func(func(audit.Disagreement, error) bool) {}
}

// record implements audit.Record.
type record struct {
	table *Table
	row   Row
}

func (r record) Value(column string) (any, error) {
	for i, c := range r.table.Columns {
		if c.Name == column {
			return r.row[i], nil
		}
	}
	return nil, fmt.Errorf("%s has no such column", r.table.Name)
}
