package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/ports"
)

// table holds the parts of the statements on a table.
type table[T any] struct {
	layout  ports.Layout[T]
	names   []string  // of the columns, followed by those of the derived columns
	sources []string  // the column that each of names is, or is derived from
	columns statement // profiles.id, profiles.age::bigint, …, which scan reads
	nulls   statement // NULL for each column, with the same types
	insert  statement // INSERT INTO @profiles (…) VALUES ($1, …), with the arguments of args
}

func tableOf[T any](layout ports.Layout[T]) *table[T] {
	columns, nulls := make([]string, len(layout.Columns)), make([]string, len(layout.Columns))
	for i, c := range layout.Columns {
		columns[i] = layout.Table.Name + "." + readable(c)
		nulls[i] = "NULL::" + types[c.Kind]
	}
	names, sources := stored(layout.Columns, layout.Derived())
	return &table[T]{
		layout: layout, names: names, sources: sources, insert: insertInto(layout.Table.Name, names),
		columns: statement(strings.Join(columns, ", ")), nulls: statement(strings.Join(nulls, ", ")),
	}
}

// types are the types in which columns are read.
var types = map[ports.Kind]string{
	ports.UUID: "uuid", ports.Text: "text", ports.Int: "bigint", ports.Bool: "bool", ports.Time: "timestamptz",
	ports.Decimal: "text", ports.JSON: "text", ports.Bytes: "bytea", ports.Texts: "text[]",
}

// readable returns a column with a cast to the type in which it is read.
func readable(c ports.Column) string {
	switch c.Kind {
	case ports.Int, ports.Decimal, ports.JSON:
		return c.Name + "::" + types[c.Kind]
	default:
		return c.Name
	}
}

// stored returns the names of columns, followed by those of the derived columns, and the column
// that each of them is, or is derived from.
func stored(columns []ports.Column, derived []ports.Derived) (names, sources []string) {
	for _, c := range columns {
		names, sources = append(names, c.Name), append(sources, c.Name)
	}
	for _, d := range derived {
		names, sources = append(names, d.Name), append(sources, d.From)
	}
	return names, sources
}

func insertInto(table string, names []string) statement {
	return statement("INSERT INTO @" + table + " (" + strings.Join(names, ", ") +
		") VALUES (" + placeholders(1, len(names)) + ")")
}

// placeholders returns n placeholders, numbered from first.
func placeholders(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(all, ", ")
}

func (t *table[T]) scan(r *row, v *T) { t.layout.Visit(v, r) }

func (t *table[T]) args(v T) []any {
	row := t.layout.Row(v) // pgx encodes these values
	return append(row, t.layout.Derive(row)...)
}

// set returns the assignments of an UPDATE for all columns but the excepted ones. Their arguments
// follow the others.
func (t *table[T]) set(others []any, v T, except ...string) (assignments statement, args []any) {
	args = others
	var parts []string
	for i, value := range t.args(v) {
		if !slices.Contains(except, t.sources[i]) {
			args = append(args, value)
			parts = append(parts, t.names[i]+" = $"+strconv.Itoa(len(args)))
		}
	}
	return statement(strings.Join(parts, ", ")), args
}

// replace returns the assignments of ON CONFLICT DO UPDATE for all columns but the excepted ones.
func (t *table[T]) replace(except ...string) statement {
	var parts []string
	for _, name := range t.names {
		if !slices.Contains(except, name) {
			parts = append(parts, name+" = excluded."+name)
		}
	}
	return statement(strings.Join(parts, ", "))
}
