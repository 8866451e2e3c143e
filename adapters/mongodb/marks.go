package mongodb

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
)

// marks implements ports.Marks.
type marks struct{ *unit }

func findMark(ctx context.Context, t *txn, name string) (since time.Time, marked bool, err error) {
	since, err = find(ctx, t, func(r *record) time.Time { return r.time("created_at") }, query{in: marksIn, filter: d("_id", name)})
	if marked = err == nil; errors.Is(err, mongo.ErrNoDocuments) {
		err = nil
	}
	return since, marked, err
}

func (r marks) Marked(ctx context.Context, name string) (since time.Time, marked bool, err error) {
	err = r.read(ctx, func(t *txn) (err error) {
		since, marked, err = findMark(ctx, t, name)
		return err
	})
	return since, marked, err
}

func (r marks) Mark(ctx context.Context, name string, at time.Time) error {
	return r.write(ctx, func(t *txn) error {
		_, marked, err := findMark(ctx, t, name)
		if err == nil && !marked {
			t.later(marksIn, inserting(d("_id", name, "created_at", date(at))))
		}
		return err
	})
}
