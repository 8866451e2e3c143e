package mongofake

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"
)

// accumulators gather values into one.
var accumulators = map[string]func() *sum{
	"$sum": func() *sum { return &sum{total: int32(0)} },
}

type sum struct{ total any }

func (s *sum) add(v any) {
	if isNumber(v) {
		s.total = plus(s.total, v)
	}
}

func (s *sum) result() any { return s.total }

// grouping is a $group: an expression for the key, and what is gathered under each.
type grouping struct {
	id     compiled
	fields []groupField
}

type groupField struct {
	name  string
	begin func() *sum
	value compiled
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
		begin, ok := accumulators[d[0].Key]
		if !ok {
			c.server.config.Printf("unknown group operator: %s", d[0].Key)
			return nil, fail(15952, "unknown group operator '%s'", d[0].Key)
		}
		value, err := c.parseExpression(d[0].Value)
		if err != nil {
			return nil, err
		}
		g.fields = append(g.fields, groupField{e.Key, begin, value})
	}
	return g, nil
}

func (g grouping) run(docs []bson.D) ([]bson.D, error) {
	type group struct {
		id  any
		acc []*sum
	}
	var order []*group
	groups := map[string]*group{}
	for _, doc := range docs {
		s := newScope(doc)
		id, err := g.id.eval(s)
		if err != nil {
			return nil, err
		}
		key := keyOf(id)
		it := groups[key]
		if it == nil {
			it = &group{id: present(id)}
			for _, f := range g.fields {
				it.acc = append(it.acc, f.begin())
			}
			groups[key] = it
			order = append(order, it)
		}
		for i, f := range g.fields {
			value, err := f.value.eval(s)
			if err != nil {
				return nil, err
			}
			it.acc[i].add(value)
		}
	}
	out := make([]bson.D, 0, len(order))
	for _, it := range order {
		d := bson.D{{Key: "_id", Value: it.id}}
		for i, f := range g.fields {
			d = append(d, bson.E{Key: f.name, Value: it.acc[i].result()})
		}
		out = append(out, d)
	}
	return out, nil
}
