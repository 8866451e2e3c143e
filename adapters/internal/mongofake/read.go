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

// blind says whether the server would not know that these were all: unless a limit, an _id or a sort in
// memory tells it.
func (q *finding) blind(found int) bool {
	_, one := q.filter.equals("_id")
	limited := q.limit > 0 && int64(found) == q.limit
	if one || limited {
		return false
	}
	if len(q.sort) == 0 || natural(q.sort) {
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
	if q.filter, err = c.statementFilter(q.coll, c.args, "filter"); err != nil {
		return nil, err
	}
	if q.sort, err = c.optDocument("sort"); err != nil {
		return nil, err
	}
	if err := checkSort(q.sort); err != nil {
		return nil, err
	}
	projection, err := c.optDocument("projection")
	if err != nil {
		return nil, err
	}
	if q.shown, err = c.parseProjection(projection, q.filter); err != nil {
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
	return q, c.checkHint(q.coll)
}

// checkHint refuses an index that does not exist. The order of what is found does not follow the hint.
func (a args) checkHint(coll *collection) error {
	hint := a.get("hint")
	if hint == nil || coll == nil {
		return nil
	}
	for _, ix := range coll.indexes {
		if hint == ix.name || isDocument(hint) && bsonkit.Compare(hint, ix.pattern) == 0 {
			return nil
		}
	}
	return fail(codeBadValue, "hint provided does not correspond to an existing index")
}

// matching lists the documents that match, in order.
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

// page is what is left after skip, up to limit; a limit of zero is none.
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
	f, err := c.statementFilter(coll, c.args, "query")
	if err != nil {
		return nil, err
	}
	skip, _, err := c.optCount("skip")
	if err != nil {
		return nil, err
	}
	limit, ok := integer(c.get("limit"))
	if c.get("limit") != nil && !ok {
		return nil, c.wrong("limit", c.get("limit"), "number")
	}
	docs, err := c.matching(coll, f, nil)
	if err != nil {
		return nil, err
	}
	return bson.D{{Key: "n", Value: int32(len(page(docs, skip, max(limit, -limit))))}}, c.checkHint(coll)
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
	f, err := c.statementFilter(coll, c.args, "query")
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
			if id := keyOf(f.collator.fold(item)); item != bsonkit.Missing && !seen[id] {
				seen[id] = true
				values = append(values, item)
			}
		}
	}
	return bson.D{{Key: "values", Value: values}}, nil
}
