package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// rows is ports.Rows.
type rows struct{ *unit }

// folded says which columns have their text without regard to case beside them. An absent address has none; what
// profiles are searched by is folded even where it is absent.
var folded = map[*ports.Table][]string{
	ports.Users:     {"name", "email"},
	ports.Interests: {"name"},
	ports.Profiles:  {"country", "city"},
}

func (r rows) Read(ctx context.Context, table *ports.Table, after []any, limit int) (page []ports.Row, err error) {
	err = r.read(ctx, func(c *conn) error {
		if !slices.Contains(ports.Tables, table) {
			return fmt.Errorf("there is no table %s", table.Name)
		}
		columns := make([]string, len(table.Columns))
		for i, column := range table.Columns {
			columns[i] = column.Name + map[ports.Kind]string{ports.Int: "::bigint", ports.Decimal: "::text", ports.JSON: "::text"}[column.Kind]
		}
		key := columnNames(table.Columns[:table.Key])
		where, args := "", []any{limited(limit)}
		if after != nil {
			values, err := arguments(table.Columns[:table.Key], after)
			if err != nil {
				return fmt.Errorf("read %s: %w", table.Name, err)
			}
			where, args = " WHERE ("+key+") > ("+placeholders(2, table.Key)+")", append(args, values...)
		}
		page, err = list(ctx, c, func(r *row) ports.Row { return scanRow(r, table) },
			statement("SELECT "+strings.Join(columns, ", ")+" FROM @"+table.Name+where+" ORDER BY "+key+" LIMIT $1"), args...)
		return err
	})
	return page, err
}

func scanRow(r *row, table *ports.Table) ports.Row {
	out := make(ports.Row, len(table.Columns))
	for i, c := range table.Columns {
		out[i] = scanValue(r, c)
	}
	return out
}

func scanValue(r *row, c ports.Column) any {
	if c.Nullable && r.column < len(r.values) && r.values[r.column] == nil {
		r.next()
		return nil
	}
	switch c.Kind {
	case ports.UUID:
		return r.id()
	case ports.Int:
		return r.int()
	case ports.Bool:
		return r.bool()
	case ports.Time:
		return r.time()
	case ports.Bytes:
		return notNil(r.bytes())
	case ports.JSON:
		return r.canonical()
	default:
		return r.text()
	}
}

// Write sends the rows at once, to know what becomes of them.
func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(c *conn) error {
		if !slices.Contains(ports.Tables, table) {
			return fmt.Errorf("there is no table %s", table.Name)
		}
		names := columnNames(table.Columns)
		for _, f := range folded[table] {
			names += ", " + f + "_folded"
		}
		insert := statement("INSERT INTO @" + table.Name + " (" + names + ") VALUES (" +
			placeholders(1, len(table.Columns)+len(folded[table])) + ")")
		for _, row := range rows {
			args, err := arguments(table.Columns, row)
			if err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
			c.later(insert, append(args, foldedArguments(table, row)...)...)
		}
		if err := c.flush(ctx); err != nil {
			return fmt.Errorf("write %s: %w", table.Name, err)
		}
		return nil
	})
}

// foldedArguments are what the columns hold that stand beside those of a row that is known to be right.
func foldedArguments(table *ports.Table, row ports.Row) (args []any) {
	for _, name := range folded[table] {
		i := slices.IndexFunc(table.Columns, func(c ports.Column) bool { return c.Name == name })
		s, present := row[i].(string)
		if !present && table == ports.Users {
			args = append(args, nil)
		} else {
			args = append(args, text.Fold(s))
		}
	}
	return args
}

func columnNames(columns []ports.Column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// placeholders are those of n arguments, numbered from first.
func placeholders(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(all, ", ")
}

// arguments are the values of a row as the server takes them. Values that are not what the columns say are refused.
func arguments(columns []ports.Column, row []any) ([]any, error) {
	if len(row) != len(columns) {
		return nil, fmt.Errorf("%d values for %d columns", len(row), len(columns))
	}
	args := make([]any, len(row))
	for i, c := range columns {
		if row[i] == nil && c.Nullable {
			continue
		}
		a, err := argument(c.Kind, row[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		args[i] = a
	}
	return args, nil
}

func argument(kind ports.Kind, value any) (any, error) {
	switch v := value.(type) {
	case [16]byte:
		if kind == ports.UUID {
			return v, nil
		}
	case string:
		return v, checkText(kind, v)
	case int64:
		if kind == ports.Int {
			return v, nil
		}
	case bool:
		if kind == ports.Bool {
			return v, nil
		}
	case time.Time:
		if kind == ports.Time {
			return v, nil
		}
	case []byte:
		if kind == ports.Bytes {
			return notNil(v), nil
		}
	}
	return nil, fmt.Errorf("cannot be a %T", value)
}

// checkText refuses what a column would not give back as it was.
func checkText(kind ports.Kind, s string) error {
	switch {
	case !text.Valid(s):
		return errors.New("is not valid UTF-8 without NUL")
	case kind == ports.Text:
		return nil
	case kind == ports.JSON:
		c, err := tokens.Canonical([]byte(s))
		if err != nil || c != s {
			return errors.Join(err, errors.New("is not an object in canonical form"))
		}
		return nil
	case kind == ports.Decimal:
		p, err := reservations.ParsePrice(s)
		if err != nil || p.String() != s {
			return errors.Join(err, errors.New("is not a price with two places"))
		}
		return nil
	}
	return fmt.Errorf("cannot be the text %q", s)
}
