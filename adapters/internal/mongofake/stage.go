package mongofake

import (
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// stage is one step of a pipeline.
type stage interface {
	run(docs []bson.D) ([]bson.D, error)
}

type stageFunc func(docs []bson.D) ([]bson.D, error)

func (f stageFunc) run(docs []bson.D) ([]bson.D, error) { return f(docs) }

func runPipeline(stages []stage, docs []bson.D) ([]bson.D, error) {
	for _, s := range stages {
		var err error
		if docs, err = s.run(docs); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// each is a stage that turns every document into another.
func each(turn func(bson.D) (bson.D, error)) stage {
	return stageFunc(func(docs []bson.D) ([]bson.D, error) {
		out := make([]bson.D, len(docs))
		for i, doc := range docs {
			var err error
			if out[i], err = turn(doc); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

var stages map[string]func(c *call, v any, collator *collator) (stage, error)

func init() {
	plain := func(parse func(*call, any) (stage, error)) func(*call, any, *collator) (stage, error) {
		return func(c *call, v any, _ *collator) (stage, error) { return parse(c, v) }
	}
	stages = map[string]func(c *call, v any, collator *collator) (stage, error){
		"$match":     (*call).parseMatch,
		"$sort":      (*call).parseSort,
		"$addFields": plain((*call).parseAddFields),
		"$group":     plain((*call).parseGroup),
		"$limit":     plain((*call).parseLimit),
		"$skip":      plain((*call).parseSkip),
		"$count":     plain((*call).parseCount),
	}
}

func (c *call) parsePipeline(list bson.A, collator *collator) ([]stage, error) {
	out := make([]stage, len(list))
	for i, item := range list {
		d, ok := item.(bson.D)
		if !ok {
			return nil, fail(codeTypeMismatch, "Each element of the 'pipeline' array must be an object")
		}
		if len(d) != 1 {
			return nil, fail(40323, "A pipeline stage specification object must contain exactly one field.")
		}
		parse, ok := stages[d[0].Key]
		if !ok {
			c.server.config.Printf("unrecognized pipeline stage: %s", d[0].Key)
			return nil, fail(codeUnknownStage, "Unrecognized pipeline stage name: '%s'", d[0].Key)
		}
		var err error
		if out[i], err = parse(c, d[0].Value, collator); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) parseMatch(v any, collator *collator) (stage, error) {
	query, ok := v.(bson.D)
	if !ok {
		return nil, fail(15959, "the match filter must be an expression in an object")
	}
	f, err := c.parseFilter(query, collator)
	return stageFunc(func(docs []bson.D) ([]bson.D, error) {
		var out []bson.D
		for _, doc := range docs {
			ok, err := f.matches(doc)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, doc)
			}
		}
		return out, nil
	}), err
}

func (c *call) parseSort(v any, collator *collator) (stage, error) {
	order, ok := v.(bson.D)
	if !ok {
		return nil, fail(15973, "the $sort key specification must be an object")
	}
	if len(order) == 0 {
		return nil, fail(15976, "$sort stage must have at least one sort key")
	}
	for _, e := range order {
		if !isNumber(e.Value) {
			return nil, fail(15974, "$sort key ordering must be specified using a number or {$meta: 'textScore'}")
		}
		if n, ok := integer(e.Value); !ok || n != 1 && n != -1 {
			return nil, fail(15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)")
		}
	}
	return stageFunc(func(docs []bson.D) ([]bson.D, error) {
		docs = append([]bson.D(nil), docs...)
		sortBy(docs, order, collator, func(d bson.D) bson.D { return d })
		return docs, nil
	}), nil
}

func (c *call) parseAddFields(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(40272, "$addFields specification stage must be an object, got %s", typeName(v))
	}
	if len(spec) == 0 {
		return nil, fail(40177, "specification must have at least one field")
	}
	type field struct {
		path  []string
		value compiled
	}
	var fields []field
	var read func(prefix []string, d bson.D) error
	read = func(prefix []string, d bson.D) error {
		for _, e := range d {
			path := append(append([]string(nil), prefix...), strings.Split(e.Key, ".")...)
			if inner, ok := e.Value.(bson.D); ok && len(inner) > 0 && !strings.HasPrefix(inner[0].Key, "$") {
				if err := read(path, inner); err != nil {
					return err
				}
				continue
			}
			expr, err := c.parseExpression(e.Value)
			if err != nil {
				return err
			}
			fields = append(fields, field{path, expr})
		}
		return nil
	}
	if err := read(nil, spec); err != nil {
		return nil, err
	}
	return each(func(doc bson.D) (bson.D, error) {
		s, out := newScope(doc), any(doc)
		for _, f := range fields {
			value, err := f.value.eval(s)
			if err != nil {
				return nil, err
			}
			out = assign(out, f.path, value)
		}
		return out.(bson.D), nil
	}), nil
}

// assign is v with a value at the path, in every element where it meets an array. Nothing in v is changed.
func assign(v any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if list, ok := v.(bson.A); ok {
		out := make(bson.A, len(list))
		for i, item := range list {
			out[i] = assign(item, path, value)
		}
		return out
	}
	d, _ := v.(bson.D)
	out, placed := make(bson.D, 0, len(d)+1), false
	for _, e := range d {
		if e.Key == path[0] {
			placed = true
			if e.Value = assign(e.Value, path[1:], value); e.Value == bsonkit.Missing {
				continue
			}
		}
		out = append(out, e)
	}
	if placed {
		return out
	}
	if below := assign(bson.D{}, path[1:], value); below != bsonkit.Missing {
		out = append(out, bson.E{Key: path[0], Value: below})
	}
	return out
}

func (c *call) parseLimit(v any) (stage, error) {
	n, ok := integer(v)
	if !ok {
		return nil, fail(15957, "the limit must be specified as a number")
	}
	if n <= 0 {
		return nil, fail(15958, "the limit must be positive")
	}
	return stageFunc(func(docs []bson.D) ([]bson.D, error) { return page(docs, 0, n), nil }), nil
}

func (c *call) parseSkip(v any) (stage, error) {
	n, ok := integer(v)
	if !ok {
		return nil, fail(15972, "Argument to $skip must be a number")
	}
	if n < 0 {
		return nil, fail(15956, "Argument to $skip cannot be negative")
	}
	return stageFunc(func(docs []bson.D) ([]bson.D, error) { return page(docs, n, 0), nil }), nil
}

func (c *call) parseCount(v any) (stage, error) {
	name, ok := v.(string)
	if !ok || name == "" {
		return nil, fail(40156, "the count field must be a non-empty string")
	}
	if strings.HasPrefix(name, "$") {
		return nil, fail(40158, "the count field cannot be a $-prefixed path")
	}
	if strings.Contains(name, ".") {
		return nil, fail(40160, "the count field cannot contain '.'")
	}
	return stageFunc(func(docs []bson.D) ([]bson.D, error) {
		if len(docs) == 0 {
			return nil, nil
		}
		return []bson.D{{{Key: name, Value: int32(len(docs))}}}, nil
	}), nil
}
