package mongodb

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// layout holds a collection's fields, rules and indexes at one version.
type layout struct {
	fields  map[string]string // BSON types; "?" at the end allows null and absence
	rules   []bson.D          // further conditions on a document
	indexes []index
}

// layout returns the layout of the schema.
func (s spec) layout() layout {
	l := layout{fields: maps.Clone(s.extra), rules: s.rules, indexes: s.indexes}
	if l.fields == nil {
		l.fields = map[string]string{}
	}
	if s.table == nil {
		return l
	}
	for _, c := range s.table.Columns {
		name, kind := fieldOf(s.table, c.Name), bsonTypes[c.Kind]
		if c.Nullable {
			kind += "?"
		}
		if !strings.Contains(name, ".") {
			l.fields[name] = kind
		}
	}
	return l
}

// validator returns the conditions that the server checks in every document, whichever program
// writes it. It requires only fields that cannot be null: a document from before another field was
// added must remain valid.
func (l layout) validator() bson.D {
	properties, required := bson.D{}, bson.A{}
	for _, name := range slices.Sorted(maps.Keys(l.fields)) {
		bsonType, optional := strings.CutSuffix(l.fields[name], "?")
		var allowed any = bsonType
		if optional {
			allowed = bson.A{bsonType, "null"}
		} else {
			required = append(required, name)
		}
		properties = append(properties, bson.E{Key: name, Value: d("bsonType", allowed)})
	}
	conditions := bson.A{d("$jsonSchema", d("bsonType", "object", "required", required, "properties", properties))}
	for _, r := range l.rules {
		conditions = append(conditions, r)
	}
	return d("$and", conditions)
}

// parseValidator returns the fields and rules of a validator that has the form of method validator.
// A field may be absent if it may be null.
func parseValidator(validator bson.D) (l layout, err error) {
	unreadable := func() (layout, error) { return layout{}, fmt.Errorf("read the validator %v", validator) }
	conditions, ok := field(validator, "$and").(bson.A)
	if !ok || len(conditions) == 0 {
		return unreadable()
	}
	var rules []bson.D
	for _, c := range conditions {
		rule, ok := c.(bson.D)
		if !ok {
			return unreadable()
		}
		rules = append(rules, rule)
	}
	described, _ := field(rules[0], "$jsonSchema").(bson.D)
	properties, ok := field(described, "properties").(bson.D)
	if !ok {
		return unreadable()
	}
	l = layout{fields: map[string]string{}, rules: rules[1:]}
	for _, p := range properties {
		property, _ := p.Value.(bson.D)
		switch bsonType := field(property, "bsonType").(type) {
		case string:
			l.fields[p.Key] = bsonType
		case bson.A:
			if len(bsonType) != 2 || bsonType[1] != "null" {
				return unreadable()
			}
			l.fields[p.Key] = fmt.Sprint(bsonType[0], "?")
		default:
			return unreadable()
		}
	}
	return l, nil
}

// after returns the layout after a change.
func (l layout) after(c change) (layout, error) {
	next := layout{fields: maps.Clone(l.fields), rules: l.rules, indexes: slices.Clone(l.indexes)}
	if c.validator != nil {
		parsed, err := parseValidator(c.validator)
		if err != nil {
			return l, err
		}
		next.fields, next.rules = parsed.fields, parsed.rules
	}
	if next.fields == nil {
		next.fields = map[string]string{}
	}
	maps.Copy(next.fields, c.fields)
	for _, name := range c.dropped {
		delete(next.fields, name)
	}
	if c.rules != nil {
		next.rules = c.rules
	}
	next.indexes = append(next.indexes, c.indexes...)
	next.indexes = slices.DeleteFunc(next.indexes, func(x index) bool { return slices.Contains(c.unindexed, x.name) })
	return next, nil
}

// indexSpec is an index in the form of the server's list and of a migration's file.
type indexSpec struct {
	Name    string
	Key     bson.D
	Unique  bool
	Sparse  bool
	Partial bson.D `bson:"partialFilterExpression"`
}

func (s indexSpec) index() index {
	keys := make([]string, len(s.Key))
	for i, e := range s.Key {
		keys[i] = e.Key
	}
	return index{name: s.Name, keys: strings.Join(keys, " "), unique: s.Unique, sparse: s.Sparse, partial: s.Partial}
}

func (i index) model() mongo.IndexModel {
	pattern := bson.D{}
	for _, key := range strings.Fields(i.keys) {
		pattern = append(pattern, bson.E{Key: key, Value: int32(1)})
	}
	o := options.Index().SetName(i.name)
	if i.unique {
		o.SetUnique(true)
	}
	if i.sparse {
		o.SetSparse(true)
	}
	if i.partial != nil {
		o.SetPartialFilterExpression(i.partial)
	}
	return mongo.IndexModel{Keys: pattern, Options: o}
}
