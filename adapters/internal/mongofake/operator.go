package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// operators are the expressions over values.
var operators = map[string]operator{
	"$eq":  comparison(func(n int) any { return n == 0 }),
	"$ne":  comparison(func(n int) any { return n != 0 }),
	"$gt":  comparison(func(n int) any { return n > 0 }),
	"$gte": comparison(func(n int) any { return n >= 0 }),
	"$lt":  comparison(func(n int) any { return n < 0 }),
	"$lte": comparison(func(n int) any { return n <= 0 }),
	"$cmp": comparison(func(n int) any { return int32(n) }),
	"$not": {1, 1, func(v []any) (any, error) { return !truthy(v[0]), nil }},

	"$add":      {0, -1, addAll},
	"$subtract": {2, 2, subtract},
	"$multiply": {0, -1, multiplyAll},
	"$divide":   {2, 2, divide},
	"$mod":      {2, 2, modulo},
	"$abs":      {1, 1, absolute},

	"$size":            {1, 1, size},
	"$in":              {2, 2, in},
	"$isArray":         {1, 1, func(v []any) (any, error) { _, ok := v[0].(bson.A); return ok, nil }},
	"$arrayElemAt":     {2, 2, elementAt},
	"$slice":           {2, 3, slice},
	"$concatArrays":    {0, -1, concatArrays},
	"$setIntersection": {0, -1, setIntersection},
	"$setUnion":        {0, -1, setUnion},
	"$setDifference":   {2, 2, setDifference},
	"$setIsSubset":     {2, 2, setIsSubset},

	"$concat":       {0, -1, concat},
	"$toLower":      {1, 1, func(v []any) (any, error) { return strings.ToLower(text(v[0])), nil }},
	"$toUpper":      {1, 1, func(v []any) (any, error) { return strings.ToUpper(text(v[0])), nil }},
	"$type":         {1, 1, func(v []any) (any, error) { return typeName(v[0]), nil }},
	"$mergeObjects": {0, -1, mergeObjects},

	"$sum": {0, -1, overValues("$sum")},
	"$avg": {0, -1, overValues("$avg")},
	"$min": {0, -1, overValues("$min")},
	"$max": {0, -1, overValues("$max")},
}

func comparison(result func(n int) any) operator {
	return operator{2, 2, func(v []any) (any, error) {
		_, a := v[0].(missing)
		_, b := v[1].(missing)
		if a != b && (v[0] == nil || v[1] == nil) { // a missing field comes before null here
			return result(1 - 2*int(count(a))), nil
		}
		return result(bsonkit.Compare(v[0], v[1])), nil
	}}
}

func anyNullish(values []any) bool { return slices.ContainsFunc(values, nullish) }

func addAll(v []any) (any, error) {
	var sum any = int32(0)
	var date *primitive.DateTime
	for _, item := range v {
		if d, ok := item.(primitive.DateTime); ok {
			if date != nil {
				return nil, fail(16612, "only one date allowed in an $add expression")
			}
			date = &d
			continue
		}
		if nullish(item) {
			return nil, nil
		}
		if !isNumber(item) {
			return nil, fail(16554, "$add only supports numeric or date types, not %s", typeName(item))
		}
		sum = plus(sum, item)
	}
	if date != nil {
		return *date + primitive.DateTime(double(sum)), nil
	}
	return sum, nil
}

// plus adds; a long that overflows becomes a double.
func plus(a, b any) any {
	if sum, ok := addNumbers(a, b); ok {
		return sum
	}
	return double(a) + double(b)
}

func times(a, b any) any {
	if product, ok := multiplyNumbers(a, b); ok {
		return product
	}
	return double(a) * double(b)
}

func subtract(v []any) (any, error) {
	if anyNullish(v) {
		return nil, nil
	}
	if a, ok := v[0].(primitive.DateTime); ok {
		if b, ok := v[1].(primitive.DateTime); ok {
			return int64(a - b), nil
		}
		if isNumber(v[1]) {
			return a - primitive.DateTime(double(v[1])), nil
		}
	}
	if !isNumber(v[0]) || !isNumber(v[1]) {
		return nil, fail(16556, "cant $subtract a %s from a %s", typeName(v[1]), typeName(v[0]))
	}
	return plus(v[0], times(v[1], int32(-1))), nil
}

func multiplyAll(v []any) (any, error) {
	var product any = int32(1)
	for _, item := range v {
		if nullish(item) {
			return nil, nil
		}
		if !isNumber(item) {
			return nil, fail(16555, "$multiply only supports numeric types, not %s", typeName(item))
		}
		product = times(product, item)
	}
	return product, nil
}

func divide(v []any) (any, error) {
	if anyNullish(v) {
		return nil, nil
	}
	if !isNumber(v[0]) || !isNumber(v[1]) {
		return nil, fail(16609, "$divide only supports numeric types, not %s and %s", typeName(v[0]), typeName(v[1]))
	}
	if double(v[1]) == 0 {
		return nil, fail(16608, "can't $divide by zero")
	}
	return double(v[0]) / double(v[1]), nil
}

func modulo(v []any) (any, error) {
	if anyNullish(v) {
		return nil, nil
	}
	if !isNumber(v[0]) || !isNumber(v[1]) {
		return nil, fail(16611, "$mod only supports numeric types, not %s and %s", typeName(v[0]), typeName(v[1]))
	}
	if double(v[1]) == 0 {
		return nil, fail(16610, "can't $mod by zero")
	}
	return bsonkit.Mod(v[0], v[1]), nil
}

func absolute(v []any) (any, error) {
	if nullish(v[0]) {
		return nil, nil
	}
	if !isNumber(v[0]) {
		return nil, fail(28765, "$abs only supports numeric types, not %s", typeName(v[0]))
	}
	if bsonkit.Compare(v[0], int32(0)) < 0 {
		return times(v[0], int32(-1)), nil
	}
	return v[0], nil
}

func size(v []any) (any, error) {
	list, ok := v[0].(bson.A)
	if !ok {
		return nil, fail(17124, "The argument to $size must be an array, but was of type: %s", typeName(v[0]))
	}
	return int32(len(list)), nil
}

func in(v []any) (any, error) {
	list, ok := v[1].(bson.A)
	if !ok {
		return nil, fail(40081, "$in requires an array as a second argument, found: %s", typeName(v[1]))
	}
	return slices.ContainsFunc(list, func(item any) bool { return bsonkit.Compare(item, v[0]) == 0 }), nil
}

func elementAt(v []any) (any, error) {
	if anyNullish(v) {
		return nil, nil
	}
	list, ok := v[0].(bson.A)
	if !ok {
		return nil, fail(28689, "$arrayElemAt's first argument must be an array, but is %s", typeName(v[0]))
	}
	i, ok := integer(v[1])
	if !ok {
		return nil, fail(28690, "$arrayElemAt's second argument must be a numeric value, but is %s", typeName(v[1]))
	}
	if i < 0 {
		i += int64(len(list))
	}
	if i < 0 || i >= int64(len(list)) {
		return bsonkit.Missing, nil
	}
	return list[i], nil
}

func slice(v []any) (any, error) {
	if anyNullish(v) {
		return nil, nil
	}
	if _, ok := v[0].(bson.A); !ok {
		return nil, fail(28724, "First argument to $slice must be an array, but is of type: %s", typeName(v[0]))
	}
	var bounds any = bson.A(v[1:])
	if len(v) == 2 {
		bounds = v[1]
	}
	skip, limit, err := sliceBounds(bounds)
	if err != nil {
		return nil, fail(28729, "Third argument to $slice must be positive: %v", v[len(v)-1])
	}
	return slicePart(v[0], skip, limit), nil
}

func concatArrays(v []any) (any, error) {
	out := bson.A{}
	for _, item := range v {
		if nullish(item) {
			return nil, nil
		}
		list, ok := item.(bson.A)
		if !ok {
			return nil, fail(28664, "$concatArrays only supports arrays, not %s", typeName(item))
		}
		out = append(out, list...)
	}
	return out, nil
}

func concat(v []any) (any, error) {
	var b strings.Builder
	for _, item := range v {
		if nullish(item) {
			return nil, nil
		}
		s, ok := item.(string)
		if !ok {
			return nil, fail(16702, "$concat only supports strings, not %s", typeName(item))
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func mergeObjects(v []any) (any, error) {
	out := bson.D{}
	for _, item := range v {
		if nullish(item) {
			continue
		}
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(40400, "$mergeObjects requires object inputs, but input is of type %s", typeName(item))
		}
		for _, e := range d {
			if i := slices.IndexFunc(out, func(o bson.E) bool { return o.Key == e.Key }); i >= 0 {
				out[i].Value = e.Value
				continue
			}
			out = append(out, e)
		}
	}
	return out, nil
}

// overValues is an accumulator as an expression: over its operands, or the elements of its only one.
func overValues(name string) func([]any) (any, error) {
	return func(v []any) (any, error) {
		if len(v) == 1 {
			if list, ok := v[0].(bson.A); ok {
				v = list
			}
		}
		a := accumulators[name]()
		for _, item := range v {
			a.add(item)
		}
		return a.result(), nil
	}
}
