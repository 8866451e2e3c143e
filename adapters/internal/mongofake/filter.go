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

// filter is a query that was found to be in order, in the form that lungo matches.
type filter struct {
	query    bson.D
	folded   bson.D // with its text folded, where a collation is in force
	collator *collator
}

func (f *filter) matches(doc bson.D) (bool, error) {
	query := &f.query
	if f.collator != nil {
		doc, query = f.collator.fold(doc).(bson.D), &f.folded
	}
	return mongokit.Match(&doc, query)
}

// equals is the value that the filter wants a field to have, where it names one.
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

// pins says whether the filter lets a field have one value only.
func (f *filter) pins(path string) bool {
	_, ok := f.equals(path)
	return ok
}

// bounds says whether the filter limits a field in a way that an index on it helps.
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
			return slices.ContainsFunc(d, func(o bson.E) bool {
				return o.Key != "$size" && !strings.HasPrefix(o.Key, "$bits")
			})
		}
	}
	return false
}

// parseFilter checks a query as the server does before it reads anything, and rewrites what lungo has in
// another form.
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
		case "$comment":
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
			if err := bsonkit.NewSchema(schema).Evaluate(bson.D{}); err != nil && !errors.Is(err, bsonkit.ErrValidationFailed) {
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

// rewriteCondition checks what a field is compared with: a value, or operators.
func (c *call) rewriteCondition(v any) (any, error) {
	if re, ok := v.(primitive.Regex); ok {
		return regexCondition(re)
	}
	d, ok := v.(bson.D)
	if !ok || len(d) == 0 || !strings.HasPrefix(d[0].Key, "$") || d[0].Key == "$ref" || d[0].Key == "$id" {
		return v, nil
	}
	out := bson.D{}
	for _, e := range d {
		if e.Key == "$options" {
			if !has(d, "$regex") {
				return nil, fail(codeBadValue, "$options needs a $regex")
			}
			continue
		}
		operand, err := c.rewriteOperand(d, e)
		if err != nil {
			return nil, err
		}
		out = append(out, bson.E{Key: e.Key, Value: operand})
	}
	return out, nil
}

func (c *call) rewriteOperand(d bson.D, e bson.E) (any, error) {
	switch e.Key {
	case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$exists":
		if _, ok := e.Value.(primitive.Regex); ok && e.Key != "$eq" && e.Key != "$exists" {
			return nil, fail(codeBadValue, "Can't have regex as arg to %s.", e.Key)
		}
		return e.Value, nil
	case "$in", "$nin":
		return rewriteIn(e)
	case "$not":
		if re, ok := e.Value.(primitive.Regex); ok {
			return regexCondition(re)
		}
		inner, ok := e.Value.(bson.D)
		if !ok || len(inner) == 0 || !strings.HasPrefix(inner[0].Key, "$") {
			return nil, fail(codeBadValue, "$not needs a regex or a document")
		}
		return c.rewriteCondition(inner)
	case "$elemMatch":
		inner, ok := e.Value.(bson.D)
		if !ok {
			return nil, fail(codeBadValue, "$elemMatch needs an Object")
		}
		if len(inner) > 0 && strings.HasPrefix(inner[0].Key, "$") && mongokit.TopLevelQueryOperators[inner[0].Key] == nil {
			return c.rewriteCondition(inner)
		}
		return c.rewriteQuery(inner)
	case "$regex":
		return regexOperand(e.Value, lookup(d, "$options"))
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
	case "$type", "$size", "$mod", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear":
		// Lungo looks at the operand only when it matches something.
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

func rewriteIn(e bson.E) (any, error) {
	list, ok := e.Value.(bson.A)
	if !ok {
		return nil, fail(codeBadValue, "%s needs an array", e.Key)
	}
	out := make(bson.A, len(list))
	for i, item := range list {
		switch v := item.(type) {
		case primitive.Regex:
			re, err := compileRegex(v.Pattern, v.Options)
			if err != nil {
				return nil, err
			}
			out[i] = re
		case bson.D:
			if len(v) > 0 && strings.HasPrefix(v[0].Key, "$") {
				return nil, fail(codeBadValue, "cannot nest $ under %s", e.Key)
			}
			out[i] = v
		default:
			out[i] = v
		}
	}
	return out, nil
}

func regexCondition(re primitive.Regex) (any, error) {
	p, err := compileRegex(re.Pattern, re.Options)
	return bson.D{{Key: "$regex", Value: p}}, err
}

func regexOperand(v, options any) (any, error) {
	given, _ := options.(string)
	switch v := v.(type) {
	case string:
		return compileRegex(v, given)
	case primitive.Regex:
		if v.Options != "" && given != "" {
			return nil, fail(51075, "options set in both $regex and $options")
		}
		return compileRegex(v.Pattern, v.Options+given)
	}
	return nil, fail(codeBadValue, "$regex has to be a string")
}

// pattern is a regular expression inside a rewritten query.
type pattern struct {
	*regexp.Regexp
	source primitive.Regex
}

func compileRegex(source, options string) (pattern, error) {
	flags := ""
	for _, o := range options {
		switch o {
		case 'i', 'm', 's':
			flags += string(o)
		default:
			return pattern{}, fail(codeBadValue, "invalid flag in regex options: %c", o)
		}
	}
	if flags != "" {
		flags = "(?" + flags + ")"
	}
	re, err := regexp.Compile(flags + source)
	if err != nil {
		return pattern{}, fail(51091, "Regular expression is invalid: %v", err)
	}
	return pattern{re, primitive.Regex{Pattern: source, Options: options}}, nil
}

func (p pattern) matches(v any) bool {
	switch v := v.(type) {
	case string:
		return p.MatchString(v)
	case primitive.Regex:
		return v == p.source
	}
	return false
}
