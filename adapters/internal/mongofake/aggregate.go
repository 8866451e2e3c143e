package mongofake

import "go.mongodb.org/mongo-driver/bson"

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
	if c.streams(list) {
		return c.openStream(list, size)
	}
	if c.collection() == "" {
		return nil, fail(codeInvalidNamespace, "Invalid namespace specified '%s.%v'", c.database, c.body[0].Value)
	}
	coll, err := c.open()
	if err != nil {
		return nil, err
	}
	stages, err := c.parsePipeline(list)
	if err != nil {
		return nil, err
	}
	docs, err := c.source(coll, list)
	if err != nil {
		return nil, err
	}
	if docs, err = runPipeline(stages, docs); err != nil {
		return nil, err
	}
	k := &cursor{namespace: c.namespace(), docs: docs, home: coll, blind: true}
	reply := c.openCursor(k, size, false)
	k.blind = false // later batches look ahead
	return reply, nil
}

// source returns the documents that a pipeline reads: those that match its first stage if that is a
// $match, in the order in which the server would find them, and otherwise all.
func (c *call) source(coll *collection, list bson.A) ([]bson.D, error) {
	var query bson.D
	if len(list) > 0 {
		query, _ = lookup(list[0].(bson.D), "$match").(bson.D)
	}
	f, err := c.parseFilter(query, nil)
	if err != nil {
		return nil, err
	}
	return c.matching(coll, f, nil)
}
