package mongodb

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// d returns a document of alternating names and values.
func d(pairs ...any) bson.D {
	doc := make(bson.D, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		doc = append(doc, bson.E{Key: name, Value: pairs[i+1]})
	}
	return doc
}

// field returns the value of a document's field, or nil.
func field(doc bson.D, name string) any {
	for _, e := range doc {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

// textOf returns the text of a document's field, or "".
func textOf(doc bson.D, name string) string {
	s, _ := field(doc, name).(string)
	return s
}

// The encoding of values. The functions with OrNull in their names store the zero value as null.

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

func date(t time.Time) primitive.DateTime { return primitive.NewDateTimeFromTime(t) }

func dateOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return date(t)
}

func octets(b []byte) primitive.Binary {
	if b == nil {
		b = []byte{} // a nil slice would be null
	}
	return primitive.Binary{Data: b}
}

// amount encodes a price exactly.
func amount(price string) primitive.Decimal128 {
	a, err := primitive.ParseDecimal128(price)
	if err != nil {
		panic(fmt.Sprintf("mongodb: parse a price: %v", err)) // the domain checks prices
	}
	return a
}

// listed returns an array of texts.
func listed(texts []string) bson.A {
	all := make(bson.A, len(texts))
	for i, s := range texts {
		all[i] = s
	}
	return all
}

// past returns the condition for documents after a position in the order of two fields: "$gt"
// ascending, "$lt" descending. It also bounds the first field alone, so that the index applies. A
// nil position precedes everything.
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
