package mongofake

import (
	"math"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/bson"
)

const firstBatch = 101

// cursor holds the documents that its client has not fetched yet.
type cursor struct {
	namespace string
	docs      []bson.D
	blind     bool        // on the server, only an empty read would show that the cursor is at its end
	home      *collection // nil if the collection does not exist
	session   string
	txn       *txn
	number    int64
	stream    *stream // nil unless it is that of a change stream
}

// openCursor returns the reply with the first batch. It keeps the cursor if more documents follow, or if
// the server would not know that none follow.
func (c *call) openCursor(k *cursor, size int64, single bool) bson.D {
	batch := k.take(size)
	var id int64
	if (k.stream != nil || k.open(len(batch), size)) && !single {
		for id == 0 || c.store.cursors[id] != nil {
			id = rand.Int64()
		}
		k.session, k.txn = c.command.session, c.txn
		if c.txn != nil {
			k.number = *c.txnNumber
		}
		c.store.cursors[id] = k
	}
	reply := bson.D{{Key: "firstBatch", Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: k.namespace}}
	if at, ok := c.snapshot(); ok {
		reply = append(reply, bson.E{Key: "atClusterTime", Value: timestamp(at)})
	}
	return bson.D{{Key: "cursor", Value: reply}}
}

// take removes the next batch from the cursor and returns it.
func (k *cursor) take(size int64) bson.A {
	n := min(size, int64(len(k.docs)))
	batch := make(bson.A, n)
	for i := range batch {
		batch[i] = k.docs[i]
	}
	k.docs = k.docs[n:]
	return batch
}

// open reports whether the cursor stays open after a batch.
func (k *cursor) open(taken int, size int64) bool {
	return len(k.docs) > 0 || k.blind && int64(taken) == size
}

// listed returns all documents in the first batch of a closed cursor.
func listed(namespace string, docs bson.A) bson.D {
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "id", Value: int64(0)}, {Key: "ns", Value: namespace}, {Key: "firstBatch", Value: docs}}}}
}

func getMore(c *call) (bson.D, error) {
	id, ok := c.body[0].Value.(int64)
	if !ok {
		return nil, c.wrong("getMore", c.body[0].Value, "long")
	}
	if _, ok := c.get("collection").(string); !ok {
		return nil, c.wrong("collection", c.get("collection"), "string")
	}
	size, given, err := c.optCount("batchSize")
	if err != nil {
		return nil, err
	}
	k := c.store.cursors[id]
	if k == nil {
		return nil, fail(codeCursorNotFound, "cursor id %d not found", id)
	}
	if err := c.mayRead(k); err != nil {
		return nil, err
	}
	if k.home != nil && k.home.dropped {
		delete(c.store.cursors, id)
		return nil, fail(codeQueryPlanKilled, "collection dropped")
	}
	if !given || size == 0 {
		size = math.MaxInt64
	}
	if k.stream != nil {
		return c.follow(id, k, size)
	}
	batch := k.take(size)
	if !k.open(len(batch), size) {
		delete(c.store.cursors, id)
		id = 0
	}
	return bson.D{{Key: "cursor", Value: bson.D{
		{Key: "nextBatch", Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: k.namespace}}}}, nil
}

// mayRead returns an error if the cursor belongs to another session, transaction or collection.
func (c *call) mayRead(k *cursor) error {
	switch session := c.command.session; {
	case k.namespace != c.namespace():
		return fail(13, "Requested getMore on namespace '%s', but cursor belongs to a different namespace %s",
			c.namespace(), k.namespace)
	case k.session == "" && session != "":
		return fail(50736, "Cannot run getMore on a cursor which was not created in a session")
	case k.session != "" && session == "":
		return fail(50737, "Cannot run getMore on a cursor which was created in a session, without an lsid")
	case k.session != session:
		return fail(50738, "Cannot run getMore on a cursor which was created in another session")
	case k.txn == nil && c.txn != nil:
		return fail(50739, "Cannot run getMore on a cursor which was not created in a transaction")
	case k.txn != nil && c.txn == nil:
		return fail(50740, "Cannot run getMore on a cursor which was created in a transaction, without a txnNumber")
	case k.txn != c.txn:
		return fail(50741, "Cannot run getMore on a cursor which was created in transaction %d", k.number)
	}
	return nil
}

func killCursors(c *call) (bson.D, error) {
	ids, ok := c.get("cursors").(bson.A)
	if !ok {
		return nil, c.wrong("cursors", c.get("cursors"), "array")
	}
	killed, unknown := bson.A{}, bson.A{}
	for _, v := range ids {
		id, ok := v.(int64)
		if !ok {
			return nil, c.wrong("cursors", v, "long")
		}
		if c.store.cursors[id] == nil {
			unknown = append(unknown, id)
			continue
		}
		delete(c.store.cursors, id)
		killed = append(killed, id)
	}
	return bson.D{{Key: "cursorsKilled", Value: killed}, {Key: "cursorsNotFound", Value: unknown},
		{Key: "cursorsAlive", Value: bson.A{}}, {Key: "cursorsUnknown", Value: bson.A{}}}, nil
}

// closeCursors closes the cursors that were opened in a transaction.
func (s *store) closeCursors(t *txn) {
	for id, k := range s.cursors {
		if k.txn == t {
			delete(s.cursors, id)
		}
	}
}
