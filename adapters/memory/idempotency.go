package memory

import (
	"bytes"
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/idempotency"
)

type idempotencyTables struct {
	records       tree[*idempotency.Record] // owner, key
	recordsByTime tree[*idempotency.Record] // created_at, owner, key
}

func (t *idempotencyTables) copy() idempotencyTables {
	return idempotencyTables{records: t.records.copy(), recordsByTime: t.recordsByTime.copy()}
}

func recordKey(r *idempotency.Record) string { return textKey(r.Owner) + textKey(string(r.Key)) }

func (t *idempotencyTables) addRecord(r idempotency.Record) error {
	key := recordKey(&r)
	if t.records.has(key) {
		return taken("an idempotency key")
	}
	r.Answer = bytes.Clone(r.Answer)
	t.records.put(key, &r)
	t.recordsByTime.put(timeKey(r.CreatedAt)+key, &r)
	return nil
}

func (t *idempotencyTables) dropRecord(r *idempotency.Record) {
	key := recordKey(r)
	t.records.drop(key)
	t.recordsByTime.drop(timeKey(r.CreatedAt) + key)
}

type idempotencyRepository struct{ *unit }

func (repo idempotencyRepository) Claim(
	ctx context.Context, owner string, key idempotency.Key,
) (kept idempotency.Record, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.records.get(textKey(owner) + textKey(string(key)))
		if !found {
			return notFound("an idempotency key")
		}
		kept = *there
		kept.Answer = bytes.Clone(there.Answer)
		return nil
	})
	return kept, err
}

func (repo idempotencyRepository) Save(ctx context.Context, r idempotency.Record) error {
	return repo.write(ctx, func(s *state) error { return s.addRecord(r) })
}

func (repo idempotencyRepository) Forget(ctx context.Context, owner string) error {
	return repo.write(ctx, func(s *state) error {
		var gone []*idempotency.Record
		for _, record := range s.records.ascend(textKey(owner), "") {
			gone = append(gone, record)
		}
		for _, record := range gone {
			s.dropRecord(record)
		}
		return nil
	})
}

func (repo idempotencyRepository) Purge(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(s *state) error {
		var gone []*idempotency.Record
		for _, record := range s.recordsByTime.ascend("", "") {
			if len(gone) >= limit || !record.CreatedAt.Before(before) {
				break
			}
			gone = append(gone, record)
		}
		for _, record := range gone {
			s.dropRecord(record)
		}
		purged = len(gone)
		return nil
	})
	return purged, err
}
