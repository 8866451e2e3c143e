package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/ports"
)

// table is what the statements about a table are made of.
type table[T any] struct {
	layout  ports.Layout[T]
	names   []string  // of the columns, followed by those of the folded ones
	columns statement // profiles.id, profiles.age::bigint, …; scan reads them
	nulls   statement // columns of the same types, all of them NULL
	insert  statement // INSERT INTO @profiles (…) VALUES ($1, …); args are its arguments
}

func tableOf[T any](layout ports.Layout[T]) *table[T] {
	columns, nulls := make([]string, len(layout.Columns)), make([]string, len(layout.Columns))
	for i, c := range layout.Columns {
		columns[i] = layout.Table.Name + "." + readable(c)
		nulls[i] = "NULL::" + types[c.Kind]
	}
	names := stored(layout.Columns, layout.Folded())
	return &table[T]{
		layout: layout, names: names, insert: insertInto(layout.Table.Name, names),
		columns: statement(strings.Join(columns, ", ")), nulls: statement(strings.Join(nulls, ", ")),
	}
}

// types are those in which columns are read.
var types = map[ports.Kind]string{
	ports.UUID: "uuid", ports.Text: "text", ports.Int: "bigint", ports.Bool: "bool", ports.Time: "timestamptz",
	ports.Decimal: "text", ports.JSON: "text", ports.Bytes: "bytea", ports.Texts: "text[]",
}

// readable is a column in the type in which it is read.
func readable(c ports.Column) string {
	switch c.Kind {
	case ports.Int, ports.Decimal, ports.JSON:
		return c.Name + "::" + types[c.Kind]
	default:
		return c.Name
	}
}

// stored are the names of columns, followed by those that hold the text of some without regard to case.
func stored(columns []ports.Column, folded []string) (names []string) {
	for _, c := range columns {
		names = append(names, c.Name)
	}
	for _, f := range folded {
		names = append(names, f+"_folded")
	}
	return names
}

func insertInto(table string, names []string) statement {
	return statement("INSERT INTO @" + table + " (" + strings.Join(names, ", ") +
		") VALUES (" + placeholders(1, len(names)) + ")")
}

// placeholders are those of n arguments, numbered from first.
func placeholders(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(all, ", ")
}

func (t *table[T]) scan(r *row, v *T) { t.layout.Visit(v, r) }

func (t *table[T]) args(v T) []any {
	row := t.layout.Row(v) // whose values the server takes as they are
	return append(row, t.layout.Fold(row)...)
}

// set is what an UPDATE assigns to all columns but some, and its arguments after others that there are.
func (t *table[T]) set(others []any, v T, except ...string) (assignments statement, args []any) {
	args = others
	var parts []string
	for i, value := range t.args(v) {
		if name := t.names[i]; !slices.Contains(except, strings.TrimSuffix(name, "_folded")) {
			args = append(args, value)
			parts = append(parts, name+" = $"+strconv.Itoa(len(args)))
		}
	}
	return statement(strings.Join(parts, ", ")), args
}

// replace is what an INSERT that meets a row assigns to all columns of it but some.
func (t *table[T]) replace(except ...string) statement {
	var parts []string
	for _, name := range t.names {
		if !slices.Contains(except, name) {
			parts = append(parts, name+" = excluded."+name)
		}
	}
	return statement(strings.Join(parts, ", "))
}
