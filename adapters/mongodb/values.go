package mongodb

import (
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// d makes a document of names and values, in turn.
func d(pairs ...any) bson.D {
	doc := make(bson.D, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		doc = append(doc, bson.E{Key: name, Value: pairs[i+1]})
	}
	return doc
}

// field is the value of a document's field, nil where there is none.
func field(doc bson.D, name string) any {
	for _, e := range doc {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

// textOf is the text of a document's field, "" where there is none.
func textOf(doc bson.D, name string) string {
	s, _ := field(doc, name).(string)
	return s
}

// How values go in. What the domain has no value of is null by the functions that say OrNull.

const subtypeUUID = 4

func uuid[E any](i id.ID[E]) primitive.Binary { return binary(i) }

func binary(i [16]byte) primitive.Binary {
	return primitive.Binary{Subtype: subtypeUUID, Data: i[:]}
}

func uuidOrNull[E any](i id.ID[E]) any {
	if i.IsZero() {
		return nil
	}
	return uuid(i)
}

func uuids[E any](ids []id.ID[E]) bson.A {
	all := make(bson.A, len(ids))
	for i, one := range ids {
		all[i] = uuid(one)
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

func date(t time.Time) primitive.DateTime { return primitive.NewDateTimeFromTime(t) }

func dateOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return date(t)
}

func intOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

func octets(b []byte) primitive.Binary {
	if b == nil {
		b = []byte{} // which would be null
	}
	return primitive.Binary{Data: b}
}

// amount is a price, which the server keeps exactly.
func amount(p reservations.Price) (primitive.Decimal128, error) { return parseAmount(p.String()) }

func parseAmount(s string) (primitive.Decimal128, error) {
	a, err := primitive.ParseDecimal128(s)
	if err != nil {
		return a, fmt.Errorf("the price %s: %w", s, err)
	}
	return a, nil
}

// past is the condition for what comes after a place in the order of two fields, "$gt" forwards and "$lt" backwards.
// It bounds the first field by itself, for the sake of the index. A nil place is before everything.
func past(last *page.Moment, direction, at, item string) bson.D {
	if last == nil {
		return nil
	}
	return pastKey(direction, at, date(last.At), item, binary(last.ID))
}

func pastKey(direction, first string, a any, second string, b any) bson.D {
	return d(first, d(direction+"e", a),
		"$or", bson.A{d(first, d(direction, a)), d(first, a, second, d(direction, b))})
}

// record reads the fields of a document by their names; what is absent is the zero value. The first field that
// is not what is asked for is kept in err.
type record struct {
	raw bson.Raw
	err error
}

// read makes what scan makes of a document.
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

// value looks a field up; ok is false where it is absent.
func (r *record) value(name string, want bsontype.Type) (v bson.RawValue, ok bool) {
	v, err := r.raw.LookupErr(strings.Split(name, ".")...)
	if err != nil || v.Type == bson.TypeNull {
		return v, false
	}
	if v.Type != want {
		r.fail(name, fmt.Errorf("a %s is stored where a %s belongs", v.Type, want))
		return v, false
	}
	return v, true
}

// has reports whether there is a value.
func (r *record) has(name string) bool {
	v, err := r.raw.LookupErr(strings.Split(name, ".")...)
	return err == nil && v.Type != bson.TypeNull
}

func (r *record) id(name string) (i [16]byte) {
	v, ok := r.value(name, bson.TypeBinary)
	if !ok {
		return i
	}
	subtype, b := v.Binary()
	if subtype != subtypeUUID || len(b) != len(i) {
		r.fail(name, fmt.Errorf("%d bytes of subtype %d are no UUID", len(b), subtype))
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
		r.fail(name, fmt.Errorf("a hash of %d bytes", len(b)))
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

func (r *record) price(name string) (p reservations.Price) {
	v, ok := r.value(name, bson.TypeDecimal128)
	if !ok {
		return p
	}
	p, err := reservations.ParsePrice(v.Decimal128().String())
	r.fail(name, err)
	return p
}

func (r *record) metadata(name string) tokens.Metadata {
	m, err := tokens.ParseMetadata([]byte(r.text(name)))
	r.fail(name, err)
	return m
}

func (r *record) details(name string) moderation.Details {
	details, err := moderation.ParseDetails(r.text(name))
	r.fail(name, err)
	return details
}

// idsIn reads an array of identifiers.
func idsIn[I ~[16]byte](r *record, name string) (all []I) {
	for _, item := range r.list(name) {
		all = append(all, I(item.id("")))
		r.fail(name, item.err)
	}
	return all
}

// list reads an array, each element as a record. The value itself of one that is no document has the name "".
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

// within reads a document that stands in this one.
func (r *record) within(name string) (inner *record, ok bool) {
	v, ok := r.value(name, bson.TypeEmbeddedDocument)
	if !ok {
		return nil, false
	}
	return &record{raw: v.Document()}, true
}
