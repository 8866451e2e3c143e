package postgres

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// row is a row of a result, undecoded. Its methods read the columns one after the other; they
// return the zero value for NULL. err holds the error of the first column that has another type.
type row struct {
	fields []pgconn.FieldDescription
	values [][]byte
	types  *pgtype.Map
	column int
	err    error
}

// next returns a column's description and bytes, which are nil for NULL.
func (r *row) next() (*pgconn.FieldDescription, []byte) {
	if r.column >= len(r.values) {
		r.fail(errors.New("the row has too few columns"))
		return &pgconn.FieldDescription{}, nil
	}
	r.column++
	return &r.fields[r.column-1], r.values[r.column-1]
}

func (r *row) fail(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("column %d: %w", r.column, err)
	}
}

// fixed returns the bytes of a column in the binary form of a type of fixed size. Nearly all columns
// have one, and a page of messages has two hundred. src is nil for NULL. other is not nil if
// the column has another form, which is left to pgx: that takes longer, and allocates memory.
func (r *row) fixed(oid uint32, size int) (src []byte, other *pgconn.FieldDescription) {
	field, src := r.next()
	if src == nil || field.DataTypeOID == oid && field.Format == pgx.BinaryFormatCode && len(src) == size {
		return src, nil
	}
	return src, field
}

// decode lets pgx decode a column.
func decode[T any](r *row, field *pgconn.FieldDescription, src []byte) T {
	if src == nil {
		var null T
		return null
	}
	value := new(T)
	r.fail(r.types.Scan(field.DataTypeOID, field.Format, src, value))
	return *value
}

func (r *row) id() (id [16]byte) {
	src, other := r.fixed(pgtype.UUIDOID, len(id))
	switch {
	case other != nil:
		return decode[[16]byte](r, other, src)
	case src != nil:
		id = [16]byte(src)
	}
	return id
}

func (r *row) int() int64 {
	src, other := r.fixed(pgtype.Int8OID, 8)
	switch {
	case other != nil:
		return decode[int64](r, other, src)
	case src != nil:
		return int64(binary.BigEndian.Uint64(src)) // #nosec G115 -- its bits
	}
	return 0
}

func (r *row) bool() bool {
	src, other := r.fixed(pgtype.BoolOID, 1)
	if other != nil {
		return decode[bool](r, other, src)
	}
	return src != nil && src[0] != 0
}

func (r *row) bytes() []byte {
	field, src := r.next()
	return decode[[]byte](r, field, src)
}

func (r *row) text() string {
	field, src := r.next()
	if field.DataTypeOID == pgtype.TextOID { // the text and binary formats are equal
		return string(src)
	}
	return decode[string](r, field, src)
}

func (r *row) hash() (h [32]byte) {
	b := r.bytes()
	if len(b) != len(h) {
		r.fail(fmt.Errorf("a hash of %d bytes", len(b)))
		return h
	}
	return [32]byte(b)
}

// epoch is the zero of the server's timestamps, in microseconds since the Unix epoch.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func (r *row) time() (t time.Time) {
	src, other := r.fixed(pgtype.TimestamptzOID, 8)
	switch {
	case other != nil:
		t = decode[time.Time](r, other, src)
	case src != nil:
		t = time.UnixMicro(epoch + int64(binary.BigEndian.Uint64(src))) // #nosec G115 -- its bits
	}
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// canonical reads a column of jsonb as text. PostgreSQL does not keep the spelling of the input:
// numbers, stored as doubles, come back with all digits and no exponent.
func (r *row) canonical() string {
	field, text := r.next()
	if field.DataTypeOID != pgtype.TextOID {
		text = []byte(decode[string](r, field, text))
	}
	if c, ok := flat(text); ok {
		return c
	}
	var object map[string]any
	r.fail(json.Unmarshal(text, &object))
	respelled, err := json.Marshal(object)
	r.fail(err)
	c, err := tokens.Canonical(respelled)
	r.fail(err)
	return c
}

func (r *row) bitString() pgtype.Bits {
	field, src := r.next()
	if field.DataTypeOID != pgtype.VarbitOID || field.Format != pgx.BinaryFormatCode || len(src) < 4 {
		return decode[pgtype.Bits](r, field, src)
	}
	n, bits := binary.BigEndian.Uint32(src), src[4:]
	if uint32(len(bits)) != n/8+min(n%8, 1) { // #nosec G115 -- a row is shorter
		r.fail(fmt.Errorf("%d bits in %d bytes", n, len(bits)))
	}
	return pgtype.Bits{Bytes: slices.Clone(bits), Len: int32(n), Valid: true} // #nosec G115 -- as above
}

func (r *row) texts() []string {
	field, src := r.next()
	list := decode[[]string](r, field, src)
	if len(list) == 0 {
		return nil
	}
	return list
}

// idsOf reads a column of an array of identifiers.
func idsOf[I ~[16]byte](r *row) (ids []I) {
	field, src := r.next()
	for _, one := range decode[[][16]byte](r, field, src) {
		ids = append(ids, I(one))
	}
	return ids
}

// A row implements ports.Fields; it sets the fields of a value.

func (r *row) UUID(_ string, p *[16]byte, _ ports.Traits)  { *p = r.id() }
func (r *row) Text(_ string, p *string, _ ports.Traits)    { *p = r.text() }
func (r *row) Int(_ string, p *int64, _ ports.Traits)      { *p = r.int() }
func (r *row) Bool(_ string, p *bool)                      { *p = r.bool() }
func (r *row) Time(_ string, p *time.Time, _ ports.Traits) { *p = r.time() }
func (r *row) Decimal(_ string, v ports.Encoded)           { r.fail(v.Decode(r.text())) }
func (r *row) JSON(_ string, v ports.Encoded)              { r.fail(v.Decode(r.canonical())) }
func (r *row) Bytes(_ string, p *[]byte)                   { *p = r.bytes() }
func (r *row) Hash(_ string, p *[32]byte)                  { *p = r.hash() }
func (r *row) Texts(_ string, p *[]string)                 { *p = r.texts() }
