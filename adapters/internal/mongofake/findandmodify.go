package mongofake

import (
	"go.mongodb.org/mongo-driver/bson"
)

func findAndModify(c *call) (bson.D, error) {
	if done, ok := c.remembered(0); ok {
		return done, nil
	}
	reply, wrote, err := c.findAndModify()
	if err != nil {
		return nil, err
	}
	if wrote {
		c.remember(0, reply)
	}
	return reply, nil
}

func (c *call) findAndModify() (reply bson.D, wrote bool, err error) {
	deleting, upsert, after := truthy(c.get("remove")), truthy(c.get("upsert")), truthy(c.get("new"))
	switch {
	case deleting && has(c.body, "update"):
		return nil, false, fail(codeFailedToParse, "Cannot specify both an update and remove=true")
	case deleting && upsert:
		return nil, false, fail(codeFailedToParse, "Cannot specify both upsert=true and remove=true")
	case deleting && after:
		return nil, false, fail(codeFailedToParse, "Cannot specify both new=true and remove=true")
	case !deleting && !has(c.body, "update"):
		return nil, false, fail(codeFailedToParse, "Either an update or remove=true must be specified")
	}
	coll, err := c.open()
	if err != nil {
		return nil, false, err
	}
	f, err := c.statementFilter(c.args, "query")
	if err != nil {
		return nil, false, err
	}
	sort, err := c.optDocument("sort")
	if err != nil {
		return nil, false, err
	}
	if err := c.checkSort(sort); err != nil {
		return nil, false, err
	}
	fields, err := c.optDocument("fields")
	if err != nil {
		return nil, false, err
	}
	shown, err := c.parseProjection(fields)
	if err != nil {
		return nil, false, err
	}
	if deleting {
		var gone bson.D
		if coll != nil {
			gone, err = c.removeFirst(coll, f, sort)
		}
		if err != nil {
			return nil, false, err
		}
		return modified(shown, count(gone != nil), nil, gone)
	}
	u := &updating{filter: f, sort: sort, upsert: upsert}
	if u.change, err = c.parseChange(c.get("update")); err != nil {
		return nil, false, err
	}
	out, err := c.update(coll, u)
	if err != nil {
		return nil, false, err
	}
	last := bson.D{{Key: "updatedExisting", Value: out.matched > 0 && !out.upserted}}
	if out.upserted {
		last = append(last, bson.E{Key: "upserted", Value: lookup(out.after, "_id")})
	}
	value := out.before
	if after {
		value = out.after
	}
	reply, _, err = modified(shown, out.matched, last, value)
	return reply, out.upserted || out.modified > 0, err
}

// count returns 1 for true and 0 for false.
func count(yes bool) int32 {
	if yes {
		return 1
	}
	return 0
}

// modified returns the reply of findAndModify.
func modified(shown *projection, n int32, last, doc bson.D) (bson.D, bool, error) {
	var value any
	if doc != nil {
		visible, err := shown.apply(doc)
		if err != nil {
			return nil, false, err
		}
		value = visible
	}
	return bson.D{
		{Key: "lastErrorObject", Value: append(bson.D{{Key: "n", Value: n}}, last...)},
		{Key: "value", Value: value},
	}, n > 0, nil
}
