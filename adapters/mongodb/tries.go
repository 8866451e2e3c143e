package mongodb

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for the counts of tries.

var tries = tableOf(ports.TriesLayout)

func (t *txn) queueForTries(ctx context.Context, hashes []users.SecretHash) error {
	names := make([]turn, len(hashes))
	for i, hash := range hashes {
		names[i] = turn(turnOfTries + string(hash[:]))
	}
	return t.queueFor(ctx, names...)
}

// HoldTries reads in the transaction: of two units that read the same count, one fails to write it.
func (repo usersRepository) HoldTries(ctx context.Context, hashes ...users.SecretHash) (counts []users.Tries, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.queueForTries(ctx, hashes); err != nil {
			return err
		}
		named := make(bson.A, len(hashes))
		for i := range hashes {
			named[i] = octets(hashes[i][:])
		}
		q := query{in: triesIn, filter: d("_id", d("$in", named)), locked: true}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil {
			return err
		}
		counts, err = list(ctx, t, tries.scan, q)
		return err
	})
	return counts, err
}

func (repo usersRepository) SaveTries(ctx context.Context, counts ...users.Tries) error {
	return repo.write(ctx, func(t *txn) error {
		for _, count := range counts {
			t.later(triesIn, putting(d("_id", octets(count.Hash[:])), d("$set", tries.set(count, "_id"))))
		}
		return nil
	})
}

func (repo usersRepository) GiveBackTries(ctx context.Context, hashes []users.SecretHash, known ...users.Tries) error {
	return repo.write(ctx, func(t *txn) error {
		held := append([]users.SecretHash(nil), hashes...)
		for _, count := range known {
			held = append(held, count.Hash)
		}
		if err := t.queueForTries(ctx, held); err != nil {
			return err
		}
		for _, hash := range hashes {
			t.later(triesIn, changing(d("_id", octets(hash[:]), "count", d("$gt", int64(0))), d("$inc", d("count", int64(-1)))))
		}
		for _, count := range known {
			t.later(triesIn, putting(d("_id", octets(count.Hash[:])), d("$max", d("expires_at", date(count.ExpiresAt)),
				"$setOnInsert", tries.set(count, "_id", "expires_at"))))
		}
		return nil
	})
}

func (repo usersRepository) DropTries(ctx context.Context, subject users.SecretHash) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(triesIn, removingAll(d("subject", octets(subject[:]))))
		return nil
	})
}

func (repo usersRepository) PurgeTries(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(t *txn) error {
		q := query{
			in: triesIn, filter: d("expires_at", d("$lte", date(before))), fields: d("_id", 1), sort: d("expires_at", 1, "_id", 1), locked: true,
		}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil { // a count that is extended concurrently must stay
			return err
		}
		old, err := listPage(ctx, t, func(r *record) any { return octets(r.bytes("_id")) }, limit, q)
		if err != nil || len(old) == 0 {
			return err
		}
		n, err := t.update(ctx, triesIn, removingAll(d("_id", d("$in", bson.A(old)))))
		purged = int(n)
		return err
	})
	return purged, err
}
