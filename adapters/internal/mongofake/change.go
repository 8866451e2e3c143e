package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// change is what an update does to a document: it applies modifiers, or replaces the document.
type change struct {
	modifiers   []modifier
	replacement bson.D
}

// modifiers lists the update operators that the fake has.
var modifiers = []string{
	"$set", "$setOnInsert", "$unset", "$inc", "$mul", "$min", "$max", "$currentDate", "$push", "$addToSet", "$pull",
}

// modifier is one operator for one path, as in {$inc: {"a.b": 1}}.
type modifier struct {
	op    string
	path  string
	value any
}

func (c *call) parseChange(u any) (*change, error) {
	ch := &change{}
	switch u := u.(type) {
	case bson.A:
		c.server.config.Printf("an update that is a pipeline")
		return nil, fail(codeFailedToParse, "an update cannot be a pipeline here")
	case bson.D:
		if len(u) == 0 || !strings.HasPrefix(u[0].Key, "$") {
			ch.replacement = u
			if u == nil {
				ch.replacement = bson.D{}
			}
			return ch, storable(u)
		}
		return ch, c.parseModifiers(ch, u)
	}
	return nil, fail(codeFailedToParse, "Update argument must be either an object or an array")
}

func (c *call) parseModifiers(ch *change, u bson.D) error {
	var paths []string
	for _, e := range u {
		if !slices.Contains(modifiers, e.Key) {
			c.server.config.Printf("unknown modifier: %s", e.Key)
			return fail(codeFailedToParse, "Unknown modifier: %s", e.Key)
		}
		fields, ok := e.Value.(bson.D)
		if !ok {
			return fail(codeFailedToParse, "Modifiers operate on fields but we found type %s instead.", typeName(e.Value))
		}
		if len(fields) == 0 {
			return fail(codeFailedToParse, "'%s' is empty. You must specify a field like so: {%s: {<field>: ...}}", e.Key, e.Key)
		}
		for _, f := range fields {
			m := modifier{op: e.Key, path: f.Key, value: f.Value}
			if err := c.checkModifier(&m); err != nil {
				return err
			}
			paths = append(paths, m.path)
			ch.modifiers = append(ch.modifiers, m)
		}
	}
	slices.SortStableFunc(ch.modifiers, func(a, b modifier) int { return comparePaths(a.path, b.path) })
	return conflicting(paths)
}

// comparePaths orders paths by their names, which is the order in which the server adds new fields.
func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "."), strings.Split(b, "."))
}

func conflicting(paths []string) error {
	for i, a := range paths {
		for _, b := range paths[:i] {
			if a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".") {
				return fail(codeConflictingOperators, "Updating the path '%s' would create a conflict at '%s'", a, b)
			}
		}
	}
	return nil
}

// checkModifier checks a modifier without a document, and rewrites the condition of a $pull for lungo.
func (c *call) checkModifier(m *modifier) error {
	for _, part := range strings.Split(m.path, ".") {
		if part == "" {
			return fail(codeEmptyFieldName, "The update path '%s' contains an empty field name, which is not allowed.", m.path)
		}
		if part == "$" || strings.HasPrefix(part, "$[") {
			c.server.config.Printf("positional path: %s", m.path)
			return fail(codeBadValue, "The positional operator did not find the match needed from the query.")
		}
	}
	switch m.op {
	case "$inc", "$mul":
		if !isNumber(m.value) {
			return fail(codeTypeMismatch, "Cannot %s with non-numeric argument: {%s: %v}", m.op, m.path, m.value)
		}
	case "$pull":
		var err error
		m.value, err = c.rewriteElement(m.value)
		return err
	case "$set", "$setOnInsert":
		return storable(m.value)
	}
	return nil
}

// storable returns an error for a value with a field that begins with a dollar.
func storable(v any) error {
	switch v := v.(type) {
	case bson.D:
		for _, e := range v {
			if strings.HasPrefix(e.Key, "$") && e.Key != "$ref" && e.Key != "$id" && e.Key != "$db" {
				return fail(codeDollarPrefixed, "The dollar ($) prefixed field '%s' is not valid for storage.", e.Key)
			}
			if err := storable(e.Value); err != nil {
				return err
			}
		}
	case bson.A:
		for _, item := range v {
			if err := storable(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply returns the document after the change.
func (ch *change) apply(doc bson.D, inserting bool) (bson.D, error) {
	if ch.replacement != nil {
		return ch.replace(doc), nil
	}
	next := *bsonkit.Clone(&doc)
	for _, m := range ch.modifiers {
		if m.op == "$setOnInsert" && !inserting {
			continue
		}
		if err := m.apply(&next); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// replace returns the replacement, with the _id of doc if it has none.
func (ch *change) replace(doc bson.D) bson.D {
	id := bsonkit.Get(&doc, "_id")
	if has(ch.replacement, "_id") || id == bsonkit.Missing {
		return ch.replacement
	}
	return append(bson.D{{Key: "_id", Value: id}}, ch.replacement...)
}

// apply changes the document at one path. Lungo makes the change, after the checks that return the
// server's error codes.
func (m modifier) apply(doc *bson.D) error {
	value := bsonkit.Get(doc, m.path)
	_, isArray := value.(bson.A)
	absent := value == bsonkit.Missing
	if !viable(*doc, m.path) {
		switch m.op {
		case "$unset", "$pull":
			return nil
		}
		return fail(codePathNotViable, "Cannot create field in element: %s", m.path)
	}
	switch m.op {
	case "$inc", "$mul":
		return m.calculate(doc, value)
	case "$push", "$addToSet", "$pull":
		if !absent && !isArray {
			return fail(codeBadValue, "The field '%s' must be an array but is of type %s", m.path, typeName(value))
		}
	case "$setOnInsert":
		m.op = "$set"
	}
	update := bson.D{{Key: m.op, Value: bson.D{{Key: m.path, Value: m.value}}}}
	if _, err := mongokit.Apply(doc, nil, &update, false, nil); err != nil {
		return fail(codeBadValue, "%v", err)
	}
	return nil
}

func (m modifier) calculate(doc *bson.D, value any) error {
	if value == bsonkit.Missing {
		value = int32(0)
	}
	if !isNumber(value) {
		return fail(codeTypeMismatch, "Cannot apply %s to a value of non-numeric type. The field '%s' has type %s",
			m.op, m.path, typeName(value))
	}
	calculate := addNumbers
	if m.op == "$mul" {
		calculate = multiplyNumbers
	}
	result, ok := calculate(value, m.value)
	if !ok {
		return fail(codeBadValue, "Failed to apply %s operations to current value (%v) for '%s'", m.op, value, m.path)
	}
	_, err := bsonkit.Put(doc, m.path, result, false)
	return err
}

// viable reports whether a value can be put at the path: each value on the way to it must be a document
// or an array.
func viable(v any, path string) bool {
	for path != bsonkit.PathEnd {
		name := bsonkit.PathSegment(path)
		switch node := v.(type) {
		case bson.D:
			if !has(node, name) {
				return true
			}
			v = lookup(node, name)
		case bson.A:
			i, ok := bsonkit.ParseIndex(name)
			if !ok {
				return false
			}
			if i >= len(node) {
				return true
			}
			v = node[i]
		default:
			return false
		}
		path = bsonkit.ReducePath(path)
	}
	return true
}
