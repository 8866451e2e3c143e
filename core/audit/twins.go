package audit

import (
	"context"
	"fmt"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Twins are rows of a table that have one text by the present rules, and were different by those of
// an earlier version.
type Twins struct {
	Table string // users, by address, or interests, by name
	Rows  []Twin // by id
}

// Twin is one of Twins.
type Twin struct {
	ID     id.Subject
	Text   string // the address or the name, as it is stored
	Marked bool   // others may have the same text
}

// Twins returns the twins of the store, in one snapshot: first the users, then the interests. A
// marked row that is the only one with its text is reported, too. It takes memory for the addresses
// of all users. It may run more than once.
func (a *Auditor) Twins(ctx context.Context) (all []Twins, err error) {
	err = a.store.Snapshot(ctx, func(ctx context.Context, tx Tx) error {
		all = nil
		check := &audit{records: tx.Records()}
		for _, of := range []struct {
			table, column string
			fold          func(string) text.Folded
		}{{"users", "email", text.FoldAddress}, {"interests", "name", text.Fold}} {
			found, err := check.twins(ctx, of.table, of.column, of.fold)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for twins: %w", err)
	}
	return all, nil
}

func (a *audit) twins(ctx context.Context, table, column string, fold func(string) text.Folded) (all []Twins, err error) {
	rows := map[text.Folded][]Twin{}
	var order []text.Folded
	err = a.each(ctx, table, func(r record) {
		row := Twin{ID: r.id("id"), Text: r.text(column), Marked: r.bool("twin")}
		if row.Text == "" {
			return
		}
		folded := fold(row.Text)
		if len(rows[folded]) == 0 {
			order = append(order, folded)
		}
		rows[folded] = append(rows[folded], row)
	})
	for _, folded := range order {
		if group := rows[folded]; len(group) > 1 || group[0].Marked {
			all = append(all, Twins{Table: table, Rows: group})
		}
	}
	return all, err
}
