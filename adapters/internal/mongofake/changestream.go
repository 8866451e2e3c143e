package mongofake

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/256dpi/lungo/bsonkit"
	"go.mongodb.org/mongo-driver/bson"
)

const (
	loggedAtMost = 10_000      // changes; a stream that is further behind cannot resume
	awaitTime    = time.Second // of a getMore without maxTimeMS
)

// changes is the log that change streams read. It is empty until the first one is opened.
type changes struct {
	on    bool
	first uint64 // the number of the oldest one
	log   []logged
}

// logged is a document that a commit has changed.
type logged struct {
	at            stamp
	home          *collection
	before, after bson.D // nil if there was none
}

// end is the number of the next change.
func (l *changes) end() uint64 { return l.first + uint64(len(l.log)) }

// add adds a change, and forgets the oldest if there are many.
func (l *changes) add(c logged) {
	if !l.on || c.before == nil && c.after == nil {
		return
	}
	l.log = append(l.log, c)
	if extra := len(l.log) - loggedAtMost; extra > 0 {
		l.log, l.first = slices.Clone(l.log[extra:]), l.first+uint64(extra)
	}
}

// stream is the part of a cursor that belongs to a change stream.
type stream struct {
	database, collection string // collection is "" for those of the whole database
	stages               []stage
	next                 uint64 // the number of the first change that it has not read
}

// streams reports whether a command opens a change stream.
func (c *call) streams(list bson.A) bool {
	if len(list) == 0 {
		return false
	}
	first, _ := list[0].(bson.D)
	return has(first, "$changeStream")
}

// openStream opens a change stream on a collection, or with aggregate: 1 on a database. It knows the
// insertions, updates, replacements as updates, and deletions of documents, and the option
// resumeAfter. The update description has fields of the top level only.
func (c *call) openStream(list bson.A, size int64) (bson.D, error) {
	if c.txn != nil {
		return nil, fail(codeNotInTransaction, "Operation not permitted in transaction :: caused by :: $changeStream")
	}
	options, ok := lookup(list[0].(bson.D), "$changeStream").(bson.D)
	if !ok {
		return nil, fail(50808, "$changeStream stage expects a document as argument")
	}
	if name, strange := (args{body: options}).unknown([]string{"resumeAfter"}); strange {
		c.server.config.Printf("$changeStream: unknown field %q", name)
		return nil, fail(codeUnknownField, "BSON field '$changeStream.%s' is an unknown field.", name)
	}
	log := &c.store.changes
	log.on = true
	s := &stream{database: c.database, collection: c.collection(), next: log.end()}
	var err error
	if s.stages, err = c.parsePipeline(list[1:]); err != nil {
		return nil, err
	}
	if token := (args{body: options}).document("resumeAfter"); token != nil {
		data, _ := lookup(token, "_data").(string)
		if s.next, err = strconv.ParseUint(data, 16, 64); err != nil || s.next > log.end() {
			return nil, fail(50811, "Invalid resume token")
		}
		if s.next < log.first {
			return nil, fail(286, "Resume of change stream was not possible, as the resume point may no longer be in the oplog.")
		}
	}
	k := &cursor{namespace: c.namespace(), stream: s}
	if s.collection == "" {
		k.namespace = c.database + ".$cmd.aggregate"
	}
	if k.docs, err = s.read(log, size); err != nil {
		return nil, err
	}
	reply := c.openCursor(k, size, false)
	cursor, _ := reply[0].Value.(bson.D)
	reply[0].Value = append(cursor, bson.E{Key: "postBatchResumeToken", Value: token(s.next)})
	return reply, nil
}

// follow returns the next batch of a change stream. It waits for one if there are no changes.
func (c *call) follow(id int64, k *cursor, size int64) (bson.D, error) {
	await := awaitTime
	if c.maxTimeMS > 0 {
		await = time.Duration(c.maxTimeMS) * time.Millisecond
	}
	expired := time.After(await)
	for waits := true; ; {
		docs, err := k.stream.read(&c.store.changes, size)
		if err != nil {
			return nil, err
		}
		if len(docs) > 0 || !waits {
			batch := make(bson.A, len(docs))
			for i, doc := range docs {
				batch[i] = doc
			}
			return bson.D{{Key: "cursor", Value: bson.D{
				{Key: "nextBatch", Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: k.namespace},
				{Key: "postBatchResumeToken", Value: token(k.stream.next)}}}}, nil
		}
		if waits, err = c.awaitChange(expired); err != nil {
			return nil, err
		}
		if c.store.cursors[id] != k {
			return nil, fail(codeCursorNotFound, "cursor id %d not found", id)
		}
	}
}

// awaitChange releases the store's lock until any transaction ends. It reports false when the time
// is over.
func (c *call) awaitChange(expired <-chan time.Time) (bool, error) {
	ended := c.store.ended
	c.store.mu.Unlock()
	defer c.store.mu.Lock()
	select {
	case <-ended:
		return true, nil
	case <-expired:
		return false, nil
	case <-c.ctx.Done():
		return false, fail(codeInterrupted, "operation was interrupted")
	}
}

// read returns up to size of the changes that the stream has not read.
func (s *stream) read(log *changes, size int64) ([]bson.D, error) {
	if s.next < log.first {
		return nil, fail(286, "Resume of change stream was not possible, as the resume point may no longer be in the oplog.")
	}
	if size == 0 {
		size = math.MaxInt64
	}
	var docs []bson.D
	for ; s.next < log.end() && int64(len(docs)) < size; s.next++ {
		one := log.log[s.next-log.first]
		if databaseOf(one.home.namespace) != s.database || s.collection != "" && one.home.name() != s.collection {
			continue
		}
		left, err := runPipeline(s.stages, []bson.D{one.event(s.next + 1)})
		if err != nil {
			return nil, err
		}
		docs = append(docs, left...)
	}
	return docs, nil
}

// token returns the resume token of a stream whose next change has the number.
func token(next uint64) bson.D { return bson.D{{Key: "_data", Value: fmt.Sprintf("%016X", next)}} }

// event returns the document of a change in a stream, after which the stream resumes at next.
func (c logged) event(next uint64) bson.D {
	operation, doc := "update", c.after
	switch {
	case c.before == nil:
		operation = "insert"
	case c.after == nil:
		operation, doc = "delete", c.before
	}
	event := bson.D{{Key: "_id", Value: token(next)}, {Key: "operationType", Value: operation}, {Key: "clusterTime", Value: timestamp(c.at)}}
	if operation == "insert" {
		event = append(event, bson.E{Key: "fullDocument", Value: c.after})
	}
	event = append(event, bson.E{Key: "ns", Value: bson.D{{Key: "db", Value: databaseOf(c.home.namespace)}, {Key: "coll", Value: c.home.name()}}},
		bson.E{Key: "documentKey", Value: bson.D{{Key: "_id", Value: lookup(doc, "_id")}}})
	if operation == "update" {
		event = append(event, bson.E{Key: "updateDescription", Value: c.description()})
	}
	return event
}

// description returns the fields that a change has set and removed.
func (c logged) description() bson.D {
	updated, removed := bson.D{}, bson.A{}
	for _, e := range c.after {
		if !has(c.before, e.Key) || bsonkit.Compare(lookup(c.before, e.Key), e.Value) != 0 {
			updated = append(updated, e)
		}
	}
	for _, e := range c.before {
		if !has(c.after, e.Key) {
			removed = append(removed, e.Key)
		}
	}
	return bson.D{{Key: "updatedFields", Value: updated}, {Key: "removedFields", Value: removed}}
}
