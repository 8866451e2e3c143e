package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/ports"
)

// table holds the parts of the statements on a table.
type table[T any] struct {
	layout  ports.Layout[T]
	names   []string // of the columns, followed by those of the derived columns
	sources []string // the column that each of names is, or is derived from
	columns string   // profiles.id, profiles.user_id, …, which scan reads
	nulls   string   // NULL for each of columns
	insert  string   // INSERT INTO profiles (…) VALUES (…), with the arguments of args
}

func tableOf[T any](layout ports.Layout[T]) *table[T] {
	qualified := make([]string, len(layout.Columns))
	for i, c := range layout.Columns {
		qualified[i] = layout.Table.Name + "." + c.Name
	}
	names, sources := stored(layout.Columns, layout.Derived())
	nulls := strings.Join(slices.Repeat([]string{"NULL"}, len(qualified)), ", ")
	return &table[T]{layout, names, sources, strings.Join(qualified, ", "), nulls, insertInto(layout.Table.Name, names)}
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

func insertInto(table string, names []string) string {
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + marksFor(len(names)) + ")"
}

func marksFor(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func (t *table[T]) scan(r *row, v *T) { t.layout.Visit(v, r) }

func (t *table[T]) args(v T) []any {
	row := t.layout.Row(v)
	return append(arguments(t.layout.Columns, row), t.layout.Derive(row)...)
}

// set returns the assignments of an UPDATE for all columns but the excepted ones, with their
// arguments.
func (t *table[T]) set(v T, except ...string) (assignments string, args []any) {
	var parts []string
	for i, value := range t.args(v) {
		if !slices.Contains(except, t.sources[i]) {
			parts, args = append(parts, t.names[i]+" = ?"), append(args, value)
		}
	}
	return strings.Join(parts, ", "), args
}

// replace returns the assignments of ON CONFLICT DO UPDATE for all columns but the excepted ones.
func (t *table[T]) replace(except ...string) string {
	var parts []string
	for _, name := range t.names {
		if !slices.Contains(except, name) {
			parts = append(parts, name+" = excluded."+name)
		}
	}
	return strings.Join(parts, ", ")
}

// listed returns a list of texts as it is stored.
func listed(texts []string) string {
	if len(texts) == 0 {
		return emptyList
	}
	b, err := json.Marshal(texts)
	if err != nil {
		panic(fmt.Sprintf("sqlite: encode a list of texts: %v", err)) // it never fails
	}
	return string(b)
}

const emptyList = "[]"
