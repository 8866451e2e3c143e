package mongodb

import (
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/cicerone-go/cicerone/ports"
)

// record reads the fields of a document by name. Absent fields have the zero value. err holds the
// error of the first field that has another type.
type record struct {
	raw  bson.Raw
	err  error
	rest []string // the fields that a table's scan has not read yet
}

// read returns the result of scan for a document.
func read[T any](raw bson.Raw, scan func(r *record) T) (T, error) {
	r := &record{raw: raw}
	v := scan(r)
	return v, r.err
}

func (r *record) fail(name string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("the field %s: %w", name, err)
	}
}

// value looks up a field; ok is false if it is absent.
func (r *record) value(name string, want bsontype.Type) (v bson.RawValue, ok bool) {
	path := [...]string{name}
	at := path[:]
	if strings.Contains(name, ".") {
		at = strings.Split(name, ".")
	}
	v, err := r.raw.LookupErr(at...)
	if err != nil || v.Type == bson.TypeNull {
		return v, false
	}
	if v.Type != want {
		r.fail(name, fmt.Errorf("the value is a %s, not a %s", v.Type, want))
		return v, false
	}
	return v, true
}

func (r *record) id(name string) (i [16]byte) {
	v, ok := r.value(name, bson.TypeBinary)
	if !ok {
		return i
	}
	subtype, b := v.Binary()
	if subtype != subtypeUUID || len(b) != len(i) {
		r.fail(name, fmt.Errorf("%d bytes of subtype %d are not a UUID", len(b), subtype))
		return i
	}
	return [16]byte(b)
}

func (r *record) bytes(name string) []byte {
	v, ok := r.value(name, bson.TypeBinary)
	if !ok {
		return nil
	}
	_, b := v.Binary()
	return append([]byte{}, b...)
}

func (r *record) hash(name string) (h [32]byte) {
	b := r.bytes(name)
	if len(b) != len(h) {
		r.fail(name, fmt.Errorf("the hash has %d bytes", len(b)))
		return h
	}
	return [32]byte(b)
}

func (r *record) text(name string) string {
	if v, ok := r.value(name, bson.TypeString); ok {
		return v.StringValue()
	}
	return ""
}

func (r *record) int(name string) int64 {
	if v, ok := r.value(name, bson.TypeInt64); ok {
		return v.Int64()
	}
	return 0
}

func (r *record) bool(name string) bool {
	if v, ok := r.value(name, bson.TypeBoolean); ok {
		return v.Boolean()
	}
	return false
}

func (r *record) time(name string) time.Time {
	if v, ok := r.value(name, bson.TypeDateTime); ok {
		return v.Time().UTC()
	}
	return time.Time{}
}

func (r *record) decimal(name string) string {
	if v, ok := r.value(name, bson.TypeDecimal128); ok {
		return v.Decimal128().String()
	}
	return ""
}

func (r *record) texts(name string) (all []string) {
	for _, item := range r.list(name) {
		all = append(all, item.text(""))
		r.fail(name, item.err)
	}
	return all
}

// idsIn reads an array of identifiers.
func idsIn[I ~[16]byte](r *record, name string) (all []I) {
	for _, item := range r.list(name) {
		all = append(all, I(item.id("")))
		r.fail(name, item.err)
	}
	return all
}

// list reads an array, each element as a record. If an element is not a document, its value has the
// name "".
func (r *record) list(name string) (all []*record) {
	v, ok := r.value(name, bson.TypeArray)
	if !ok {
		return nil
	}
	values, err := v.Array().Values()
	r.fail(name, err)
	for _, item := range values {
		if item.Type == bson.TypeEmbeddedDocument {
			all = append(all, &record{raw: item.Document()})
			continue
		}
		wrapped, err := bson.Marshal(d("", item))
		r.fail(name, err)
		all = append(all, &record{raw: wrapped})
	}
	return all
}

// within reads an embedded document.
func (r *record) within(name string) (inner *record, ok bool) {
	v, ok := r.value(name, bson.TypeEmbeddedDocument)
	if !ok {
		return nil, false
	}
	return &record{raw: v.Document()}, true
}

// A record implements ports.Fields; it sets the fields of a value, with the names in rest.

func (r *record) next() string {
	name := r.rest[0]
	r.rest = r.rest[1:]
	return name
}

func (r *record) UUID(_ string, p *[16]byte, _ ports.Traits)  { *p = r.id(r.next()) }
func (r *record) Text(_ string, p *string, _ ports.Traits)    { *p = r.text(r.next()) }
func (r *record) Int(_ string, p *int64, _ ports.Traits)      { *p = r.int(r.next()) }
func (r *record) Bool(_ string, p *bool)                      { *p = r.bool(r.next()) }
func (r *record) Time(_ string, p *time.Time, _ ports.Traits) { *p = r.time(r.next()) }
func (r *record) Bytes(_ string, p *[]byte)                   { *p = r.bytes(r.next()) }
func (r *record) Hash(_ string, p *[32]byte)                  { *p = r.hash(r.next()) }
func (r *record) Texts(_ string, p *[]string)                 { *p = r.texts(r.next()) }

func (r *record) Decimal(_ string, v ports.Encoded) {
	name := r.next()
	r.fail(name, v.Decode(r.decimal(name)))
}

func (r *record) JSON(_ string, v ports.Encoded) {
	name := r.next()
	r.fail(name, v.Decode(r.text(name)))
}
