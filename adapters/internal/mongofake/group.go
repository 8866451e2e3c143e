package mongofake

import (
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// grouping is a $group: an expression for the key, and the fields of each group.
type grouping struct {
	id     compiled
	fields []groupField
}

// groupField is a field with an accumulator: a $sum, or a $push if pushes is true.
type groupField struct {
	name   string
	value  compiled
	pushes bool
}

// empty returns the value of the field in a group without documents.
func (f groupField) empty() any {
	if f.pushes {
		return bson.A{}
	}
	return int32(0)
}

// add returns the value of the field after another document.
func (f groupField) add(sum, value any) any {
	list, _ := sum.(bson.A)
	switch {
	case f.pushes && value != bsonkit.Missing:
		return append(list, value)
	case !f.pushes && isNumber(value):
		return plus(sum, value)
	}
	return sum
}

func (c *call) parseGroup(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(15947, "a group's fields must be specified in an object")
	}
	if !has(spec, "_id") {
		return nil, fail(15955, "a group specification must include an _id")
	}
	g := grouping{}
	for _, e := range spec {
		if e.Key == "_id" {
			var err error
			if g.id, err = c.parseExpression(e.Value); err != nil {
				return nil, err
			}
			continue
		}
		d, ok := e.Value.(bson.D)
		switch {
		case strings.Contains(e.Key, "."):
			return nil, fail(40235, "The field name '%s' cannot contain '.'", e.Key)
		case strings.HasPrefix(e.Key, "$"):
			return nil, fail(40236, "The field name '%s' cannot be an operator name", e.Key)
		case !ok:
			return nil, fail(40234, "The field '%s' must be an accumulator object", e.Key)
		case len(d) != 1:
			return nil, fail(40238, "The field '%s' must specify one accumulator", e.Key)
		}
		if d[0].Key != "$sum" && d[0].Key != "$push" {
			c.server.config.Printf("unknown group operator: %s", d[0].Key)
			return nil, fail(15952, "unknown group operator '%s'", d[0].Key)
		}
		value, err := c.parseExpression(d[0].Value)
		if err != nil {
			return nil, err
		}
		g.fields = append(g.fields, groupField{e.Key, value, d[0].Key == "$push"})
	}
	return g.run, nil
}

func (g grouping) run(docs []bson.D) ([]bson.D, error) {
	var groups []bson.D
	at := map[string]int{} // the index of a key's group
	for _, doc := range docs {
		id, err := g.id.eval(doc)
		if err != nil {
			return nil, err
		}
		key := keyOf(id)
		n, found := at[key]
		if !found {
			n = len(groups)
			at[key] = n
			group := bson.D{{Key: "_id", Value: present(id)}}
			for _, f := range g.fields {
				group = append(group, bson.E{Key: f.name, Value: f.empty()})
			}
			groups = append(groups, group)
		}
		for i, f := range g.fields {
			value, err := f.value.eval(doc)
			if err != nil {
				return nil, err
			}
			sum := &groups[n][i+1].Value
			*sum = f.add(*sum, value)
		}
	}
	return groups, nil
}
