package mongofake

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// filter is a checked query, in the form that lungo matches.
type filter struct {
	query    bson.D
	folded   bson.D // query with its text folded; nil without a collator
	collator *collator
}

func (f *filter) matches(doc bson.D) (bool, error) {
	query := &f.query
	if f.collator != nil {
		doc, query = f.collator.fold(doc).(bson.D), &f.folded
	}
	return mongokit.Match(&doc, query)
}

// equals returns the value that the filter requires a field to have, and reports whether it requires one.
func (f *filter) equals(path string) (any, bool) {
	for _, e := range f.query {
		if e.Key != path {
			continue
		}
		d, ok := e.Value.(bson.D)
		if !ok || len(d) == 0 || !strings.HasPrefix(d[0].Key, "$") {
			return e.Value, true
		}
		if v := lookup(d, "$eq"); v != nil {
			return v, true
		}
	}
	return nil, false
}

// pins reports whether the filter requires one value of a field.
func (f *filter) pins(path string) bool {
	_, ok := f.equals(path)
	return ok
}

// bounds reports whether the server would use an index on a field for the filter.
func (f *filter) bounds(path string) bool { return bounds(f.query, path) }

func bounds(query bson.D, path string) bool {
	for _, e := range query {
		switch d, ok := e.Value.(bson.D); {
		case e.Key == "$and":
			for _, part := range e.Value.(bson.A) {
				if bounds(part.(bson.D), path) {
					return true
				}
			}
		case e.Key != path:
		case !ok || len(d) == 0 || !strings.HasPrefix(d[0].Key, "$"):
			return true
		default:
			return slices.ContainsFunc(d, func(o bson.E) bool { return o.Key != "$size" })
		}
	}
	return false
}

// parseFilter checks a query, as the server does before it reads any document, and rewrites it for lungo.
func (c *call) parseFilter(query bson.D, collator *collator) (*filter, error) {
	rewritten, err := c.rewriteQuery(query)
	if err != nil {
		return nil, err
	}
	f := &filter{query: rewritten, collator: collator}
	if collator != nil {
		f.folded = collator.fold(rewritten).(bson.D)
	}
	return f, nil
}

func (c *call) rewriteQuery(query bson.D) (bson.D, error) {
	out := make(bson.D, 0, len(query))
	for _, e := range query {
		switch e.Key {
		case "$and", "$or", "$nor":
			list, err := c.rewriteBranches(e)
			if err != nil {
				return nil, err
			}
			out = append(out, bson.E{Key: e.Key, Value: list})
		case "$expr":
			expr, err := c.parseExpression(e.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, bson.E{Key: e.Key, Value: compiled{expr}})
		case "$jsonSchema":
			schema, ok := e.Value.(bson.D)
			if !ok {
				return nil, fail(codeTypeMismatch, "$jsonSchema must be an object")
			}
			err := bsonkit.NewSchema(schema).Evaluate(bson.D{})
			if err != nil && !errors.Is(err, bsonkit.ErrValidationFailed) {
				return nil, fail(codeFailedToParse, "$jsonSchema: %v", err)
			}
			out = append(out, e)
		default:
			if strings.HasPrefix(e.Key, "$") {
				c.server.config.Printf("unknown top level operator: %s", e.Key)
				return nil, fail(codeBadValue, "unknown top level operator: %s", e.Key)
			}
			condition, err := c.rewriteCondition(e.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, bson.E{Key: e.Key, Value: condition})
		}
	}
	return out, nil
}

func (c *call) rewriteBranches(e bson.E) (bson.A, error) {
	list, ok := e.Value.(bson.A)
	if !ok || len(list) == 0 {
		return nil, fail(codeBadValue, "%s must be a nonempty array", e.Key)
	}
	out := make(bson.A, len(list))
	for i, item := range list {
		query, ok := item.(bson.D)
		if !ok {
			return nil, fail(codeBadValue, "$or/$and/$nor entries need to be full objects")
		}
		rewritten, err := c.rewriteQuery(query)
		if err != nil {
			return nil, err
		}
		out[i] = rewritten
	}
	return out, nil
}

// rewriteCondition checks and rewrites the condition for a field: a value, or operators.
func (c *call) rewriteCondition(v any) (any, error) {
	if re, ok := v.(primitive.Regex); ok {
		return c.regexCondition(re)
	}
	d, ok := v.(bson.D)
	if !ok || len(d) == 0 || !strings.HasPrefix(d[0].Key, "$") || d[0].Key == "$ref" || d[0].Key == "$id" {
		return v, nil
	}
	out := bson.D{}
	for _, e := range d {
		operand, err := c.rewriteOperand(e)
		if err != nil {
			return nil, err
		}
		out = append(out, bson.E{Key: e.Key, Value: operand})
	}
	return out, nil
}

func (c *call) rewriteOperand(e bson.E) (any, error) {
	switch e.Key {
	case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists":
		if _, ok := e.Value.(primitive.Regex); ok && e.Key != "$eq" && e.Key != "$exists" {
			return nil, fail(codeBadValue, "Can't have regex as arg to %s.", e.Key)
		}
		return e.Value, nil
	case "$in", "$nin":
		return c.rewriteIn(e)
	case "$not":
		inner, ok := e.Value.(bson.D)
		if !ok || len(inner) == 0 || !strings.HasPrefix(inner[0].Key, "$") {
			return nil, fail(codeBadValue, "$not needs a regex or a document")
		}
		return c.rewriteCondition(inner)
	case "$elemMatch":
		if !isDocument(e.Value) {
			return nil, fail(codeBadValue, "$elemMatch needs an Object")
		}
		return c.rewriteElement(e.Value)
	case "$all":
		list, ok := e.Value.(bson.A)
		if !ok {
			return nil, fail(codeBadValue, "$all needs an array")
		}
		for _, item := range list {
			if inner, ok := item.(bson.D); ok && len(inner) > 0 && strings.HasPrefix(inner[0].Key, "$") {
				c.server.config.Printf("$all with %s", inner[0].Key)
				return nil, fail(codeBadValue, "no $ expressions in $all")
			}
		}
		return list, nil
	case "$type", "$size":
		// Lungo checks the operand only when it matches a document.
		probe := bson.D{{Key: "x", Value: e.Value}}
		operator := mongokit.ExpressionQueryOperators[e.Key]
		err := operator(mongokit.Context{}, &probe, e.Key, "x", e.Value)
		if err != nil && !errors.Is(err, mongokit.ErrNotMatched) {
			return nil, fail(codeBadValue, "%v", err)
		}
		return e.Value, nil
	}
	c.server.config.Printf("unknown operator: %s", e.Key)
	return nil, fail(codeBadValue, "unknown operator: %s", e.Key)
}

// rewriteElement rewrites a condition for an element of an array: operators for the element, or a query
// for its fields.
func (c *call) rewriteElement(v any) (any, error) {
	if d, ok := v.(bson.D); ok && (len(d) == 0 || !strings.HasPrefix(d[0].Key, "$")) {
		return c.rewriteQuery(d)
	}
	return c.rewriteCondition(v)
}

func (c *call) rewriteIn(e bson.E) (any, error) {
	list, ok := e.Value.(bson.A)
	if !ok {
		return nil, fail(codeBadValue, "%s needs an array", e.Key)
	}
	for _, item := range list {
		switch v := item.(type) {
		case primitive.Regex:
			c.server.config.Printf("%s with a regular expression", e.Key)
			return nil, fail(codeBadValue, "%s with a regular expression", e.Key)
		case bson.D:
			if len(v) > 0 && strings.HasPrefix(v[0].Key, "$") {
				return nil, fail(codeBadValue, "cannot nest $ under %s", e.Key)
			}
		}
	}
	return list, nil
}

// regexCondition returns a regular expression as a $regex with a compiled operand.
func (c *call) regexCondition(re primitive.Regex) (any, error) {
	if re.Options != "" {
		c.server.config.Printf("options of a regular expression: %s", re.Options)
		return nil, fail(codeBadValue, "invalid flag in regex options: %s", re.Options)
	}
	compiled, err := regexp.Compile(re.Pattern)
	if err != nil {
		return nil, fail(51091, "Regular expression is invalid: %v", err)
	}
	return bson.D{{Key: "$regex", Value: compiled}}, nil
}
