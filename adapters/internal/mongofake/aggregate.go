package mongofake

import (
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

func aggregate(c *call) (bson.D, error) {
	list, ok := c.get("pipeline").(bson.A)
	if !ok {
		return nil, fail(codeTypeMismatch, "'pipeline' option must be specified as an array")
	}
	options, ok := c.get("cursor").(bson.D)
	if !ok {
		if has(c.body, "cursor") {
			return nil, fail(codeTypeMismatch, "cursor field must be missing or an object")
		}
		return nil, fail(codeFailedToParse, "The 'cursor' option is required, except for aggregate with the explain argument")
	}
	size, given, err := args{options, codeTypeMismatch}.optCount("batchSize")
	if err != nil {
		return nil, err
	}
	if !given {
		size = firstBatch
	}
	coll, err := c.open()
	if err != nil {
		return nil, err
	}
	collator, err := c.collation(coll, c.args)
	if err != nil {
		return nil, err
	}
	stages, err := c.parsePipeline(list, collator)
	if err != nil {
		return nil, err
	}
	if err := c.checkHint(coll); err != nil {
		return nil, err
	}
	docs, err := c.source(coll, list, collator)
	if err != nil {
		return nil, err
	}
	if docs, err = runPipeline(stages, docs); err != nil {
		return nil, err
	}
	k := &cursor{namespace: c.namespace(), docs: docs, home: coll, blind: true}
	reply := c.openCursor(k, size, false)
	k.blind = false // the later batches look ahead
	return reply, nil
}

// source is what a pipeline begins with: everything, in the order in which its first $match comes upon it.
func (c *call) source(coll *collection, list bson.A, collator *collator) ([]bson.D, error) {
	var query bson.D
	if len(list) > 0 {
		query, _ = lookup(list[0].(bson.D), "$match").(bson.D)
	}
	f, err := c.parseFilter(query, collator)
	if err != nil {
		return nil, err
	}
	return c.matching(coll, f, nil)
}

// unwinding is an $unwind: a document for every element of an array.
type unwinding struct {
	path  []string
	index string
	keep  bool
}

func (c *call) parseUnwind(v any) (stage, error) {
	u := unwinding{}
	path, ok := v.(string)
	if d, isDoc := v.(bson.D); isDoc {
		path, ok = lookup(d, "path").(string)
		u.keep = truthy(lookup(d, "preserveNullAndEmptyArrays"))
		u.index = text(lookup(d, "includeArrayIndex"))
		for _, e := range d {
			switch e.Key {
			case "path", "preserveNullAndEmptyArrays", "includeArrayIndex":
			default:
				return nil, fail(28811, "unrecognized option to $unwind stage: %s", e.Key)
			}
		}
	}
	if !ok {
		return nil, fail(15981, "expected either a string or an object as specification for $unwind stage, got %s", typeName(v))
	}
	if !strings.HasPrefix(path, "$") {
		return nil, fail(28818, "path option to $unwind stage should be prefixed with a '$': %s", path)
	}
	u.path = strings.Split(path[1:], ".")
	return u, nil
}

func (u unwinding) run(docs []bson.D) ([]bson.D, error) {
	var out []bson.D
	for _, doc := range docs {
		value := bsonkit.Get(&doc, strings.Join(u.path, "."))
		list, ok := value.(bson.A)
		switch {
		case ok && len(list) > 0:
			for i, item := range list {
				out = append(out, u.numbered(assign(doc, u.path, item), int64(i)))
			}
		case ok && u.keep:
			out = append(out, u.numbered(assign(doc, u.path, bsonkit.Missing), nil))
		case !ok && (u.keep || !nullish(value)):
			out = append(out, u.numbered(doc, nil))
		}
	}
	return out, nil
}

func (u unwinding) numbered(doc, index any) bson.D {
	if u.index != "" {
		doc = assign(doc, strings.Split(u.index, "."), index)
	}
	return doc.(bson.D)
}

// parseLookup reads the $lookup that compares one field with one of another collection.
func (c *call) parseLookup(v any) (stage, error) {
	spec, ok := v.(bson.D)
	if !ok {
		return nil, fail(codeFailedToParse, "the $lookup specification must be an Object")
	}
	names := map[string]string{}
	for _, e := range spec {
		switch e.Key {
		case "from", "localField", "foreignField", "as":
		default:
			c.server.config.Printf("$lookup with %s", e.Key)
			return nil, fail(codeFailedToParse, "unknown argument to $lookup: %s", e.Key)
		}
		name, ok := e.Value.(string)
		if !ok {
			return nil, fail(codeFailedToParse, "$lookup argument '%s' must be a string, is type %s", e.Key, typeName(e.Value))
		}
		names[e.Key] = name
	}
	if len(names) != 4 {
		return nil, fail(codeFailedToParse, "$lookup requires 'from', 'localField', 'foreignField' and 'as'")
	}
	return each(func(doc bson.D) (bson.D, error) {
		coll, err := c.collectionNamed(c.database + "." + names["from"])
		if err != nil {
			return nil, err
		}
		found := bson.A{}
		if coll != nil {
			query := bson.D{{Key: names["foreignField"], Value: bson.D{{Key: "$in", Value: localValues(doc, names["localField"])}}}}
			f := &filter{query: query}
			docs, err := c.matching(coll, f, nil)
			if err != nil {
				return nil, err
			}
			for _, d := range docs {
				found = append(found, d)
			}
		}
		return assign(doc, strings.Split(names["as"], "."), found).(bson.D), nil
	}), nil
}

// localValues are what a $lookup compares with: a field's value, or the elements of an array.
func localValues(doc bson.D, path string) bson.A {
	value, _ := bsonkit.All(&doc, path, true, true)
	if list, ok := value.(bson.A); ok {
		return list
	}
	return bson.A{present(value)}
}
