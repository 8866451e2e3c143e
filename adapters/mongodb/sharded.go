package mongodb

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Behind mongos a transaction sees the cluster as of the time that its mongos knows, which can be
// before a commit that another mongos has acknowledged. A write of a document that was changed
// since then fails, so the unit runs again, as of a later time, because its mongos has learned the
// time from the shard. A read that decides, and a write that finds nothing, would not fail. So in a
// sharded cluster:
//
//   - A unit that writes reads outside of its transaction, with the read concern majority, unless
//     the query may find a document that the unit has changed. The session of these reads is
//     causally consistent with the transaction, so they see all that it sees, and wait for commits
//     on several shards.
//   - If a write matches fewer documents than there are outside, the unit conflicts (missed). A
//     queued write of documents that the unit has not changed yet is therefore sent on its own
//     (isLate, sendLate).
//   - Before a transaction begins with queued writes, the shards of their documents are read, and
//     its mongos learns their time (lift). The same is done for a few queries that the unit cannot
//     send outside of its transaction.
//   - A unit that only reads does so without a transaction, except for a snapshot, for which all
//     shards are read first.
//
// In a host's transaction the host decides what it sees.

var errStale = errors.New("the transaction's snapshot is older than an acknowledged commit")

// reading returns the session for the reads of the unit outside of its transaction.
func (t *txn) reading() (mongo.Session, error) {
	if t.outside == nil {
		var err error
		if t.outside, err = t.store.client.StartSession(); err != nil {
			return nil, err
		}
	}
	if t.session != nil {
		follow(t.outside, t.session)
	}
	return t.outside, nil
}

// follow makes what a session sends next see all that another one has seen.
func follow(next, seen mongo.Session) {
	if at := seen.OperationTime(); at != nil {
		_ = next.AdvanceOperationTime(at) // fails only for nil
	}
	if at := seen.ClusterTime(); at != nil {
		_ = next.AdvanceClusterTime(at)
	}
}

// apart reports whether a query is sent outside of the transaction.
func (t *txn) apart(q query) bool {
	return t.store.sharded && !t.hosted && t.mode == uow.Write && !q.locked && !t.mayFindOwn(q.in, q.filter)
}

// seen returns the number of documents outside of the transaction that a filter matches, counted up
// to limit.
func (t *txn) seen(ctx context.Context, in collection, filter bson.D, limit int) (n int, err error) {
	session, err := t.reading()
	if err != nil {
		return 0, err
	}
	t.read.add(in, namesOf(filter)...)
	err = t.sendIn(ctx, session, func(ctx context.Context) error {
		cursor, err := t.store.in(in).Find(ctx, filter,
			options.Find().SetProjection(d("_id", 1)).SetLimit(int64(limit)).SetBatchSize(biggestBatch))
		if err != nil {
			return err
		}
		defer closeCursor(ctx, cursor)
		for cursor.Next(ctx) {
			n++
		}
		return cursor.Err()
	})
	return n, err
}

// isFirst reports whether a write in a sharded cluster can match only documents that the unit has
// not changed yet.
func (t *txn) isFirst(in collection, m mongo.WriteModel) bool {
	filter, _ := filterOf(m)
	return t.store.sharded && !t.hosted && filter != nil && !t.mayFindOwn(in, filter)
}

// isLate reports whether a queued write could miss, unnoticed, a document that was added after the
// snapshot. If the transaction has not begun, lift prevents that.
func (t *txn) isLate(in collection, m mongo.WriteModel) bool {
	return t.session != nil && t.isFirst(in, m)
}

// sendLate sends the writes of isLate.
func (t *txn) sendLate(ctx context.Context, b *batch) error {
	for _, m := range b.late {
		matched, err := t.sendWrites(ctx, b.to, []mongo.WriteModel{m})
		if err == nil {
			err = t.missed(ctx, b.to, m, matched)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// missed returns uow.ErrConflict if a write in the transaction matched fewer documents than there
// are outside.
func (t *txn) missed(ctx context.Context, in collection, m mongo.WriteModel, matched int64) error {
	filter, several := filterOf(m)
	if matched > 0 && !several {
		return nil
	}
	n, err := t.seen(ctx, in, filter, int(matched)+1)
	if err == nil && int64(n) > matched {
		err = uow.ErrConflict.Wrap(errStale)
	}
	return err
}

// orMissed returns the error of missed for a change of one document that matched none, or err if
// there is none.
func (t *txn) orMissed(ctx context.Context, in collection, filter bson.D, err error) error {
	m := changing(filter, nil)
	if !t.isFirst(in, m) {
		return err
	}
	if missed := t.missed(ctx, in, m, 0); missed != nil {
		return missed
	}
	return err
}

// lift reads outside of the transaction, before it begins, so that it sees all that the shards of
// the query have acknowledged.
func (t *txn) lift(ctx context.Context, in collection, filter bson.D) error {
	if !t.store.sharded || t.session != nil {
		return nil
	}
	_, err := t.seen(ctx, in, filter, 1)
	return err
}

// liftQueued is lift for the documents of the queued writes, except those that the unit has read.
func (t *txn) liftQueued(ctx context.Context) error {
	if !t.store.sharded || t.mode != uow.Write {
		return nil
	}
	for _, b := range t.waiting {
		for _, m := range b.models {
			filter, several := filterOf(m)
			if !several && len(filter) > 0 {
				filter = filter[:1]
			}
			name := nameOf(filter)
			if filter == nil || name != "" && t.read[b.to][name] {
				continue
			}
			if err := t.lift(ctx, b.to, filter); err != nil {
				return err
			}
			t.read.add(b.to, name)
		}
	}
	return nil
}

// liftAll is lift for a snapshot that begins with a query: for the shards of the query, and for all
// those of a collection of which every shard has a part.
func (t *txn) liftAll(ctx context.Context, first query) error {
	if err := t.lift(ctx, first.in, first.filter); err != nil {
		return err
	}
	return t.lift(ctx, reservationsIn, d("participants", uuid(id.User{})))
}

// endPiece ends the transaction of a snapshot behind mongos that has lasted long, so that the next
// query begins another. Before MongoDB 5.0 there are no snapshots outside of transactions, and a
// cluster must end transactions after a short time, because their documents stay locked if the
// abort does not arrive.
func (t *txn) endPiece(ctx context.Context) {
	if t.session == nil || t.hosted || !t.store.sharded || t.store.wire >= snapshotWire || time.Since(t.since) < pieceTime {
		return
	}
	t.abort(ctx)
}

// documents names documents by collection, each by the first condition of the filter that finds it.
// The name "" stands for any document.
type documents map[collection]map[string]bool

func (all documents) add(in collection, names ...string) {
	if all[in] == nil {
		all[in] = map[string]bool{}
	}
	for _, name := range names {
		all[in][name] = true
	}
}

// changes notes that the unit changes what a write matches.
func (t *txn) changes(in collection, m mongo.WriteModel) {
	if insert, ok := m.(*mongo.InsertOneModel); ok {
		doc, _ := insert.Document.(bson.D)
		t.own.add(in, nameOf(d("_id", field(doc, "_id"))))
		return
	}
	filter, several := filterOf(m)
	if several {
		filter = nil
	}
	t.own.add(in, nameOf(filter))
}

// mayFindOwn reports whether a filter may match a document that the unit has changed.
func (t *txn) mayFindOwn(in collection, filter bson.D) bool {
	own := t.own[in]
	if len(own) == 0 || own[""] {
		return len(own) > 0
	}
	if other, _ := field(filter, "_id").(bson.D); len(own) == 1 && own[nameOf(d("_id", field(other, "$ne")))] {
		return false
	}
	names := namesOf(filter)
	if names == nil {
		return true
	}
	by := fieldOfName(names[0])
	for name := range own {
		if fieldOfName(name) != by || slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// namesOf returns the names of the documents that a filter can match, or nil if it can match any.
func namesOf(filter bson.D) (names []string) {
	if len(filter) == 0 || strings.HasPrefix(filter[0].Key, "$") {
		return nil
	}
	values := bson.A{filter[0].Value}
	if c, ok := filter[0].Value.(bson.D); ok && len(c) > 0 && strings.HasPrefix(c[0].Key, "$") {
		values, _ = field(c, "$in").(bson.A)
	}
	for _, v := range values {
		kind, b, err := bson.MarshalValue(v)
		if err != nil {
			return nil
		}
		names = append(names, filter[0].Key+"="+string(kind)+string(b))
	}
	return names
}

// nameOf returns the name of the document that a filter can match, or "" if it can match several.
func nameOf(filter bson.D) string {
	if names := namesOf(filter); len(names) == 1 {
		return names[0]
	}
	return ""
}

func fieldOfName(name string) string { return name[:strings.IndexByte(name, '=')] }

// filterOf returns the filter of a write, or nil for an insertion. It reports whether the write may
// change several documents.
func filterOf(m mongo.WriteModel) (filter bson.D, several bool) {
	var f any
	switch m := m.(type) {
	case *mongo.UpdateOneModel:
		f = m.Filter
	case *mongo.DeleteOneModel:
		f = m.Filter
	case *mongo.UpdateManyModel:
		f, several = m.Filter, true
	case *mongo.DeleteManyModel:
		f, several = m.Filter, true
	}
	filter, _ = f.(bson.D)
	return filter, several
}
