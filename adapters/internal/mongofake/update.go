package mongofake

import (
	"github.com/256dpi/lungo/bsonkit"
	"github.com/256dpi/lungo/mongokit"
	"go.mongodb.org/mongo-driver/bson"
)

// updating is a parsed update statement of an update command or of findAndModify.
type updating struct {
	filter *filter
	change *change
	sort   bson.D
	multi  bool
	upsert bool
}

func update(c *call) (bson.D, error) {
	docs, err := c.documents("updates")
	if err != nil {
		return nil, err
	}
	b := &batch{call: c}
	err = b.run(len(docs), func(i int) statement {
		return func() (bson.D, bool, error) { return c.updateStatement(args{docs[i], codeTypeMismatch}) }
	})
	return b.reply(true), err
}

func (c *call) updateStatement(a args) (done bson.D, wrote bool, err error) {
	coll, err := c.open()
	if err != nil {
		return nil, false, err
	}
	u := &updating{multi: truthy(a.get("multi")), upsert: truthy(a.get("upsert"))}
	if u.multi && c.session != nil && c.txn == nil {
		return nil, false, fail(codeInvalidOptions, "Cannot use retryable writes with multi=true")
	}
	if u.filter, err = c.statementFilter(a, "q"); err != nil {
		return nil, false, err
	}
	if u.change, err = c.parseChange(a.get("u")); err != nil {
		return nil, false, err
	}
	if u.multi && u.change.replacement != nil {
		return nil, false, fail(codeFailedToParse, "multi update only works with $ operators")
	}
	out, err := c.update(coll, u)
	done = bson.D{{Key: "n", Value: out.matched}, {Key: "modified", Value: out.modified}}
	if out.upserted {
		done = append(done, bson.E{Key: "upserted", Value: lookup(out.after, "_id")})
	}
	return done, out.upserted || out.modified > 0, err
}

// statementFilter parses the filter of a command or statement.
func (c *call) statementFilter(a args, field string) (*filter, error) {
	q, err := a.optDocument(field)
	if err != nil {
		return nil, err
	}
	return c.parseFilter(q, nil)
}

// outcome is the result of an update. before and after are versions of the document that it changed, and
// nil for an update of several.
type outcome struct {
	matched, modified int32
	upserted          bool
	before, after     bson.D
}

func (c *call) update(coll *collection, u *updating) (outcome, error) {
	var out outcome
	if coll != nil && !u.multi {
		return c.updateFirst(coll, u)
	}
	if coll != nil {
		found, err := c.find(coll, u.filter, u.sort)
		if err != nil {
			return out, err
		}
		for _, r := range found {
			if err := c.updateRecord(coll, r, u, &out); err != nil {
				return out, err
			}
		}
	}
	if out.matched > 0 || !u.upsert {
		return out, nil
	}
	coll, err := c.openOrCreate()
	if err != nil {
		return out, err
	}
	return c.updateFirst(coll, u)
}

// updateRecord changes one of several documents, if it still matches.
func (c *call) updateRecord(coll *collection, r *record, u *updating, out *outcome) error {
	var one outcome
	err := c.write(impatient, func(t *txn) error {
		one = outcome{}
		doc := c.store.see(t.view, r)
		if doc == nil {
			return nil
		}
		ok, err := u.filter.matches(doc)
		if err != nil || !ok {
			return err
		}
		return c.modify(t, coll, r, doc, u, &one)
	})
	out.matched += one.matched
	out.modified += one.modified
	return err
}

// updateFirst changes the first document that matches. If none matches and u is an upsert, it inserts one.
func (c *call) updateFirst(coll *collection, u *updating) (outcome, error) {
	var out outcome
	inserting := false
	err := c.write(func() bool { return inserting }, func(t *txn) error {
		out = outcome{}
		r, doc, err := c.first(t, coll, u.filter, u.sort)
		if err != nil {
			return err
		}
		if r != nil {
			inserting = false
			return c.modify(t, coll, r, doc, u, &out)
		}
		if !u.upsert {
			return nil
		}
		inserting = true
		return c.upsert(t, coll, u, &out)
	})
	if err != nil {
		out = outcome{}
	}
	return out, err
}

// modify gives a document its new version. It does not write one that stays the same, which therefore
// causes no conflict.
func (c *call) modify(t *txn, coll *collection, r *record, doc bson.D, u *updating, out *outcome) error {
	next, err := u.change.apply(doc, false)
	if err != nil {
		return err
	}
	out.before, out.after = doc, next
	if !identical(doc, next) {
		if bsonkit.Compare(lookup(doc, "_id"), bsonkit.Get(&next, "_id")) != 0 {
			return fail(codeImmutableField, "Performing an update on the path '_id' would modify the immutable field '_id'")
		}
		if err := coll.valid(next); err != nil {
			return err
		}
		if err := t.replace(r, next); err != nil {
			return err
		}
		out.modified = 1
	}
	out.matched = 1
	return nil
}

// upsert inserts the document that the filter and the change describe.
func (c *call) upsert(t *txn, coll *collection, u *updating, out *outcome) error {
	seed, err := mongokit.Extract(&u.filter.query)
	if err != nil {
		return fail(codeBadValue, "%v", err)
	}
	id := bsonkit.Get(seed, "_id")
	if u.change.replacement != nil {
		seed = &bson.D{}
		if id != bsonkit.Missing {
			seed = &bson.D{{Key: "_id", Value: id}}
		}
	}
	doc, err := u.change.apply(*seed, true)
	if err != nil {
		return err
	}
	if now := bsonkit.Get(&doc, "_id"); id != bsonkit.Missing && bsonkit.Compare(id, now) != 0 {
		return fail(codeImmutableField, "Performing an update on the path '_id' would modify the immutable field '_id'")
	}
	doc = idFirst(doc)
	if err := checkID(doc[0].Value, codeInvalidIDField); err != nil {
		return err
	}
	if err := storable(doc); err != nil {
		return err
	}
	if err := coll.valid(doc); err != nil {
		return err
	}
	*out = outcome{matched: 1, upserted: true, after: doc}
	return t.insert(coll, doc)
}
