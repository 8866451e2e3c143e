package mongodb

import (
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/ports"
)

// table converts values to and from documents.
type table[T any] struct {
	layout ports.Layout[T]
	fields []string // the field of each column
}

func tableOf[T any](layout ports.Layout[T]) *table[T] {
	return &table[T]{layout, fieldsOf(layout.Table, layout.Columns)}
}

func (t *table[T]) scan(r *record) (v T) {
	r.rest = t.fields
	t.layout.Visit(&v, r)
	return v
}

// doc returns a document with a field for each column of a value, and for each derived text.
func (t *table[T]) doc(v T) bson.D {
	row := t.layout.Row(v)
	return withDerived(document(t.layout.Table, t.layout.Columns, row), t.layout.Derived(), t.layout.Derive(row))
}

// set returns doc without the fields of some columns.
func (t *table[T]) set(v T, except ...string) bson.D {
	for _, column := range t.layout.Derived() {
		if slices.Contains(except, column.From) {
			except = append(except, column.Name)
		}
	}
	return slices.DeleteFunc(t.doc(v), func(e bson.E) bool { return slices.Contains(except, e.Key) })
}
