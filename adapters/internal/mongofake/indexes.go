package mongofake

import (
	"slices"
	"strings"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

func listIndexes(c *call) (bson.D, error) {
	coll, err := c.existing()
	if err != nil {
		return nil, err
	}
	list := bson.A{}
	for _, ix := range coll.indexes {
		list = append(list, ix.spec)
	}
	return listed(c.namespace(), list), nil
}

func createIndexes(c *call) (bson.D, error) {
	specs, err := c.documents("indexes")
	if err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return nil, fail(codeBadValue, "Must specify at least one index to create")
	}
	coll := c.store.collections[c.namespace()]
	var fresh []*index
	for _, spec := range specs {
		ix, err := c.parseIndex(spec)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, ix)
	}
	if coll != nil {
		if err := c.quiet(coll); err != nil {
			return nil, err
		}
	}
	automatic := coll == nil
	if automatic {
		if coll, err = c.openOrCreate(); err != nil {
			return nil, err
		}
	}
	before := len(coll.indexes)
	indexes := slices.Clone(coll.indexes)
	for _, ix := range fresh {
		known, err := ix.among(indexes)
		if err != nil {
			return nil, err
		}
		if known {
			continue
		}
		if err := ix.build(c.store, coll); err != nil {
			return nil, err
		}
		indexes = append(indexes, ix)
	}
	reply := bson.D{
		{Key: "numIndexesBefore", Value: int32(before)}, {Key: "numIndexesAfter", Value: int32(len(indexes))},
	}
	if len(indexes) == before {
		return append(reply, bson.E{Key: "note", Value: "all indexes already exist"}), nil
	}
	coll.changeIndexes(c.store, indexes)
	return append(bson.D{{Key: "createdCollectionAutomatically", Value: automatic}}, reply...), nil
}

func (c *collection) changeIndexes(s *store, indexes []*index) {
	s.last++
	c.indexes, c.since, s.cluster.catalog = indexes, s.last, s.last
}

// parseIndex parses an index definition, and builds the form that listIndexes returns.
func (c *call) parseIndex(given bson.D) (*index, error) {
	name, named := lookup(given, "name").(string)
	pattern, keyed := lookup(given, "key").(bson.D)
	if !named || !keyed {
		return nil, fail(codeFailedToParse, "The 'key' and 'name' fields are required properties of an index specification")
	}
	if name == "" || name == "*" {
		return nil, fail(codeCannotCreateIndex, "The index name '%s' is not valid", name)
	}
	ix := &index{name: name, pattern: pattern, entries: map[string]*entry{}}
	if err := ix.parsePattern(c); err != nil {
		return nil, err
	}
	if len(pattern) == 1 && pattern[0].Key == "_id" {
		ix.name = "_id_"
	}
	rest := bson.D{}
	for _, e := range given {
		keep, err := c.parseIndexOption(ix, &e)
		if err != nil {
			return nil, err
		}
		if keep {
			rest = append(rest, e)
		}
	}
	ix.spec = bson.D{{Key: "v", Value: int32(2)}}
	if ix.unique {
		ix.spec = append(ix.spec, bson.E{Key: "unique", Value: true})
	}
	ix.spec = append(ix.spec, bson.E{Key: "key", Value: pattern}, bson.E{Key: "name", Value: ix.name},
		bson.E{Key: "ns", Value: c.namespace()})
	ix.spec = append(ix.spec, rest...)
	return ix, nil
}

func (ix *index) parsePattern(c *call) error {
	if len(ix.pattern) == 0 {
		return fail(codeCannotCreateIndex, "Index keys cannot be an empty object")
	}
	for _, e := range ix.pattern {
		if kind, ok := e.Value.(string); ok {
			c.server.config.Printf("index of kind %q", kind)
			return fail(codeCannotCreateIndex, "Unknown index plugin '%s'", kind)
		}
		if !isNumber(e.Value) || double(e.Value) == 0 {
			return fail(codeCannotCreateIndex, "Values in v:2 index key pattern cannot be of type %s or 0", typeName(e.Value))
		}
		if e.Key == "" || strings.HasPrefix(e.Key, "$") || slices.Contains(strings.Split(e.Key, "."), "") {
			return fail(codeCannotCreateIndex, "Index key contains an illegal field name: '%s'", e.Key)
		}
		ix.paths = append(ix.paths, e.Key)
	}
	return nil
}

// parseIndexOption parses one option, and reports whether listIndexes returns it in the order given.
func (c *call) parseIndexOption(ix *index, e *bson.E) (bool, error) {
	if ix.onID() && (e.Key == "unique" || e.Key == "sparse" || e.Key == "partialFilterExpression") {
		return false, fail(codeInvalidIndexOption, "The field '%s' is not valid for an _id index specification.", e.Key)
	}
	switch e.Key {
	case "key", "name":
	case "unique":
		ix.unique = truthy(e.Value)
	case "sparse":
		ix.sparse = truthy(e.Value)
		return true, nil
	case "collation":
		spec, ok := e.Value.(bson.D)
		if !ok {
			return false, fail(codeTypeMismatch, "The field 'collation' must be an object, but got %s", typeName(e.Value))
		}
		collator, err := c.parseCollation(spec)
		if err != nil {
			return false, err
		}
		ix.collator, e.Value = collator, collator.spec
		return true, nil
	case "partialFilterExpression":
		query, ok := e.Value.(bson.D)
		if !ok {
			return false, fail(codeTypeMismatch, "The field '%s' must be an object, but got %s", e.Key, typeName(e.Value))
		}
		if err := checkPartial(query, true); err != nil {
			return false, err
		}
		f, err := c.parseFilter(query, nil)
		ix.partial = f
		return true, err
	default:
		c.server.config.Printf("index option %q", e.Key)
		return false, fail(codeInvalidIndexOption, "The field '%s' is not valid for an index specification.", e.Key)
	}
	return false, nil
}

// checkPartial returns an error for a filter that a partial index does not support.
func checkPartial(query bson.D, top bool) error {
	refused := fail(codeCannotCreateIndex, "unsupported expression in partial index: %v", query)
	for _, e := range query {
		if e.Key == "$and" && top {
			list, _ := e.Value.(bson.A)
			for _, item := range list {
				part, ok := item.(bson.D)
				if !ok {
					return refused
				}
				if err := checkPartial(part, false); err != nil {
					return err
				}
			}
			continue
		}
		if strings.HasPrefix(e.Key, "$") {
			return refused
		}
		d, ok := e.Value.(bson.D)
		if !ok || len(d) == 0 || !strings.HasPrefix(d[0].Key, "$") {
			continue
		}
		for _, o := range d {
			if !slices.Contains([]string{"$eq", "$gt", "$gte", "$lt", "$lte", "$type", "$exists"}, o.Key) ||
				o.Key == "$exists" && !truthy(o.Value) {
				return refused
			}
		}
	}
	return nil
}

// among reports whether the same index exists already. It returns an error if an index exists that has
// the same keys or the same name, and differs otherwise.
func (ix *index) among(indexes []*index) (bool, error) {
	for _, o := range indexes {
		samePattern := bsonkit.Compare(o.pattern, ix.pattern) == 0 && o.collator == ix.collator
		switch {
		case o.onID() && ix.onID():
			return true, nil
		case samePattern && o.name == ix.name && o.sameOptions(ix):
			return true, nil
		case samePattern:
			return false, fail(codeIndexOptionsConflict,
				"Index with name: %s already exists with different options or name", o.name)
		case o.name == ix.name:
			return false, fail(codeIndexSpecsConflict,
				"Index must have unique name. The existing index: %s has another key", o.name)
		}
	}
	return false, nil
}

func (ix *index) sameOptions(o *index) bool {
	const partial = "partialFilterExpression"
	return ix.unique == o.unique && ix.sparse == o.sparse &&
		bsonkit.Compare(lookup(ix.spec, partial), lookup(o.spec, partial)) == 0
}

func dropIndexes(c *call) (bson.D, error) {
	coll, err := c.existing()
	if err != nil {
		return nil, err
	}
	if err := c.quiet(coll); err != nil {
		return nil, err
	}
	name, ok := c.get("index").(string)
	if !ok || name == "*" {
		c.server.config.Printf("dropIndexes of %v", c.get("index"))
		return nil, c.wrong("index", c.get("index"), "string")
	}
	was := int32(len(coll.indexes))
	i := slices.IndexFunc(coll.indexes, func(ix *index) bool { return ix.name == name })
	switch {
	case i < 0:
		return nil, fail(codeIndexNotFound, "index not found with name [%s]", name)
	case i == 0:
		return nil, fail(codeInvalidOptions, "cannot drop _id index")
	}
	coll.changeIndexes(c.store, slices.Delete(slices.Clone(coll.indexes), i, i+1))
	return bson.D{{Key: "nIndexesWas", Value: was}}, nil
}
