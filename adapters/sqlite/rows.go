package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/ports"
)

// rows implements ports.Rows.
type rows struct{ *unit }

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(c *conn) error {
		if err := table.CheckKey(after); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		if err := r.flush(ctx); err != nil {
			return err
		}
		names, key := strings.Join(table.Names(), ", "), strings.Join(table.Names()[:table.Key], ", ")
		where := ""
		if after != nil {
			where = " WHERE (" + key + ") > (" + marksFor(table.Key) + ")"
		}
		page, err = list(ctx, c, func(r *row, row *ports.Row) { *row = table.Row(r) },
			"SELECT "+names+" FROM "+table.Name+where+" ORDER BY "+key+" LIMIT +?",
			append(arguments(table.Columns, after), limited(limit))...)
		return err
	})
	return page, err
}

func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(c *conn) error {
		if err := table.Check(rows...); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		if table == ports.Outbox {
			return r.writeOutbox(ctx, rows)
		}
		names, _ := stored(table.Columns, table.Derived())
		insert := insertInto(table.Name, names)
		for _, row := range rows {
			_, err := c.exec(ctx, insert, append(arguments(table.Columns, row), table.Derive(row)...)...)
			if err == nil && table == ports.Messages {
				var m messaging.Message
				if m, err = ports.MessageLayout.Value(row); err == nil {
					err = c.touch(ctx, m)
				}
			}
			if err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
		}
		if table == ports.ProfileInterests {
			return c.setNumbersOf(ctx, rows)
		}
		return nil
	})
}

// setNumbersOf makes the numbers of the profiles of rows of ports.ProfileInterests again.
func (c *conn) setNumbersOf(ctx context.Context, links []ports.Row) error {
	for i, row := range links {
		profile := row[0].([16]byte) //nolint:forcetypeassert // ports has checked the row
		if i > 0 && links[i-1][0] == row[0] {
			continue // they are sorted, if not always
		}
		if err := c.setNumbers(ctx, profile); err != nil {
			return err
		}
	}
	return nil
}

// arguments converts values of the first columns, which ports has checked, to those that the driver
// accepts.
func arguments(columns []ports.Column, values []any) []any {
	args := make([]any, len(values))
	for i, value := range values {
		switch v := value.(type) {
		case [16]byte:
			args[i] = v[:]
		case string:
			args[i] = v
			if columns[i].Kind == ports.Decimal {
				args[i] = cents(v)
			}
		case time.Time:
			args[i] = milli(v)
		case []byte:
			args[i] = notNil(v)
		case []string:
			args[i] = listed(v)
		default:
			args[i] = v
		}
	}
	return args
}
