package mongofake

import (
	"slices"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// Lungo's tables of operators are open. What it lacks is added to them, once, before anything matches.
func init() {
	mongokit.TopLevelQueryOperators["$expr"] = matchExpression
	fields := mongokit.ExpressionQueryOperators
	fields["$regex"] = matchRegex
	for _, op := range []string{"", "$eq", "$gte", "$lte"} {
		fields[op] = orNull(fields[op])
	}
	equal := fields["$eq"]
	fields["$ne"] = not(func(ctx mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
		return equal(ctx, doc, "$eq", path, v)
	})
	fields["$in"] = matchIn
	fields["$nin"] = not(matchIn)
	fields["$type"] = presentOnly(fields["$type"])
	fields["$and"] = matchEvery
	fields["$or"] = matchSome
	fields["$nor"] = not(matchSome)
}

func matched(ok bool) error {
	if ok {
		return nil
	}
	return mongokit.ErrNotMatched
}

func not(operator mongokit.Operator) mongokit.Operator {
	return func(ctx mongokit.Context, doc bsonkit.Doc, op, path string, v any) error {
		switch err := operator(ctx, doc, op, path, v); err {
		case nil:
			return mongokit.ErrNotMatched
		case mongokit.ErrNotMatched: //nolint:errorlint // lungo compares it by identity
			return nil
		default:
			return err
		}
	}
}

// presentOnly is an operator that never matches a missing field, which lungo takes for null.
func presentOnly(operator mongokit.Operator) mongokit.Operator {
	return func(ctx mongokit.Context, doc bsonkit.Doc, op, path string, v any) error {
		if value, _ := bsonkit.All(doc, path, true, true); value == bsonkit.Missing {
			return mongokit.ErrNotMatched
		}
		return operator(ctx, doc, op, path, v)
	}
}

// orNull is a comparison that finds null also where only some documents of an array lack the field.
func orNull(operator mongokit.Operator) mongokit.Operator {
	return func(ctx mongokit.Context, doc bsonkit.Doc, op, path string, v any) error {
		if v == nil {
			return matched(lacks(*doc, path))
		}
		return operator(ctx, doc, op, path, v)
	}
}

// lacks says whether the path is null or missing: of an array, in one of its documents.
func lacks(v any, path string) bool {
	if path == bsonkit.PathEnd {
		list, _ := v.(bson.A)
		return v == nil || hasNull(list)
	}
	name, rest := bsonkit.PathSegment(path), bsonkit.ReducePath(path)
	switch v := v.(type) {
	case bson.D:
		return !has(v, name) || lacks(lookup(v, name), rest)
	case bson.A:
		if i, ok := bsonkit.ParseIndex(name); ok && i < len(v) && lacks(v[i], rest) {
			return true
		}
		return slices.ContainsFunc(v, func(item any) bool { return isDocument(item) && lacks(item, path) })
	}
	return true
}

func hasNull(list bson.A) bool {
	return slices.ContainsFunc(list, func(item any) bool { return item == nil })
}

func matchExpression(_ mongokit.Context, doc bsonkit.Doc, _, _ string, v any) error {
	value, err := v.(compiled).eval(newScope(*doc))
	if err != nil {
		return err
	}
	return matched(truthy(value))
}

// values are a field's value and, where it is an array, its elements.
func values(doc bsonkit.Doc, path string) []any {
	value, collected := bsonkit.All(doc, path, true, true)
	list, ok := value.(bson.A)
	if !ok {
		return []any{value}
	}
	if collected {
		return list
	}
	return append(slices.Clone(list), list)
}

func matchRegex(_ mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
	return matched(slices.ContainsFunc(values(doc, path), v.(pattern).matches))
}

func matchIn(_ mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
	if hasNull(v.(bson.A)) && lacks(*doc, path) {
		return nil
	}
	return matched(slices.ContainsFunc(values(doc, path), func(field any) bool {
		return slices.ContainsFunc(v.(bson.A), func(item any) bool {
			if p, ok := item.(pattern); ok {
				return p.matches(field)
			}
			return bsonkit.Compare(field, item) == 0
		})
	}))
}

// matchEvery and matchSome are $and and $or inside $elemMatch.
func matchEvery(ctx mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
	for _, query := range v.(bson.A) {
		if err := mongokit.Process(ctx, doc, query.(bson.D), path, false); err != nil {
			return err
		}
	}
	return nil
}

func matchSome(ctx mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
	for _, query := range v.(bson.A) {
		err := mongokit.Process(ctx, doc, query.(bson.D), path, false)
		if err != mongokit.ErrNotMatched { //nolint:errorlint // lungo compares it by identity
			return err
		}
	}
	return mongokit.ErrNotMatched
}
