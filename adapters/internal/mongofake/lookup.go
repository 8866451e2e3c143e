package mongofake

import (
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
)

// parseLookup parses a $lookup with a pipeline, the only form that the fake has. A sharded
// collection cannot be looked up.
func (c *call) parseLookup(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(codeFailedToParse, "the $lookup specification must be an Object")
	}
	for _, e := range spec {
		if !slices.Contains([]string{"from", "let", "pipeline", "as"}, e.Key) {
			c.server.config.Printf("unsupported argument of $lookup: %s", e.Key)
			return nil, fail(codeFailedToParse, "unknown argument to $lookup: %s", e.Key)
		}
	}
	from, _ := lookup(spec, "from").(string)
	as, _ := lookup(spec, "as").(string)
	list, ok := lookup(spec, "pipeline").(bson.A)
	if from == "" || as == "" || !ok {
		return nil, fail(codeFailedToParse, "must specify 'pipeline', 'from' and 'as' for a $lookup")
	}
	if c.server.mongos != nil && c.server.mongos.keys[from] != "" {
		return nil, fail(28769, "%s.%s cannot be sharded", c.database, from)
	}
	let, err := c.parseLet(lookup(spec, "let"))
	if err != nil {
		return nil, err
	}
	unset, err := c.within(let, nil)
	if err != nil {
		return nil, err
	}
	if _, err := unset.parsePipeline(list); err != nil {
		return nil, err
	}
	coll := c.store.collections[c.database+"."+from]
	if coll != nil && c.txn != nil {
		if err := c.txn.use(coll); err != nil {
			return nil, err
		}
	}
	return func(docs []bson.D) ([]bson.D, error) {
		out := make([]bson.D, len(docs))
		for i, doc := range docs {
			inner, err := c.within(let, doc)
			if err != nil {
				return nil, err
			}
			joined, err := inner.join(coll, list)
			if err != nil {
				return nil, err
			}
			out[i] = assign(slices.Clone(doc), as, joined)
		}
		return out, nil
	}, nil
}

// variable is a variable of the pipeline of a $lookup. It has a value for each document of the
// outer pipeline.
type variable struct {
	name  string
	value compiled
}

func (c *call) parseLet(v any) (all []variable, err error) {
	let, ok := v.(bson.D)
	if !ok && v != nil {
		return nil, fail(codeFailedToParse, "$lookup argument 'let' must be an object, is type %s", typeName(v))
	}
	for _, e := range let {
		if e.Key == "" || e.Key[0] < 'a' || e.Key[0] > 'z' {
			return nil, fail(16867, "'%s' starts with an invalid character for a user variable name", e.Key)
		}
		value, err := c.parseExpression(e.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, variable{e.Key, value})
	}
	return all, nil
}

// within returns the call for the pipeline of a $lookup, in which the variables have their values
// for a document.
func (c *call) within(let []variable, doc bson.D) (*call, error) {
	inner := *c
	inner.variables = maps.Clone(c.variables)
	if inner.variables == nil {
		inner.variables = map[string]any{}
	}
	for _, v := range let {
		value, err := v.value.eval(doc)
		if err != nil {
			return nil, err
		}
		inner.variables[v.name] = value
	}
	return &inner, nil
}

// join returns what the pipeline of a $lookup finds.
func (c *call) join(coll *collection, list bson.A) (bson.A, error) {
	stages, err := c.parsePipeline(list)
	if err != nil {
		return nil, err
	}
	found, err := c.source(coll, list)
	if err == nil {
		found, err = runPipeline(stages, found)
	}
	joined := make(bson.A, len(found))
	for i, doc := range found {
		joined[i] = doc
	}
	return joined, err
}

// parseProject parses a $project: fields as in a projection of find, and fields with the value of an
// expression, which come last.
func (c *call) parseProject(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(15969, "$project specification must be an object")
	}
	if len(spec) == 0 {
		return nil, fail(40177, "specification must have at least one field")
	}
	var plain, computed bson.D
	var values []compiled
	for _, e := range spec {
		operator, isDocument := e.Value.(bson.D)
		text, isText := e.Value.(string)
		switch {
		case isDocument && len(operator) > 0 && strings.HasPrefix(operator[0].Key, "$"), isText && strings.HasPrefix(text, "$"):
			value, err := c.parseExpression(e.Value)
			if err != nil {
				return nil, err
			}
			computed, values = append(computed, e), append(values, value)
		case isDocument, isText:
			c.server.config.Printf("unsupported field of $project: %s", e.Key)
			return nil, fail(codeBadValue, "unsupported field of $project: %s", e.Key)
		default:
			plain = append(plain, e)
		}
	}
	if len(plain) == 0 {
		plain = bson.D{{Key: "_id", Value: 1}}
	}
	shown, err := c.parseProjection(plain)
	return func(docs []bson.D) ([]bson.D, error) {
		out := make([]bson.D, len(docs))
		for i, doc := range docs {
			if out[i], err = shown.apply(doc); err != nil {
				return nil, err
			}
			for j, e := range computed {
				value, err := values[j].eval(doc)
				if err != nil {
					return nil, err
				}
				out[i] = assign(out[i], e.Key, value)
			}
		}
		return out, nil
	}, err
}
