package mongofake

import (
	"slices"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// operators lists the expression operators that the fake has.
var operators = map[string]operator{
	"$eq":              comparison(func(n int) any { return n == 0 }),
	"$ne":              comparison(func(n int) any { return n != 0 }),
	"$gt":              comparison(func(n int) any { return n > 0 }),
	"$lt":              comparison(func(n int) any { return n < 0 }),
	"$and":             {0, -1, and},
	"$cond":            {3, 3, cond},
	"$ifNull":          {2, 2, ifNull},
	"$subtract":        {2, 2, subtract},
	"$size":            {1, 1, size},
	"$in":              {2, 2, in},
	"$setIntersection": {0, -1, setIntersection},
}

func comparison(result func(n int) any) operator {
	return operator{2, 2, func(v []any) (any, error) {
		_, a := v[0].(missing)
		_, b := v[1].(missing)
		if a != b && (v[0] == nil || v[1] == nil) { // in expressions a missing field is less than null
			return result(1 - 2*int(count(a))), nil
		}
		return result(bsonkit.Compare(v[0], v[1])), nil
	}}
}

func anyNullish(values []any) bool { return slices.ContainsFunc(values, nullish) }

// plus adds two numbers. A long that overflows becomes a double.
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

func and(v []any) (any, error) {
	return !slices.ContainsFunc(v, func(operand any) bool { return nullish(operand) || !truthy(operand) }), nil
}

// cond returns the second operand if the first is true, and otherwise the third.
func cond(v []any) (any, error) {
	if nullish(v[0]) || !truthy(v[0]) {
		return v[2], nil
	}
	return v[1], nil
}

// ifNull returns the second operand if the first is null or missing.
func ifNull(v []any) (any, error) {
	if nullish(v[0]) {
		return v[1], nil
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

// setIntersection returns the elements that all operands have, sorted and without duplicates. It returns
// null if an operand is null or missing.
func setIntersection(v []any) (any, error) {
	common := bson.A{}
	for i, operand := range v {
		if nullish(operand) {
			return nil, nil
		}
		list, ok := operand.(bson.A)
		if !ok {
			return nil, fail(17047, "All operands of $setIntersection must be arrays. One argument is of type: %s",
				typeName(operand))
		}
		if i == 0 {
			common = slices.Clone(list)
		}
		common = slices.DeleteFunc(common, func(a any) bool {
			return !slices.ContainsFunc(list, func(b any) bool { return bsonkit.Compare(a, b) == 0 })
		})
	}
	slices.SortStableFunc(common, bsonkit.Compare)
	return slices.CompactFunc(common, func(a, b any) bool { return bsonkit.Compare(a, b) == 0 }), nil
}
