package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		names, key := columnNames(table.Columns), columnNames(table.Columns[:table.Key])
		where, args := "", []any(nil)
		if after != nil {
			if args, err = arguments(table.Columns[:table.Key], after); err != nil {
				return fmt.Errorf("read %s: %w", table.Name, err)
			}
			where = " WHERE (" + key + ") > (" + marksFor(table.Key) + ")"
		}
		page, err = list(ctx, c, func(r *row) ports.Row { return scanRow(r, table) },
			"SELECT "+names+" FROM "+table.Name+where+" ORDER BY "+key+" LIMIT ?", append(args, limited(limit))...)
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
		return r.next()
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
	case ports.Decimal:
		return formatCents(r.int())
	case ports.Bytes:
		return notNil(r.bytes())
	default:
		return r.text()
	}
}

func (r rows) Write(ctx context.Context, table *ports.Table, rows []ports.Row) error {
	return r.write(ctx, func(c *conn) error {
		if !slices.Contains(ports.Tables, table) {
			return fmt.Errorf("there is no table %s", table.Name)
		}
		names := columnNames(table.Columns)
		for _, f := range folded[table] {
			names += ", " + f + "_folded"
		}
		insert := "INSERT INTO " + table.Name + " (" + names + ") VALUES (" + marksFor(len(table.Columns)+len(folded[table])) + ")"
		for _, row := range rows {
			args, err := arguments(table.Columns, row)
			if err == nil {
				_, err = c.exec(ctx, insert, append(args, foldedArguments(table, row)...)...)
			}
			if err != nil {
				return fmt.Errorf("write %s: %w", table.Name, err)
			}
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

func marksFor(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// arguments are the values of a row as the driver takes them. Values that are not what the columns say are refused.
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
			return v[:], nil
		}
	case string:
		return textArgument(kind, v)
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
			return milli(v), nil
		}
	case []byte:
		if kind == ports.Bytes {
			return notNil(v), nil
		}
	}
	return nil, fmt.Errorf("cannot be a %T", value)
}

func textArgument(kind ports.Kind, s string) (any, error) {
	switch {
	case !text.Valid(s):
		return nil, errors.New("is not valid UTF-8 without NUL")
	case kind == ports.Text:
		return s, nil
	case kind == ports.JSON:
		return s, checkCanonical(s)
	case kind == ports.Decimal:
		p, err := reservations.ParsePrice(s)
		if err != nil || p.String() != s {
			return nil, errors.Join(err, errors.New("is not a price with two places"))
		}
		return cents(s), nil
	}
	return nil, fmt.Errorf("cannot be the text %q", s)
}

// checkCanonical refuses JSON that a repository would not give back byte for byte.
func checkCanonical(s string) error {
	c, err := tokens.Canonical([]byte(s))
	if err != nil || c != s {
		return errors.Join(err, errors.New("is not an object in canonical form"))
	}
	return nil
}
