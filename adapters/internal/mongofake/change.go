package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// change is what an update does to a document: modifiers, or another document.
type change struct {
	modifiers   []modifier
	replacement bson.D
	filters     map[string]*filter // arrayFilters by identifier
}

// modifier is one path under one operator, as {$inc: {"a.b": 1}} has it.
type modifier struct {
	op    string
	path  string
	value any
}

func (c *call) parseChange(u, arrayFilters any) (*change, error) {
	ch := &change{}
	var err error
	if ch.filters, err = c.parseArrayFilters(arrayFilters); err != nil {
		return nil, err
	}
	switch u := u.(type) {
	case bson.A:
		c.server.config.Printf("an update that is a pipeline")
		return nil, fail(codeFailedToParse, "an update cannot be a pipeline here")
	case bson.D:
		if len(u) == 0 || !strings.HasPrefix(u[0].Key, "$") {
			if len(ch.filters) > 0 {
				return nil, fail(codeFailedToParse, "arrayFilters may not be specified for replacement-syle updates")
			}
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

func (c *call) parseArrayFilters(v any) (map[string]*filter, error) {
	list, ok := v.(bson.A)
	if v != nil && !ok {
		return nil, fail(codeTypeMismatch, "arrayFilters must be an array")
	}
	filters := map[string]*filter{}
	for _, item := range list {
		query, ok := item.(bson.D)
		if !ok || len(query) == 0 {
			return nil, fail(codeFailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
		}
		identifier, _, _ := strings.Cut(query[0].Key, ".")
		if strings.HasPrefix(identifier, "$") {
			c.server.config.Printf("arrayFilters: %s at the top", identifier)
			return nil, fail(codeFailedToParse, "Cannot use an expression without a top-level field name in arrayFilters")
		}
		if filters[identifier] != nil {
			return nil, fail(codeFailedToParse, "Found multiple array filters with the same top-level field name %s", identifier)
		}
		f, err := c.parseFilter(query, nil)
		if err != nil {
			return nil, err
		}
		filters[identifier] = f
	}
	return filters, nil
}

func (c *call) parseModifiers(ch *change, u bson.D) error {
	used := map[string]bool{}
	var paths []string
	for _, e := range u {
		if mongokit.FieldUpdateOperators[e.Key] == nil {
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
			for _, part := range strings.Split(m.path, ".") {
				if id, ok := arrayIdentifier(part); ok && id != "" {
					if ch.filters[id] == nil {
						return fail(codeBadValue, "No array filter found for identifier '%s' in path '%s'", id, m.path)
					}
					used[id] = true
				}
			}
			paths = append(paths, m.path)
			if m.op == "$rename" {
				paths = append(paths, m.target())
			}
			ch.modifiers = append(ch.modifiers, m)
		}
	}
	for id := range ch.filters {
		if !used[id] {
			return fail(codeFailedToParse, "The array filter for identifier '%s' was not used in the update", id)
		}
	}
	slices.SortStableFunc(ch.modifiers, func(a, b modifier) int { return comparePaths(a.target(), b.target()) })
	return conflicting(paths)
}

// target is the path that the modifier may add.
func (m modifier) target() string {
	if to, ok := m.value.(string); ok && m.op == "$rename" {
		return to
	}
	return m.path
}

// comparePaths orders by the names along the path: the order in which new fields are added.
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

// checkModifier checks what can be checked without a document.
func (c *call) checkModifier(m *modifier) error {
	if m.path == "" || slices.Contains(strings.Split(m.path, "."), "") {
		return fail(codeEmptyFieldName, "The update path '%s' contains an empty field name, which is not allowed.", m.path)
	}
	switch m.op {
	case "$inc", "$mul":
		if !isNumber(m.value) {
			return fail(codeTypeMismatch, "Cannot %s with non-numeric argument: {%s: %v}", m.op, m.path, m.value)
		}
	case "$pop":
		if n, ok := integer(m.value); !ok || n != 1 && n != -1 {
			return fail(codeFailedToParse, "$pop expects 1 or -1, found: %v", m.value)
		}
	case "$pull":
		return c.rewritePull(m)
	case "$pullAll":
		if _, ok := m.value.(bson.A); !ok {
			return fail(codeBadValue, "$pullAll requires an array argument but was given a %s", typeName(m.value))
		}
	case "$rename":
		if target, ok := m.value.(string); !ok || strings.Contains(target, "$") || target == m.path {
			return fail(codeBadValue, "The 'to' field for $rename must be another field's name: %s: %v", m.path, m.value)
		}
	case "$set", "$setOnInsert":
		return storable(m.value)
	}
	return nil
}

// rewritePull checks the condition of a $pull as a filter's.
func (c *call) rewritePull(m *modifier) error {
	var err error
	d, ok := m.value.(bson.D)
	if !ok || len(d) > 0 && strings.HasPrefix(d[0].Key, "$") && mongokit.TopLevelQueryOperators[d[0].Key] == nil {
		m.value, err = c.rewriteCondition(m.value)
		return err
	}
	m.value, err = c.rewriteQuery(d)
	return err
}

// storable refuses values with a field that begins with a dollar.
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

// apply is the document after the change. The filter says which element a positional $ means.
func (ch *change) apply(doc bson.D, f *filter, inserting bool) (bson.D, error) {
	if ch.replacement != nil {
		return ch.replace(doc), nil
	}
	next := *bsonkit.Clone(&doc)
	for _, m := range ch.modifiers {
		if m.op == "$setOnInsert" && !inserting {
			continue
		}
		paths, err := ch.resolve(next, f, m.path)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if err := (modifier{m.op, path, m.value}).apply(&next); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

// replace is the new document under the old one's _id.
func (ch *change) replace(doc bson.D) bson.D {
	id := bsonkit.Get(&doc, "_id")
	if has(ch.replacement, "_id") || id == bsonkit.Missing {
		return ch.replacement
	}
	return append(bson.D{{Key: "_id", Value: id}}, ch.replacement...)
}

// apply changes the document at one path. Lungo does it; the refusals, with their codes, are here.
func (m modifier) apply(doc *bson.D) error {
	value := bsonkit.Get(doc, m.path)
	_, isArray := value.(bson.A)
	absent := value == bsonkit.Missing
	if !viable(*doc, m.path) {
		switch m.op {
		case "$unset", "$pull", "$pullAll", "$pop":
			return nil
		}
		return fail(codePathNotViable, "Cannot create field in element: %s", m.path)
	}
	switch m.op {
	case "$inc", "$mul":
		return m.calculate(doc, value)
	case "$push", "$addToSet", "$pull", "$pullAll":
		if !absent && !isArray {
			return fail(codeBadValue, "The field '%s' must be an array but is of type %s", m.path, typeName(value))
		}
	case "$pop":
		if !absent && !isArray {
			return fail(codeTypeMismatch, "Path '%s' contains an element of non-array type '%s'", m.path, typeName(value))
		}
	case "$setOnInsert":
		m.op = "$set"
	case "$rename":
		if !absent && !viable(*doc, m.value.(string)) {
			return fail(codePathNotViable, "Cannot create field in element: %s", m.value)
		}
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

// viable says whether a value can be put at the path: nothing on the way to it is a plain value.
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

// arrayIdentifier takes x out of $[x].
func arrayIdentifier(part string) (string, bool) {
	if strings.HasPrefix(part, "$[") && strings.HasSuffix(part, "]") {
		return part[2 : len(part)-1], true
	}
	return "", false
}
