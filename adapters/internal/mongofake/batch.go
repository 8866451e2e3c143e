package mongofake

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
)

const maxBatch = 100000

// batch runs the statements of an insert, update or delete in turn, and gathers their results. A
// statement of a retryable write that was done before is not done again: its result is repeated.
type batch struct {
	*call
	n        int32
	modified int32
	upserted bson.A
	errors   bson.A
}

// statement runs one statement. It returns the result to remember, and reports whether it wrote anything.
type statement func() (done bson.D, wrote bool, err error)

func (b *batch) run(count int, each func(i int) statement) error {
	for i := range count {
		if done, ok := b.remembered(i); ok {
			b.add(i, done)
			continue
		}
		done, wrote, err := each(i)()
		b.add(i, done) // documents that were changed before an error count
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

// remembered returns the result of a retryable write's statement that was done before.
func (c *call) remembered(i int) (bson.D, bool) {
	if c.session == nil || c.txn != nil || c.store.flaws.retryable {
		return nil, false
	}
	done, ok := c.session.done[i]
	return done, ok
}

func (c *call) remember(i int, done bson.D) {
	if c.session != nil && c.txn == nil {
		c.session.done[i] = done
	}
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

// The checks of the write commands. They run before the session is looked up: a command that fails here
// leaves its transaction open.

func checkInsert(c *call) error { return c.checkStatements("documents", nil) }

func checkUpdate(c *call) error {
	if err := c.checkStatements("updates", []string{"q", "u"}, "multi", "upsert"); err != nil {
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
	if err := c.checkStatements("deletes", []string{"q", "limit"}); err != nil {
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

// checkStatements returns an error if a statement lacks a required field, or has a field that is neither
// required nor optional. If required is nil, as for documents to insert, it does not check fields.
func (c *call) checkStatements(field string, required []string, optional ...string) error {
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
