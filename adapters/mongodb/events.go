package mongodb

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	outbox   = tableOf(ports.OutboxLayout)
	numbered = tableOf(ports.EventLayout)
)

type eventsRepository struct{ *unit }

// Add queues the events: all of a unit are one insertion.
func (repo eventsRepository) Add(ctx context.Context, all ...events.Event) error {
	return repo.write(ctx, func(t *txn) error {
		for _, e := range all {
			t.later(outboxIn, inserting(outbox.doc(e)))
		}
		return nil
	})
}

// Number reads in the transaction. Of two units that number, one fails to write the counter.
func (repo eventsRepository) Number(ctx context.Context, limit int) (n int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		q := query{in: outboxIn, filter: bson.D{}, sort: d("created_at", 1, "_id.id", 1), locked: true}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil {
			return err
		}
		oldest, err := listPage(ctx, t, outbox.scan, limit, q)
		if err != nil || len(oldest) == 0 {
			return err
		}
		taken, err := t.earliest(ctx, oldest)
		if err != nil {
			return err
		}
		highest, err := t.highest(ctx, true)
		if err != nil {
			return err
		}
		gone := make(bson.A, len(taken))
		for i, e := range taken {
			t.later(eventsIn, inserting(numbered.doc(events.Numbered{Position: highest + int64(i) + 1, Event: e})))
			gone[i] = field(outbox.doc(e), "_id")
		}
		t.later(outboxIn, removingAll(d("_id", d("$in", gone))))
		t.later(countersIn, putting(d("_id", ports.EventCounter), d("$inc", d("value", int64(len(taken))))))
		n = len(taken)
		return nil
	})
	return n, err
}

// earliest returns as many events as are given, in their place those with the lowest seqs of the same
// aggregates: the times of events that different servers add may not ascend with seq.
func (t *txn) earliest(ctx context.Context, given []events.Event) ([]events.Event, error) {
	last, count := map[events.Aggregate]int64{}, map[events.Aggregate]int{}
	for _, e := range given {
		last[e.Aggregate] = max(last[e.Aggregate], e.Seq)
		count[e.Aggregate]++
	}
	ranges := bson.A{}
	for aggregate, seq := range last {
		ranges = append(ranges, d("_id", d(
			"$gte", d("aggregate", string(aggregate), "seq", int64(0)), "$lt", d("aggregate", string(aggregate), "seq", seq+1),
		)))
	}
	all, err := list(ctx, t, outbox.scan, query{in: outboxIn, filter: d("$or", ranges), sort: d("_id", 1), locked: true})
	if err != nil {
		return nil, err
	}
	of := map[events.Aggregate][]events.Event{}
	for _, e := range all {
		of[e.Aggregate] = append(of[e.Aggregate], e)
	}
	taken := make([]events.Event, len(given))
	for i, e := range given {
		taken[i], of[e.Aggregate] = of[e.Aggregate][0], of[e.Aggregate][1:]
	}
	return taken, nil
}

// highest returns the highest position that was given to an event.
func (t *txn) highest(ctx context.Context, locked bool) (int64, error) {
	value, err := find(ctx, t, func(r *record) int64 { return r.int("value") },
		query{in: countersIn, filter: d("_id", ports.EventCounter), locked: locked})
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return value, err
}

func (repo eventsRepository) After(ctx context.Context, position int64, limit int) (page []events.Numbered, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		page, err = listPage(ctx, t, numbered.scan, limit, query{
			in: eventsIn, filter: d("_id", d("$gt", position)), sort: d("_id", 1),
		})
		return err
	})
	return page, err
}

func (repo eventsRepository) At(ctx context.Context, positions ...int64) (found []events.Numbered, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		named := bson.A{}
		for _, position := range positions {
			named = append(named, position)
		}
		found, err = list(ctx, t, numbered.scan, query{in: eventsIn, filter: d("_id", d("$in", named))})
		slices.SortFunc(found, func(a, b events.Numbered) int { return cmp.Compare(a.Position, b.Position) })
		return err
	})
	return found, err
}

// Trim reads in the transaction. It passes over the events that are set aside page by page.
func (repo eventsRepository) Trim(ctx context.Context, upTo int64, limit int) (trimmed int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.lift(ctx, eventsIn, d("_id", d("$lte", upTo))); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil {
			return err
		}
		gone, err := t.trimmable(ctx, upTo, limit)
		if err != nil || len(gone) == 0 {
			return err
		}
		n, err := t.update(ctx, eventsIn, removingAll(d("_id", d("$in", gone))))
		trimmed = int(n)
		return err
	})
	return trimmed, err
}

// trimmable returns up to limit positions of events up to a position that are not set aside.
func (t *txn) trimmable(ctx context.Context, upTo int64, limit int) (gone bson.A, err error) {
	for from, full := int64(0), true; full && len(gone) < limit; {
		page, err := listPage(ctx, t, scanPosition("_id"), limit, query{
			in: eventsIn, filter: d("_id", d("$gt", from, "$lte", upTo)), fields: d("_id", 1), sort: d("_id", 1), locked: true,
		})
		if err != nil || len(page) == 0 {
			return gone, err
		}
		from, full = page[len(page)-1], len(page) == limit
		kept, err := list(ctx, t, scanPosition("_id.position"), query{
			in: setAsideIn, filter: d("_id.position", d("$gte", page[0], "$lte", from)), fields: d("_id", 1), locked: true,
		})
		if err != nil {
			return nil, err
		}
		for _, position := range page {
			if !slices.Contains(kept, position) && len(gone) < limit {
				gone = append(gone, position)
			}
		}
	}
	return gone, nil
}

// scanPosition returns the scan function of the position of an event.
func scanPosition(name string) func(r *record) int64 {
	return func(r *record) int64 { return r.int(name) }
}

func (repo eventsRepository) Backlog(ctx context.Context) (b events.Backlog, err error) {
	err = repo.read(ctx, func(t *txn) error {
		return t.together(ctx, func() (err error) {
			if b.Highest, err = t.highest(ctx, false); err != nil {
				return err
			}
			first, err := listPage(ctx, t, outbox.scan, 1, query{in: outboxIn, filter: bson.D{}, sort: d("created_at", 1, "_id.id", 1)})
			if len(first) > 0 {
				b.Oldest = first[0].At
			}
			return err
		})
	})
	return b, err
}
