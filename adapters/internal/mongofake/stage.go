package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

// stage is a parsed stage of a pipeline. It returns the documents that follow from docs, and does not
// change docs.
type stage func(docs []bson.D) ([]bson.D, error)

func runPipeline(stages []stage, docs []bson.D) ([]bson.D, error) {
	for _, run := range stages {
		var err error
		if docs, err = run(docs); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// stages lists the stages that the fake has.
var stages map[string]func(c *call, v any) (stage, error)

func init() { // in init: a $lookup has a pipeline, so that stages would otherwise depend on itself
	stages = map[string]func(c *call, v any) (stage, error){
		"$match":     (*call).parseMatch,
		"$sort":      (*call).parseSort,
		"$addFields": (*call).parseAddFields,
		"$group":     (*call).parseGroup,
		"$limit":     (*call).parseLimit,
		"$count":     (*call).parseCount,
		"$project":   (*call).parseProject,
		"$lookup":    (*call).parseLookup,
	}
}

func (c *call) parsePipeline(list bson.A) ([]stage, error) {
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
		if out[i], err = parse(c, d[0].Value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) parseMatch(v any) (stage, error) {
	query, ok := v.(bson.D)
	if !ok {
		return nil, fail(15959, "the match filter must be an expression in an object")
	}
	f, err := c.parseFilter(query, nil)
	return func(docs []bson.D) ([]bson.D, error) {
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
	}, err
}

func (c *call) parseSort(v any) (stage, error) {
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
	return func(docs []bson.D) ([]bson.D, error) {
		docs = slices.Clone(docs)
		sortBy(docs, order, nil, func(d bson.D) bson.D { return d })
		return docs, nil
	}, nil
}

func (c *call) parseAddFields(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(40272, "$addFields specification stage must be an object, got %s", typeName(v))
	}
	if len(spec) == 0 {
		return nil, fail(40177, "specification must have at least one field")
	}
	values := make([]compiled, len(spec))
	for i, e := range spec {
		if strings.Contains(e.Key, ".") {
			c.server.config.Printf("$addFields with a path: %s", e.Key)
			return nil, fail(codeBadValue, "$addFields with a path: %s", e.Key)
		}
		var err error
		if values[i], err = c.parseExpression(e.Value); err != nil {
			return nil, err
		}
	}
	return func(docs []bson.D) ([]bson.D, error) {
		out := make([]bson.D, len(docs))
		for i, doc := range docs {
			out[i] = slices.Clone(doc)
			for j, e := range spec {
				value, err := values[j].eval(doc)
				if err != nil {
					return nil, err
				}
				out[i] = assign(out[i], e.Key, value)
			}
		}
		return out, nil
	}, nil
}

// assign sets a field of d, or removes it if the value is missing.
func assign(d bson.D, name string, value any) bson.D {
	i := slices.IndexFunc(d, func(e bson.E) bool { return e.Key == name })
	switch {
	case value == bsonkit.Missing && i >= 0:
		return slices.Delete(d, i, i+1)
	case value == bsonkit.Missing:
		return d
	case i >= 0:
		d[i].Value = value
		return d
	}
	return append(d, bson.E{Key: name, Value: value})
}

func (c *call) parseLimit(v any) (stage, error) {
	n, ok := integer(v)
	if !ok {
		return nil, fail(15957, "the limit must be specified as a number")
	}
	if n <= 0 {
		return nil, fail(15958, "the limit must be positive")
	}
	return func(docs []bson.D) ([]bson.D, error) { return page(docs, 0, n), nil }, nil
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
	return func(docs []bson.D) ([]bson.D, error) {
		if len(docs) == 0 {
			return nil, nil
		}
		return []bson.D{{{Key: name, Value: int32(len(docs))}}}, nil
	}, nil
}
