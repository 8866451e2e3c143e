package mongofake

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

const maxBatch = 100000

// batch runs the statements of an insert, update or delete in turn, and gathers what they say. Under a
// transaction number, statements that were done before are not done again but answered alike.
type batch struct {
	*call
	n        int32
	modified int32
	upserted bson.A
	errors   bson.A
}

// statement runs one and says what it did, in the form in which it is remembered.
type statement func() (done bson.D, wrote bool, err error)

func (b *batch) run(count int, each func(i int) statement) error {
	for i := range count {
		if done, ok := b.remembered(i); ok {
			b.add(i, done)
			continue
		}
		done, wrote, err := each(i)()
		b.add(i, done) // what was done before an error counts
		if err == nil {
			if wrote {
				b.remember(i, done)
			}
			continue
		}
		var f *failure
		if !errors.As(err, &f) {
			f = fail(codeBadValue, "%v", err)
		}
		if f.code == codeMaxTimeMSExpired || f.code == codeInterrupted || b.txn != nil && transient(f.code) {
			return f
		}
		b.errors = append(b.errors, f.writeError(i))
		if b.txn != nil {
			b.abort()
			return nil
		}
		if b.get("ordered") != false {
			return nil
		}
	}
	return nil
}

func (b *batch) add(i int, done bson.D) {
	for _, e := range done {
		switch e.Key {
		case "n":
			b.n += e.Value.(int32)
		case "modified":
			b.modified += e.Value.(int32)
		case "upserted":
			b.upserted = append(b.upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: e.Value}})
		}
	}
}

// remembered is what a statement of a retryable write did when it was sent before.
func (c *call) remembered(i int) (bson.D, bool) {
	if c.session == nil || c.txn != nil || c.store.flaws.retryable {
		return nil, false
	}
	done, ok := c.session.done[c.statementID(i)]
	return done, ok
}

func (c *call) remember(i int, done bson.D) {
	if c.session != nil && c.txn == nil {
		c.session.done[c.statementID(i)] = done
	}
}

// statementID is the number of a statement, which a client may choose.
func (c *call) statementID(i int) int {
	if ids, ok := c.get("stmtIds").(bson.A); ok && i < len(ids) {
		id, _ := integer(ids[i])
		return int(id)
	}
	first, _ := integer(c.get("stmtId"))
	return int(first) + i
}

func (b *batch) reply(update bool) bson.D {
	d := bson.D{{Key: "n", Value: b.n}}
	if update {
		d = append(d, bson.E{Key: "nModified", Value: b.modified})
	}
	if len(b.upserted) > 0 {
		d = append(d, bson.E{Key: "upserted", Value: b.upserted})
	}
	if len(b.errors) > 0 {
		d = append(d, bson.E{Key: "writeErrors", Value: b.errors})
	}
	return d
}

// The checks of the write commands, made before anything is looked at. What is wrong here leaves a
// transaction as it was.

func checkInsert(c *call) error { return c.checkStatements("documents", nil, nil) }

func checkUpdate(c *call) error {
	optional := []string{"multi", "upsert", "collation", "arrayFilters", "hint"}
	if err := c.checkStatements("updates", []string{"q", "u"}, optional); err != nil {
		return err
	}
	for _, item := range c.get("updates").(bson.A) {
		switch lookup(item.(bson.D), "u").(type) {
		case bson.D, bson.A:
		default:
			return fail(codeFailedToParse, "Update argument must be either an object or an array")
		}
	}
	return nil
}

func checkDelete(c *call) error {
	if err := c.checkStatements("deletes", []string{"q", "limit"}, []string{"collation"}); err != nil {
		return err
	}
	for _, item := range c.get("deletes").(bson.A) {
		limit := lookup(item.(bson.D), "limit")
		if n, ok := integer(limit); !ok || n < 0 || n > 1 {
			return fail(codeFailedToParse, "The limit field in delete objects must be 0 or 1. Got %v", limit)
		}
	}
	return nil
}

// checkStatements checks the fields that every statement must have, and those that it may have besides.
// Documents to insert, for which both are nil, may have any.
func (c *call) checkStatements(field string, required, optional []string) error {
	docs, err := c.documents(field)
	if err != nil {
		return err
	}
	if n := len(docs); n == 0 || n > maxBatch {
		return fail(codeInvalidLength, "Write batch sizes must be between 1 and %d. Got %d operations.", maxBatch, n)
	}
	if required == nil {
		return nil
	}
	for _, d := range docs {
		if name, ok := (args{body: d}).unknown(slices.Concat(required, optional)); ok {
			c.server.config.Printf("%s: unknown field %q", c.name, name)
			return fail(codeUnknownField, "BSON field '%s.%s.%s' is an unknown field.", c.name, field, name)
		}
		for _, name := range required {
			if !has(d, name) {
				return fail(codeMissingField, "BSON field '%s.%s.%s' is missing but a required field", c.name, field, name)
			}
		}
	}
	return nil
}
