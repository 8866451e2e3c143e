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
	names   []string // of the columns, followed by those of the folded columns
	columns string   // profiles.id, profiles.user_id, …, which scan reads
	insert  string   // INSERT INTO profiles (…) VALUES (…), with the arguments of args
}

func tableOf[T any](layout ports.Layout[T]) *table[T] {
	qualified := make([]string, len(layout.Columns))
	for i, c := range layout.Columns {
		qualified[i] = layout.Table.Name + "." + c.Name
	}
	names := stored(layout.Columns, layout.Folded())
	return &table[T]{layout, names, strings.Join(qualified, ", "), insertInto(layout.Table.Name, names)}
}

// stored returns the names of columns, followed by those of the folded columns.
func stored(columns []ports.Column, folded []string) (names []string) {
	for _, c := range columns {
		names = append(names, c.Name)
	}
	for _, f := range folded {
		names = append(names, f+"_folded")
	}
	return names
}

func insertInto(table string, names []string) string {
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + marksFor(len(names)) + ")"
}

func marksFor(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func (t *table[T]) scan(r *row, v *T) { t.layout.Visit(v, r) }

func (t *table[T]) args(v T) []any {
	row := t.layout.Row(v)
	return append(arguments(t.layout.Columns, row), t.layout.Fold(row)...)
}

// set returns the assignments of an UPDATE for all columns but the excepted ones, with their
// arguments.
func (t *table[T]) set(v T, except ...string) (assignments string, args []any) {
	var parts []string
	for i, value := range t.args(v) {
		if name := t.names[i]; !slices.Contains(except, strings.TrimSuffix(name, "_folded")) {
			parts, args = append(parts, name+" = ?"), append(args, value)
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
