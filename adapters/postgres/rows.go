package postgres

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/ports"
)

var _ audit.Derived = rows{}

// rows implements ports.Rows.
type rows struct{ *unit }

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(c *conn) error {
		if err := table.CheckKey(after); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		columns := make([]string, len(table.Columns))
		for i, column := range table.Columns {
			columns[i] = readable(column)
		}
		key, where := strings.Join(table.Names()[:table.Key], ", "), ""
		if after != nil {
			where = " WHERE (" + key + ") > (" + placeholders(2, table.Key) + ")"
		}
		page, err = list(ctx, c, func(r *row, row *ports.Row) { *row = table.Row(r) },
			statement("SELECT "+strings.Join(columns, ", ")+" FROM @"+table.Name+where+" ORDER BY "+key+" LIMIT $1"),
			append([]any{limited(limit)}, arguments(after)...)...)
		return err
	})
	return page, err
}

// Write sends the rows immediately, to return their errors.
func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(c *conn) error {
		if err := table.Check(rows...); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		if table == ports.Outbox {
			return c.writeOutbox(ctx, rows)
		}
		names, _ := stored(table.Columns, table.Derived())
		insert := insertInto(table.Name, names)
		if table == ports.Profiles {
			insert = insertProfile
		}
		for _, row := range rows {
			c.later(insert, append(arguments(row), table.Derive(row)...)...)
			if table == ports.Messages {
				m, err := ports.MessageLayout.Value(row)
				if err != nil {
					return err
				}
				c.later(touch, touchArgs(m)...)
			}
		}
		if table == ports.ProfileInterests && len(rows) > 0 {
			c.later(setBits, profilesOf(rows))
		}
		if err := c.flush(ctx); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
		return nil
	})
}

// disagreeing has, for each table with values that are made of other rows, a query for the first $2
// ids after $1, and the column of each whose value is wrong, or NULL. atOnce is how many of its rows a
// statement compares: it reads all messages of a conversation, and must end in time.
var disagreeing = []struct {
	table  *ports.Table
	query  statement
	atOnce int
}{{ports.Profiles, profilesDisagreeing, 1000}, {ports.Conversations, talksDisagreeing, 20}}

// Disagreeing implements audit.Derived.
func (r rows) Disagreeing(ctx context.Context) iter.Seq2[audit.Disagreement, error] {
	return func(yield func(audit.Disagreement, error) bool) {
		for _, of := range disagreeing {
			for page, after := []audit.Disagreement(nil), ([16]byte{}); ; after = page[len(page)-1].ID {
				err := r.read(ctx, func(c *conn) (err error) {
					page, err = list(ctx, c, func(r *row, d *audit.Disagreement) {
						d.Table, d.ID, d.Column = of.table.Name, r.id(), r.text()
					}, of.query, after, int64(of.atOnce))
					return err
				})
				if err != nil {
					yield(audit.Disagreement{}, err)
					return
				}
				for _, d := range page {
					if d.Column != "" && !yield(d, nil) {
						return
					}
				}
				if len(page) < of.atOnce {
					break
				}
			}
		}
	}
}

// arguments converts values, which ports has checked, to those that pgx encodes.
func arguments(values []any) []any {
	args := slices.Clone(values)
	for i, value := range args {
		switch v := value.(type) {
		case []byte:
			args[i] = notNil(v)
		case []string:
			args[i] = notNil(v)
		}
	}
	return args
}
