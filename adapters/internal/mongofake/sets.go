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
