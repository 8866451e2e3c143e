package ports

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Layout describes how a value of type T is a row of a table: for each column its name, its kind
// and the field that it holds. Adapters derive their column lists, arguments and scans from it.
type Layout[T any] struct {
	Table *Table

	// Columns are the table's columns that hold a T, in the order in which Visit names them.
	Columns []Column

	visit func(v *T, f Fields)
}

// Visit calls a method of f for each of Columns, in their order, with a pointer to the field of v
// that the column holds. v belongs to the caller: Visit may write to it even when f only reads.
func (l Layout[T]) Visit(v *T, f Fields) { l.visit(v, f) }

// Derived is Table.Derived for Columns.
func (l Layout[T]) Derived() []Derived { return derived(l.Columns) }

// Derive is Table.Derive for a row of Columns.
func (l Layout[T]) Derive(row Row) []any { return derive(l.Columns, row) }

// Row returns v as a row of Columns. It keeps nothing of v.
func (l Layout[T]) Row(v T) Row {
	w := toRow{row: make(Row, 0, len(l.Columns))}
	l.visit(&v, &w)
	return w.row
}

// Value returns the T that a row of Columns holds, which Table.Check has accepted. It keeps nothing
// of the row. It returns an error if a value fits its column but not its field, like a hash that is
// not 32 bytes long.
func (l Layout[T]) Value(row Row) (v T, err error) {
	r := fromRow{row: row}
	l.visit(&v, &r)
	if r.err != nil {
		return v, fmt.Errorf("the column %s.%w", l.Table.Name, r.err)
	}
	return v, nil
}

// Fields takes the fields of a value, one call for each column in the layout's order. An
// implementation either sets the fields (a scan) or only reads them (arguments of a statement).
// There is one method for each Go type that a field has; an absent value is the zero value of its
// field.
type Fields interface {
	UUID(column string, p *[16]byte, t Traits)
	Text(column string, p *string, t Traits)
	Int(column string, p *int64, t Traits)
	Bool(column string, p *bool)
	Time(column string, p *time.Time, t Traits)
	Decimal(column string, v Encoded)
	JSON(column string, v Encoded)
	Bytes(column string, p *[]byte)
	Hash(column string, p *[32]byte) // a column of Bytes
	Texts(column string, p *[]string)
}

// Encoded is a field that a store keeps as text.
type Encoded interface {
	Encode() string
	Decode(s string) error // accepts what Encode returns
}

// Traits are properties of a column in addition to its kind.
type Traits uint8

// The traits of columns.
const (
	Required Traits = 0
	Nullable Traits = 1 // the zero value is absent
	Folded   Traits = 2 // has a column with text.Fold of it, which is unique
	Address  Traits = 4 // has a column with text.FoldAddress of it, which is unique
	Searched Traits = 8 // has a column with text.SearchFold of it
)

func (t Traits) has(trait Traits) bool { return t&trait != 0 }

// layout describes a table whose first key columns name a row.
func layout[T any](name string, key int, visit func(v *T, f Fields)) Layout[T] {
	l := part(&Table{Name: name, Key: key}, visit)
	l.Table.Columns = l.Columns
	return l
}

// part describes some columns of a table.
func part[T any](t *Table, visit func(v *T, f Fields)) Layout[T] {
	var c collector
	visit(new(T), &c)
	return Layout[T]{Table: t, Columns: c, visit: visit}
}

// collector is a Fields that records the columns.
type collector []Column

func (c *collector) add(name string, k Kind, t Traits) {
	*c = append(*c, Column{Name: name, Kind: k, Nullable: t.has(Nullable), traits: t})
}

func (c *collector) UUID(column string, _ *[16]byte, t Traits)  { c.add(column, UUID, t) }
func (c *collector) Text(column string, _ *string, t Traits)    { c.add(column, Text, t) }
func (c *collector) Int(column string, _ *int64, t Traits)      { c.add(column, Int, t) }
func (c *collector) Bool(column string, _ *bool)                { c.add(column, Bool, Required) }
func (c *collector) Time(column string, _ *time.Time, t Traits) { c.add(column, Time, t) }
func (c *collector) Decimal(column string, _ Encoded)           { c.add(column, Decimal, Required) }
func (c *collector) JSON(column string, _ Encoded)              { c.add(column, JSON, Required) }
func (c *collector) Bytes(column string, _ *[]byte)             { c.add(column, Bytes, Required) }
func (c *collector) Hash(column string, _ *[32]byte)            { c.add(column, Bytes, Required) }
func (c *collector) Texts(column string, _ *[]string)           { c.add(column, Texts, Required) }

// toRow is a Fields that makes a Row from a value.
type toRow struct{ row Row }

// stored returns the value of a column as a Row has it.
func stored[T comparable](value T, t Traits) any {
	var zero T
	if t.has(Nullable) && value == zero {
		return nil
	}
	return value
}

func (w *toRow) put(value any) { w.row = append(w.row, value) }

func (w *toRow) UUID(_ string, p *[16]byte, t Traits)  { w.put(stored(*p, t)) }
func (w *toRow) Text(_ string, p *string, t Traits)    { w.put(stored(*p, t)) }
func (w *toRow) Int(_ string, p *int64, t Traits)      { w.put(stored(*p, t)) }
func (w *toRow) Bool(_ string, p *bool)                { w.put(*p) }
func (w *toRow) Time(_ string, p *time.Time, t Traits) { w.put(stored(*p, t)) }
func (w *toRow) Decimal(_ string, v Encoded)           { w.put(v.Encode()) }
func (w *toRow) JSON(_ string, v Encoded)              { w.put(v.Encode()) }
func (w *toRow) Bytes(_ string, p *[]byte)             { w.put(append([]byte{}, *p...)) }
func (w *toRow) Hash(_ string, p *[32]byte)            { w.put(append([]byte{}, p[:]...)) }
func (w *toRow) Texts(_ string, p *[]string)           { w.put(append([]string{}, *p...)) }

// fromRow is a Fields that makes a value from a Row. err is set by the first column that does not
// fit.
type fromRow struct {
	row Row
	err error
}

// get returns the next value of the row, or the zero value if it is absent.
func get[T any](r *fromRow, column string) (value T) {
	if len(r.row) == 0 {
		r.fail(column, errors.New("is missing"))
		return value
	}
	if given := r.row[0]; given != nil {
		var fits bool
		if value, fits = given.(T); !fits {
			r.fail(column, fmt.Errorf("cannot be a %T", given))
		}
	}
	r.row = r.row[1:]
	return value
}

func (r *fromRow) fail(column string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s %w", column, err)
	}
}

func (r *fromRow) UUID(column string, p *[16]byte, _ Traits)  { *p = get[[16]byte](r, column) }
func (r *fromRow) Text(column string, p *string, _ Traits)    { *p = get[string](r, column) }
func (r *fromRow) Int(column string, p *int64, _ Traits)      { *p = get[int64](r, column) }
func (r *fromRow) Bool(column string, p *bool)                { *p = get[bool](r, column) }
func (r *fromRow) Time(column string, p *time.Time, _ Traits) { *p = get[time.Time](r, column) }
func (r *fromRow) Decimal(column string, v Encoded) {
	r.fail(column, v.Decode(get[string](r, column)))
}
func (r *fromRow) JSON(column string, v Encoded)  { r.fail(column, v.Decode(get[string](r, column))) }
func (r *fromRow) Bytes(column string, p *[]byte) { *p = bytes.Clone(get[[]byte](r, column)) }
func (r *fromRow) Texts(column string, p *[]string) {
	*p = append([]string(nil), get[[]string](r, column)...)
}

func (r *fromRow) Hash(column string, p *[32]byte) {
	b := get[[]byte](r, column)
	if len(b) != len(p) {
		r.fail(column, fmt.Errorf("has %d bytes instead of %d", len(b), len(p)))
		return
	}
	*p = [32]byte(b)
}
