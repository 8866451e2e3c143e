package mongofake

import (
	"slices"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// sets are an expression's operands as sets: sorted, each value once. One that is null makes all null.
func sets(code int32, name string, v []any) (list []bson.A, null bool, err error) {
	for _, item := range v {
		if nullish(item) {
			return nil, true, nil
		}
		a, ok := item.(bson.A)
		if !ok {
			return nil, false, fail(code, "All operands of %s must be arrays. One argument is of type: %s", name, typeName(item))
		}
		list = append(list, asSet(a))
	}
	return list, false, nil
}

func asSet(list bson.A) bson.A {
	set := slices.Clone(list)
	slices.SortStableFunc(set, bsonkit.Compare)
	return slices.CompactFunc(set, func(a, b any) bool { return bsonkit.Compare(a, b) == 0 })
}

func contains(set bson.A, v any) bool {
	_, ok := slices.BinarySearchFunc(set, v, bsonkit.Compare)
	return ok
}

func setIntersection(v []any) (any, error) {
	list, null, err := sets(17047, "$setIntersection", v)
	if err != nil || null || len(list) == 0 {
		return orEmpty(null), err
	}
	return slices.DeleteFunc(list[0], func(item any) bool {
		return slices.ContainsFunc(list[1:], func(set bson.A) bool { return !contains(set, item) })
	}), nil
}

func orEmpty(null bool) any {
	if null {
		return nil
	}
	return bson.A{}
}

func setUnion(v []any) (any, error) {
	list, null, err := sets(17043, "$setUnion", v)
	if err != nil || null {
		return nil, err
	}
	return asSet(slices.Concat(list...)), nil
}

func setDifference(v []any) (any, error) {
	list, null, err := sets(17048, "$setDifference", v)
	if err != nil || null {
		return nil, err
	}
	out, seen := bson.A{}, map[string]bool{}
	for _, item := range v[0].(bson.A) { // it keeps the order of the first
		if key := keyOf(item); !contains(list[1], item) && !seen[key] {
			seen[key] = true
			out = append(out, item)
		}
	}
	return out, nil
}

func setIsSubset(v []any) (any, error) {
	list, null, err := sets(17046, "$setIsSubset", v)
	if err != nil {
		return nil, err
	}
	if null {
		return nil, fail(17046, "both operands of $setIsSubset must be arrays")
	}
	return !slices.ContainsFunc(list[0], func(item any) bool { return !contains(list[1], item) }), nil
}
