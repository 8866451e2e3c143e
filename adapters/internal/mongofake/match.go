package mongofake

import (
	"regexp"
	"slices"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// Lungo's tables of operators are exported variables. The operators that it lacks, or that differ from
// the server's, are put into them before anything matches.
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

// presentOnly wraps an operator so that it never matches a missing field, which lungo takes for null.
func presentOnly(operator mongokit.Operator) mongokit.Operator {
	return func(ctx mongokit.Context, doc bsonkit.Doc, op, path string, v any) error {
		if value, _ := bsonkit.All(doc, path, true, true); value == bsonkit.Missing {
			return mongokit.ErrNotMatched
		}
		return operator(ctx, doc, op, path, v)
	}
}

// orNull wraps a comparison so that null also matches if only some documents of an array lack the field.
func orNull(operator mongokit.Operator) mongokit.Operator {
	return func(ctx mongokit.Context, doc bsonkit.Doc, op, path string, v any) error {
		if v == nil {
			return matched(lacks(*doc, path))
		}
		return operator(ctx, doc, op, path, v)
	}
}

// lacks reports whether the value at the path is null or missing. In an array one such document is enough.
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
	value, err := v.(compiled).eval(*doc)
	if err != nil {
		return err
	}
	return matched(truthy(value))
}

// values returns the value of a field and, if it is an array, its elements.
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
	return matched(slices.ContainsFunc(values(doc, path), func(field any) bool {
		s, ok := field.(string)
		return ok && v.(*regexp.Regexp).MatchString(s)
	}))
}

func matchIn(_ mongokit.Context, doc bsonkit.Doc, _, path string, v any) error {
	if hasNull(v.(bson.A)) && lacks(*doc, path) {
		return nil
	}
	return matched(slices.ContainsFunc(values(doc, path), func(field any) bool {
		return slices.ContainsFunc(v.(bson.A), func(item any) bool { return bsonkit.Compare(field, item) == 0 })
	}))
}
