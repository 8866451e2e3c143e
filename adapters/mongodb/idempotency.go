package mongodb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/ports"
)

// recordID returns the id of a record's document.
func recordID(owner string, key idempotency.Key) bson.D { return d("owner", owner, "key", string(key)) }

var records = tableOf(ports.RecordLayout)

func turnOfRecord(owner string, key idempotency.Key) turn {
	return turn(turnOfKey + owner + "\x00" + string(key))
}

// insertingRecord returns a write that adds a record under a free key.
func insertingRecord(r idempotency.Record) mongo.WriteModel {
	return inserting(savedRecord(records.doc(r)))
}

// savedRecord returns the document of a record with the columns of doc.
func savedRecord(doc bson.D) bson.D { return append(doc, d("saved", true, "guard", int64(0))...) }

type idempotencyRepository struct{ *unit }

// emptyRecord is the content of a key that was claimed and not saved.
var emptyRecord = d("fingerprint", octets(make([]byte, 32)), "answer", octets(nil), "created_at", date(time.Time{}), "saved", false)

// Claim inserts an empty record under a free key, so that no other unit can write it until the unit
// ends. Save fills it.
func (repo idempotencyRepository) Claim(
	ctx context.Context, owner string, key idempotency.Key,
) (kept idempotency.Record, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueFor(ctx, turnOfRecord(owner, key)); err != nil {
			return err
		}
		name, saved := recordID(owner, key), false
		there, err := holding(ctx, t, func(r *record) idempotency.Record {
			saved = r.bool("saved")
			return records.scan(r)
		}, hold{in: idempotencyIn, filter: d("_id", name), change: append(guarded(), d("$setOnInsert", emptyRecord)...), make: true})
		if err != nil {
			return raced(err)
		}
		if !saved {
			t.claims = append(t.claims, name)
			return notFound("an idempotency key")
		}
		kept = there
		return nil
	})
	return kept, err
}

// dropClaims removes records that were claimed and not saved.
func (t *txn) dropClaims(ctx context.Context) error {
	if !t.wrote && !t.hosted {
		return nil // none of the unit's writes are committed
	}
	for _, name := range t.claims {
		t.later(idempotencyIn, removing(d("_id", name, "saved", false)))
	}
	t.claims = nil
	return t.flush(ctx, idempotencyIn)
}

func (repo idempotencyRepository) Save(ctx context.Context, r idempotency.Record) error {
	return repo.write(ctx, func(t *txn) error {
		name := recordID(r.Owner, r.Key)
		matched, err := t.update(ctx, idempotencyIn, changing(d("_id", name, "saved", false), d("$set",
			append(records.set(r, "_id.owner", "_id.key"), d("saved", true)...))))
		if err == nil && matched == 0 {
			err = fmt.Errorf("%w: a record is saved once, under a key that was claimed", errRule)
		}
		t.claims = slices.DeleteFunc(t.claims, func(claimed bson.D) bool { return claimed[0] == name[0] && claimed[1] == name[1] })
		return err
	})
}

func (repo idempotencyRepository) Forget(ctx context.Context, owner string) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(idempotencyIn, removingAll(d("_id.owner", owner)))
		return nil
	})
}

func (repo idempotencyRepository) Purge(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		q := query{
			in: idempotencyIn, filter: d("saved", true, "created_at", d("$lt", date(before))), fields: d("_id", 1),
			sort: d("created_at", 1), locked: true,
		}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil { // a record that is replaced concurrently must stay
			return err
		}
		old, err := listPage(ctx, t, func(r *record) any { return recordID(r.text("_id.owner"), idempotency.Key(r.text("_id.key"))) }, limit, q)
		if err != nil || len(old) == 0 {
			return err
		}
		n, err := t.update(ctx, idempotencyIn, removingAll(d("_id", d("$in", bson.A(old)))))
		purged = int(n)
		return err
	})
	return purged, err
}
