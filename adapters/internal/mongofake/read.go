package mongofake

import (
	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

func find(c *call) (bson.D, error) {
	q, err := c.parseFind()
	if err != nil {
		return nil, err
	}
	if q.coll == nil {
		return listed(c.namespace(), bson.A{}), nil
	}
	docs, err := c.matching(q.coll, q.filter, q.sort)
	if err != nil {
		return nil, err
	}
	docs = page(docs, q.skip, q.limit)
	for i, doc := range docs {
		if docs[i], err = q.shown.apply(doc); err != nil {
			return nil, err
		}
	}
	k := &cursor{namespace: c.namespace(), docs: docs, home: q.coll, blind: q.blind(len(docs))}
	return c.openCursor(k, q.batch, truthy(c.get("singleBatch"))), nil
}

type finding struct {
	coll        *collection
	filter      *filter
	sort        bson.D
	shown       *projection
	skip, limit int64
	batch       int64
}

// blind reports whether the server would not know that the documents found are all. It knows if the limit
// is reached, if the filter requires an _id, and if it has sorted in memory.
func (q *finding) blind(found int) bool {
	_, one := q.filter.equals("_id")
	limited := q.limit > 0 && int64(found) == q.limit
	if one || limited {
		return false
	}
	if len(q.sort) == 0 {
		return true
	}
	ix, _ := q.coll.serving(q.filter, q.sort)
	return ix != nil
}

func (c *call) parseFind() (*finding, error) {
	q := &finding{}
	var err error
	if q.coll, err = c.open(); err != nil {
		return nil, err
	}
	if q.filter, err = c.findFilter(); err != nil {
		return nil, err
	}
	if q.sort, err = c.optDocument("sort"); err != nil {
		return nil, err
	}
	if err := c.checkSort(q.sort); err != nil {
		return nil, err
	}
	projection, err := c.optDocument("projection")
	if err != nil {
		return nil, err
	}
	if q.shown, err = c.parseProjection(projection); err != nil {
		return nil, err
	}
	if q.skip, _, err = c.optCount("skip"); err != nil {
		return nil, err
	}
	if q.limit, _, err = c.optCount("limit"); err != nil {
		return nil, err
	}
	var given bool
	if q.batch, given, err = c.optCount("batchSize"); err != nil {
		return nil, err
	}
	if !given {
		q.batch = firstBatch
	}
	return q, nil
}

// findFilter parses the filter of a find, with its collation.
func (c *call) findFilter() (*filter, error) {
	query, err := c.optDocument("filter")
	if err != nil {
		return nil, err
	}
	spec, err := c.optDocument("collation")
	if err != nil {
		return nil, err
	}
	if spec == nil {
		return c.parseFilter(query, nil)
	}
	collator, err := c.parseCollation(spec)
	if err != nil {
		return nil, err
	}
	return c.parseFilter(query, collator)
}

// matching returns the documents that match, in order.
func (c *call) matching(coll *collection, f *filter, sort bson.D) ([]bson.D, error) {
	if coll == nil {
		return nil, nil
	}
	found, err := c.find(coll, f, sort)
	if err != nil {
		return nil, err
	}
	docs := make([]bson.D, len(found))
	for i, r := range found {
		docs[i] = c.store.see(c.view(), r)
	}
	return docs, nil
}

// page returns up to limit documents after the first skip. A limit of zero means no limit.
func page(docs []bson.D, skip, limit int64) []bson.D {
	docs = docs[min(skip, int64(len(docs))):]
	if limit > 0 {
		docs = docs[:min(limit, int64(len(docs)))]
	}
	return docs
}

func countCommand(c *call) (bson.D, error) {
	coll, err := c.open()
	if err != nil {
		return nil, err
	}
	f, err := c.statementFilter(c.args, "query")
	if err != nil {
		return nil, err
	}
	docs, err := c.matching(coll, f, nil)
	return bson.D{{Key: "n", Value: int32(len(docs))}}, err
}

func distinct(c *call) (bson.D, error) {
	key, ok := c.get("key").(string)
	if !ok {
		if has(c.body, "key") {
			return nil, c.wrong("key", c.get("key"), "string")
		}
		return nil, fail(codeMissingField, "BSON field 'distinct.key' is missing but a required field")
	}
	coll, err := c.open()
	if err != nil {
		return nil, err
	}
	f, err := c.statementFilter(c.args, "query")
	if err != nil {
		return nil, err
	}
	docs, err := c.matching(coll, f, nil)
	if err != nil {
		return nil, err
	}
	if coll != nil {
		for _, ix := range coll.indexes {
			if ix.paths[0] == key {
				sortBy(docs, ix.pattern, ix.collator, func(d bson.D) bson.D { return d })
				break
			}
		}
	}
	values, seen := bson.A{}, map[string]bool{}
	for _, doc := range docs {
		value, _ := bsonkit.All(&doc, key, true, true)
		list, ok := value.(bson.A)
		if !ok {
			list = bson.A{value}
		}
		for _, item := range list {
			if id := keyOf(item); item != bsonkit.Missing && !seen[id] {
				seen[id] = true
				values = append(values, item)
			}
		}
	}
	return bson.D{{Key: "values", Value: values}}, nil
}
