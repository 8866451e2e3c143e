package mongodb

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/uow"
)

// The commands of a unit. A read sees the unit's own writes: the queued writes to its collection
// are sent first.

// query is a filter with its order and limit. Without a limit it finds all matching documents.
type query struct {
	in     collection
	filter bson.D
	fields bson.D // the fields to read; nil means all
	sort   bson.D
	limit  int
	locked bool // the unit will change what it finds, so the transaction must read it
	skip   int  // of find only
}

// biggestBatch is the number of documents in a batch of a cursor. It covers the largest page, so
// that one command reads a page.
const biggestBatch = 1000

// find returns the first document that the query finds, or mongo.ErrNoDocuments.
func find[T any](ctx context.Context, t *txn, scan func(r *record) T, q query) (found T, err error) {
	session, err := t.readies(ctx, q)
	if err != nil {
		return found, err
	}
	o := options.FindOne()
	if q.fields != nil {
		o.SetProjection(q.fields)
	}
	if q.sort != nil {
		o.SetSort(q.sort)
	}
	if q.skip > 0 {
		o.SetSkip(int64(q.skip))
	}
	var raw bson.Raw
	err = t.sendIn(ctx, session, func(ctx context.Context) (err error) {
		raw, err = t.store.in(q.in).FindOne(ctx, q.filter, o).Raw()
		return err
	})
	if err != nil {
		return found, err
	}
	return read(raw, scan)
}

// list returns all documents that the query finds.
func list[T any](ctx context.Context, t *txn, scan func(r *record) T, q query) (all []T, err error) {
	session, err := t.readies(ctx, q)
	if err != nil {
		return nil, err
	}
	o := options.Find().SetBatchSize(biggestBatch)
	if q.fields != nil {
		o.SetProjection(q.fields)
	}
	if q.sort != nil {
		o.SetSort(q.sort)
	}
	if q.limit > 0 {
		o.SetLimit(int64(q.limit))
	}
	return gather(ctx, t, session, scan, func(ctx context.Context) (*mongo.Cursor, error) {
		return t.store.in(q.in).Find(ctx, q.filter, o)
	})
}

// listPage is list with a caller's limit. It returns nothing if the limit is zero or negative.
func listPage[T any](ctx context.Context, t *txn, scan func(r *record) T, limit int, q query) ([]T, error) {
	if limit <= 0 {
		return nil, nil
	}
	q.limit = limit
	return list(ctx, t, scan, q)
}

// aggregate returns the results of a pipeline.
func aggregate[T any](
	ctx context.Context, t *txn, scan func(r *record) T, in collection, stages ...bson.D,
) ([]T, error) {
	session, err := t.readies(ctx, query{in: in})
	if err != nil {
		return nil, err
	}
	return gather(ctx, t, session, scan, func(ctx context.Context) (*mongo.Cursor, error) {
		return t.store.in(in).Aggregate(ctx, mongo.Pipeline(stages), options.Aggregate().SetBatchSize(biggestBatch))
	})
}

func gather[T any](
	ctx context.Context, t *txn, session mongo.Session, scan func(r *record) T,
	open func(ctx context.Context) (*mongo.Cursor, error),
) (all []T, err error) {
	err = t.sendIn(ctx, session, func(ctx context.Context) error {
		cursor, err := open(ctx)
		if err != nil {
			return err
		}
		defer closeCursor(ctx, cursor)
		for cursor.Next(ctx) {
			v, err := read(slices.Clone(cursor.Current), scan)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return cursor.Err()
	})
	return all, err
}

// closeCursor closes a cursor, even if ctx has ended. If that fails, the server closes it after a
// time.
func closeCursor(ctx context.Context, cursor *mongo.Cursor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	_ = cursor.Close(ctx)
}

// modify changes one document, and returns it as it was before or is after the change, or
// mongo.ErrNoDocuments if none matches.
func modify[T any](
	ctx context.Context, t *txn, scan func(r *record) T, which options.ReturnDocument, in collection, filter, change bson.D,
) (found T, err error) {
	if err = t.begin(ctx); err == nil {
		err = t.flush(ctx, in)
	}
	if err != nil {
		return found, err
	}
	wrote := t.wrote
	t.wrote = true
	var raw bson.Raw
	err = t.send(ctx, func(ctx context.Context) (err error) {
		raw, err = t.store.in(in).FindOneAndUpdate(ctx, filter, change, options.FindOneAndUpdate().SetReturnDocument(which)).Raw()
		return err
	})
	if errors.Is(err, mongo.ErrNoDocuments) {
		t.wrote = wrote
		err = t.orMissed(ctx, in, filter, err)
	}
	if err != nil {
		return found, err
	}
	t.own.add(in, nameOf(filter))
	return read(raw, scan)
}

// both runs two independent queries, concurrently if there is no transaction.
func (t *txn) both(one, other func() error) error {
	if t.mode != uow.Read || t.session != nil {
		if err := one(); err != nil {
			return err
		}
		return other()
	}
	answered := make(chan error, 1)
	go func() { answered <- other() }()
	err, errOther := one(), <-answered
	if err != nil {
		return err
	}
	return errOther
}

// hold is a change of one document, or of several, that prevents changes by other units.
type hold struct {
	in             collection
	filter, change bson.D
	make           bool       // insert the document if it is missing
	several        bson.D     // the fields to read of each matching document; nil for a single document
	found          []bson.Raw // after the change
}

// holding changes one document so that no other unit can change it, and returns it, or
// mongo.ErrNoDocuments if none matches.
func holding[T any](ctx context.Context, t *txn, scan func(r *record) T, h hold) (found T, err error) {
	all, err := t.hold(ctx, h)
	if err != nil {
		return found, err
	}
	return read(all[0], scan)
}

func (t *txn) hold(ctx context.Context, h hold) (found []bson.Raw, err error) {
	if h.several != nil {
		if err := t.lift(ctx, h.in, h.filter); err != nil {
			return nil, err
		}
	}
	if err := t.begin(ctx); err != nil {
		return nil, err
	}
	if err := t.flush(ctx, h.in); err != nil {
		return nil, err
	}
	found, err = t.sendHold(ctx, h)
	if err == nil {
		t.own.add(h.in, nameOf(h.filter))
	} else if errors.Is(err, mongo.ErrNoDocuments) {
		err = t.orMissed(ctx, h.in, h.filter, err)
	}
	return found, err
}

// sendHold sends a hold without the queued writes.
func (t *txn) sendHold(ctx context.Context, h hold) (found []bson.Raw, err error) {
	if h.several != nil {
		h.found, err = t.sendHoldOfSeveral(ctx, h)
	} else {
		h.found, err = t.sendHoldOfOne(ctx, h)
	}
	if err == nil {
		t.holds = append(t.holds, h)
	}
	return h.found, err
}

func (t *txn) sendHoldOfOne(ctx context.Context, h hold) (found []bson.Raw, err error) {
	o := options.FindOneAndUpdate().SetReturnDocument(options.After)
	if h.make {
		o.SetUpsert(true)
	}
	err = t.send(ctx, func(ctx context.Context) error {
		raw, err := t.store.in(h.in).FindOneAndUpdate(ctx, h.filter, h.change, o).Raw()
		found = []bson.Raw{raw}
		return err
	})
	return found, err
}

func (t *txn) sendHoldOfSeveral(ctx context.Context, h hold) ([]bson.Raw, error) {
	err := t.send(ctx, func(ctx context.Context) error {
		_, err := t.store.in(h.in).UpdateMany(ctx, h.filter, h.change)
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err := gather(ctx, t, t.session, func(r *record) bson.Raw { return r.raw }, func(ctx context.Context) (*mongo.Cursor, error) {
		return t.store.in(h.in).Find(ctx, h.filter, options.Find().SetProjection(h.several).SetBatchSize(biggestBatch))
	})
	slices.SortFunc(all, func(a, b bson.Raw) int { return bytes.Compare(a, b) }) // sorted only for comparison
	return all, err
}

// update sends changes immediately, and returns the number of documents that matched.
func (t *txn) update(ctx context.Context, in collection, models ...mongo.WriteModel) (matched int64, err error) {
	matched, err = t.sendWrites(ctx, in, models)
	for _, m := range models {
		t.changes(in, m)
	}
	return matched, err
}

func (t *txn) sendWrites(ctx context.Context, in collection, models []mongo.WriteModel) (matched int64, err error) {
	if err = t.writes(ctx, in); err != nil {
		return 0, err
	}
	err = t.send(ctx, func(ctx context.Context) error {
		done, err := t.store.in(in).BulkWrite(ctx, models)
		if done != nil {
			matched = done.MatchedCount + done.UpsertedCount + done.DeletedCount
		}
		return err
	})
	return matched, err
}

// apply is update for a change of which the unit needs the number of matching documents.
func (t *txn) apply(ctx context.Context, in collection, m mongo.WriteModel) (matched int64, err error) {
	fresh := t.isFirst(in, m)
	if matched, err = t.update(ctx, in, m); err == nil && fresh {
		err = t.missed(ctx, in, m, matched)
	}
	return matched, err
}

// batch holds the queued writes to one collection.
type batch struct {
	to     collection
	models []mongo.WriteModel
	late   []mongo.WriteModel // sent first, one by one: see isLate
}

// later queues writes until the commit, or until the next query of their collection.
func (t *txn) later(to collection, models ...mongo.WriteModel) {
	i := slices.IndexFunc(t.waiting, func(b *batch) bool { return b.to == to })
	if i < 0 {
		i = len(t.waiting)
		t.waiting = append(t.waiting, &batch{to: to})
	}
	for _, m := range models {
		if t.isLate(to, m) {
			t.waiting[i].late = append(t.waiting[i].late, m)
		} else {
			t.waiting[i].models = append(t.waiting[i].models, m)
		}
		t.changes(to, m)
	}
}

// flush sends the queued writes to the named collections, or to all. If a write is a duplicate of a
// document that the unit had not found, a concurrent unit has inserted that document.
func (t *txn) flush(ctx context.Context, only ...collection) error {
	for len(t.waiting) > 0 {
		i := 0
		if len(only) > 0 {
			i = slices.IndexFunc(t.waiting, func(b *batch) bool { return slices.Contains(only, b.to) })
		}
		if i < 0 {
			return nil
		}
		if err := t.begin(ctx); err != nil {
			return err
		}
		b := t.waiting[i]
		t.waiting = slices.Delete(t.waiting, i, i+1)
		err := t.sendLate(ctx, b)
		if err == nil && len(b.models) > 0 {
			_, err = t.sendWrites(ctx, b.to, b.models)
		}
		if !t.strict && slices.Contains(lookedUp, b.to) {
			err = raced(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readies prepares for a query, and returns the session in which it is sent, or nil.
func (t *txn) readies(ctx context.Context, q query) (mongo.Session, error) {
	if t.apart(q) {
		t.read.add(q.in, namesOf(q.filter)...)
		return t.reading()
	}
	if t.mode == uow.Snapshot {
		t.endPiece(ctx)
		if err := t.liftAll(ctx, q); err != nil {
			return nil, err
		}
		if err := t.begin(ctx); err != nil {
			return nil, err
		}
	}
	err := t.flush(ctx, q.in)
	return t.session, err
}

// writes prepares for a write to a collection.
func (t *txn) writes(ctx context.Context, to collection) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	t.wrote = true
	return t.flush(ctx, to)
}

// The writes that can be queued.

func inserting(doc bson.D) mongo.WriteModel { return mongo.NewInsertOneModel().SetDocument(doc) }

func changing(filter, change bson.D) mongo.WriteModel {
	return mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(change)
}

func changingAll(filter, change bson.D) mongo.WriteModel {
	return mongo.NewUpdateManyModel().SetFilter(filter).SetUpdate(change)
}

// putting is like changing, but inserts the document if it is missing.
func putting(filter, change bson.D) mongo.WriteModel {
	return mongo.NewUpdateOneModel().SetFilter(filter).SetUpdate(change).SetUpsert(true)
}

func removing(filter bson.D) mongo.WriteModel { return mongo.NewDeleteOneModel().SetFilter(filter) }

func removingAll(filter bson.D) mongo.WriteModel { return mongo.NewDeleteManyModel().SetFilter(filter) }
