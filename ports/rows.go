package ports

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Names returns the names of the table's columns in their order. The first Key of them form its
// key.
func (t *Table) Names() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// Check returns an error if the table is not one of Tables, or if a row could not come from Read:
// if it has too few or too many values, a value that does not fit its column, or a value that
// another store would not return unchanged. An adapter's Write begins with Check. The store itself
// enforces rules between rows, such as unique addresses.
func (t *Table) Check(rows ...Row) error {
	if !slices.Contains(Tables, t) {
		return fmt.Errorf("no table is named %s", t.Name)
	}
	for _, row := range rows {
		if err := t.check(t.Columns, row); err != nil {
			return err
		}
	}
	return nil
}

// CheckKey is Check for the key that is passed to Read as after; nil stands for the place before
// the first row.
func (t *Table) CheckKey(after []any) error {
	if err := t.Check(); err != nil || after == nil {
		return err
	}
	return t.check(t.Columns[:t.Key], after)
}

func (t *Table) check(columns []Column, values []any) error {
	if len(values) != len(columns) {
		return fmt.Errorf("%s: %d values for %d columns", t.Name, len(values), len(columns))
	}
	for i, c := range columns {
		if err := c.check(values[i]); err != nil {
			return fmt.Errorf("%s.%s %w", t.Name, c.Name, err)
		}
	}
	return nil
}

func (c Column) check(value any) error {
	fits := false
	switch v := value.(type) {
	case nil:
		fits = c.Nullable
	case [16]byte:
		fits = c.Kind == UUID
	case string:
		return c.checkText(v)
	case int64:
		fits = c.Kind == Int
	case bool:
		fits = c.Kind == Bool
	case time.Time:
		if fits = c.Kind == Time; fits && (v.Location() != time.UTC || !v.Equal(v.Truncate(time.Millisecond))) {
			return fmt.Errorf("cannot be %v: a time must be in UTC and whole milliseconds", v)
		}
	case []byte:
		fits = c.Kind == Bytes
	case []string:
		if fits = c.Kind == Texts; fits && !valid(v) {
			return errNotText
		}
	}
	if !fits {
		return fmt.Errorf("cannot be a %T", value)
	}
	return nil
}

var errNotText = errors.New("is not valid UTF-8 without NUL")

func valid(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !text.Valid(s) })
}

func (c Column) checkText(s string) error {
	if !text.Valid(s) {
		return errNotText
	}
	switch c.Kind {
	case Text:
		if s == "" && c.Nullable {
			return errors.New("is an empty text, but an absent text is nil")
		}
		return nil
	case JSON:
		if canonical, err := tokens.Canonical([]byte(s)); err != nil || canonical != s {
			return errors.Join(errors.New("is not an object in canonical form"), err)
		}
		return nil
	case Decimal:
		if p, err := reservations.ParsePrice(s); err != nil || p.String() != s {
			return errors.Join(errors.New("is not a price with two places"), err)
		}
		return nil
	default:
		return fmt.Errorf("cannot be the text %q", s)
	}
}

// Row returns the row that f reads. Like Layout.Visit, it calls f once for each column, in the
// table's order. Each pointer is to a zero value, and f must not keep it, because Row uses it
// again. The row holds the text of Decimal and JSON columns exactly as f passes it to Decode, so
// that a check can find a malformed one. The row is not valid if f has recorded an error.
func (t *Table) Row(f Fields) Row {
	row := make(Row, len(t.Columns))
	v := new(cell) // one for all columns and not one for each, because tables have many rows
	for i, c := range t.Columns {
		row[i] = v.read(c, f)
	}
	return row
}

// cell has a field for the value of a column of each kind.
type cell struct {
	uuid  [16]byte
	text  verbatim
	int   int64
	bool  bool
	time  time.Time
	bytes []byte
	texts []string
}

// read returns the value of a column.
func (v *cell) read(c Column, f Fields) any {
	switch c.Kind {
	case UUID:
		v.uuid = [16]byte{}
		f.UUID(c.Name, &v.uuid, c.traits)
		return stored(v.uuid, c.traits)
	case Text:
		v.text = ""
		f.Text(c.Name, (*string)(&v.text), c.traits)
		return stored(string(v.text), c.traits)
	case Int:
		v.int = 0
		f.Int(c.Name, &v.int, c.traits)
		return stored(v.int, c.traits)
	case Bool:
		v.bool = false
		f.Bool(c.Name, &v.bool)
		return v.bool
	case Time:
		v.time = time.Time{}
		f.Time(c.Name, &v.time, c.traits)
		return stored(v.time, c.traits)
	case Decimal:
		v.text = ""
		f.Decimal(c.Name, &v.text)
		return string(v.text)
	case JSON:
		v.text = ""
		f.JSON(c.Name, &v.text)
		return string(v.text)
	case Bytes:
		v.bytes = nil
		f.Bytes(c.Name, &v.bytes)
		return append([]byte{}, v.bytes...)
	default: // Texts
		v.texts = nil
		f.Texts(c.Name, &v.texts)
		return append([]string{}, v.texts...)
	}
}

// verbatim is an Encoded that accepts any text and keeps it unchanged.
type verbatim string

func (v *verbatim) Encode() string { return string(*v) }

func (v *verbatim) Decode(s string) error {
	*v = verbatim(s)
	return nil
}

// Derived is a column that a store makes from another one, so that it can compare texts.
type Derived struct {
	Name   string // of the column
	From   string // the name of the column that it is made from
	Unique bool   // no two rows have the same text, but for twins: see Twin of users.User
}

// Derived returns the columns that a store makes from the table's columns: the text by which rows
// are unique or ordered ends in _folded, the text that searches compare in _searched.
func (t *Table) Derived() []Derived { return derived(t.Columns) }

func derived(columns []Column) (all []Derived) {
	for _, c := range columns {
		if c.traits.has(Folded) || c.traits.has(Address) {
			all = append(all, Derived{c.Name + "_folded", c.Name, true})
		}
		if c.traits.has(Searched) {
			all = append(all, Derived{c.Name + "_searched", c.Name, false})
		}
	}
	return all
}

// Refolded tells how far a migration is: of the rows of a table, it has made the derived columns of
// Done by the rules of this version, text.Folding.
type Refolded struct {
	Table       string
	Done, Total int64
}

// Derive returns the texts in the columns that Derived names, for a row that Check has accepted. An
// absent text is the empty one, but an absent address is nil: any number of rows have none.
func (t *Table) Derive(row Row) []any { return derive(t.Columns, row) }

func derive(columns []Column, row Row) (values []any) {
	for i, c := range columns {
		s, present := row[i].(string)
		switch {
		case c.traits.has(Folded):
			values = append(values, text.Fold(s).String())
		case c.traits.has(Address) && present:
			values = append(values, text.FoldAddress(s).String())
		case c.traits.has(Address):
			values = append(values, nil)
		}
		if c.traits.has(Searched) {
			values = append(values, text.SearchFold(s).String())
		}
	}
	return values
}
