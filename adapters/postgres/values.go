package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// How values go in. What the domain has no value of is stored as NULL by the functions that say OrNull.

func uuid[E any](i id.ID[E]) [16]byte { return i }

func uuidOrNull[E any](i id.ID[E]) any {
	if i.IsZero() {
		return nil
	}
	return uuid(i)
}

func uuids[E any](ids []id.ID[E]) []pgtype.UUID {
	all := make([]pgtype.UUID, len(ids))
	for i, one := range ids {
		all[i] = pgtype.UUID{Bytes: one, Valid: true}
	}
	return all
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// foldedOrNull is what an address is looked for by.
func foldedOrNull(s string) any { return textOrNull(text.Fold(s)) }

func timeOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func intOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// notNil is b, which would be NULL where it is nil.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// limited is a limit of rows; PostgreSQL refuses one below zero.
func limited(n int) int64 { return int64(max(n, 0)) }

// before is where a page that goes backwards in time begins, as two arguments: the place of the last item of the
// page before, or behind all there is.
func before(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}

// after is before for a page that goes forwards.
func after(last *page.Moment) (at pgtype.Timestamptz, item [16]byte) {
	if last == nil {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}, item
	}
	return pgtype.Timestamptz{Time: last.At, Valid: true}, last.ID
}

// row is one row of an answer. Its methods take the columns one after the other; NULL is the zero value.
// The first column that is not what is asked for is kept in err.
type row struct {
	values []any
	column int
	err    error
}

func (r *row) next() any {
	if r.column >= len(r.values) {
		r.fail(errors.New("a row has fewer columns than are read"))
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
		r.fail(fmt.Errorf("a %T is stored where a %T belongs", v, value))
	}
	return value
}

func (r *row) id() [16]byte  { return take[[16]byte](r) }
func (r *row) int() int64    { return take[int64](r) }
func (r *row) bool() bool    { return take[bool](r) }
func (r *row) text() string  { return take[string](r) }
func (r *row) bytes() []byte { return take[[]byte](r) }

func (r *row) hash() (h [32]byte) {
	b := r.bytes()
	if len(b) != len(h) {
		r.fail(fmt.Errorf("a hash of %d bytes", len(b)))
		return h
	}
	return [32]byte(b)
}

func (r *row) time() time.Time {
	if t := take[time.Time](r); !t.IsZero() {
		return t.UTC()
	}
	return time.Time{}
}

// canonical reads a column of jsonb, as text. It is another spelling of what went in: numbers, which were doubles,
// have all their digits, and no exponent.
func (r *row) canonical() string {
	var object map[string]any
	r.fail(json.Unmarshal([]byte(r.text()), &object))
	respelled, err := json.Marshal(object)
	r.fail(err)
	c, err := tokens.Canonical(respelled)
	r.fail(err)
	return c
}

func (r *row) metadata() tokens.Metadata {
	m, err := tokens.ParseMetadata([]byte(r.canonical()))
	r.fail(err)
	return m
}

func (r *row) details() moderation.Details {
	d, err := moderation.ParseDetails(r.canonical())
	r.fail(err)
	return d
}

// price reads a numeric as text.
func (r *row) price() reservations.Price {
	p, err := reservations.ParsePrice(r.text())
	r.fail(err)
	return p
}
