package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/ports"
)

// row is a row of a result. Its methods read the columns one after the other; they return the zero
// value for NULL. err holds the error of the first column that has another type.
type row struct {
	values []driver.Value
	column int
	err    error
}

func (r *row) next() driver.Value {
	if r.column >= len(r.values) {
		r.fail(errors.New("the row has too few columns"))
		return nil
	}
	v := r.values[r.column]
	r.column++
	return v
}

func (r *row) fail(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("column %d: %w", r.column, err)
	}
}

func take[T any](r *row) (value T) {
	switch v := r.next().(type) {
	case nil:
	case T:
		value = v
	default:
		r.fail(fmt.Errorf("the value is a %T, not a %T", v, value))
	}
	return value
}

func (r *row) int() int64    { return take[int64](r) }
func (r *row) bool() bool    { return r.int() != 0 }
func (r *row) text() string  { return take[string](r) }
func (r *row) bytes() []byte { return take[[]byte](r) }

func (r *row) id() (i [16]byte) {
	if b := r.bytes(); len(b) == len(i) {
		return [16]byte(b)
	} else if b != nil {
		r.fail(fmt.Errorf("the identifier has %d bytes", len(b)))
	}
	return i
}

func (r *row) hash() (h [32]byte) {
	b := r.bytes()
	if len(b) != len(h) {
		r.fail(fmt.Errorf("the hash has %d bytes", len(b)))
		return h
	}
	return [32]byte(b)
}

func (r *row) time() time.Time {
	switch v := r.next().(type) {
	case nil:
	case int64:
		return moment(v)
	default:
		r.fail(fmt.Errorf("the value is a %T, not a time", v))
	}
	return time.Time{}
}

func (r *row) texts() (list []string) {
	if s := r.text(); s != emptyList {
		r.fail(json.Unmarshal([]byte(s), &list))
	}
	return list
}

// A row implements ports.Fields; it sets the fields of a value.

func (r *row) UUID(_ string, p *[16]byte, _ ports.Traits)  { *p = r.id() }
func (r *row) Text(_ string, p *string, _ ports.Traits)    { *p = r.text() }
func (r *row) Int(_ string, p *int64, _ ports.Traits)      { *p = r.int() }
func (r *row) Bool(_ string, p *bool)                      { *p = r.bool() }
func (r *row) Time(_ string, p *time.Time, _ ports.Traits) { *p = r.time() }
func (r *row) Decimal(_ string, v ports.Encoded)           { r.fail(v.Decode(formatCents(r.int()))) }
func (r *row) JSON(_ string, v ports.Encoded)              { r.fail(v.Decode(r.text())) }
func (r *row) Bytes(_ string, p *[]byte)                   { *p = r.bytes() }
func (r *row) Hash(_ string, p *[32]byte)                  { *p = r.hash() }
func (r *row) Texts(_ string, p *[]string)                 { *p = r.texts() }
