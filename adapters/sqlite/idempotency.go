package sqlite

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/ports"
)

var records = tableOf(ports.RecordLayout)

type idempotencyRepository struct{ *unit }

func (repo idempotencyRepository) Claim(
	ctx context.Context, owner string, key idempotency.Key,
) (kept idempotency.Record, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		kept, err = find(ctx, c, records.scan,
			"SELECT "+records.columns+" FROM idempotency_records WHERE owner = ? AND key = ?", owner, string(key))
		return orNotFound(err, "an idempotency key")
	})
	return kept, err
}

func (repo idempotencyRepository) Save(ctx context.Context, r idempotency.Record) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, records.insert, records.args(r)...)
		return err
	})
}

func (repo idempotencyRepository) Forget(ctx context.Context, owner string) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM idempotency_records WHERE owner = ?", owner)
		return err
	})
}

func (repo idempotencyRepository) Purge(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM idempotency_records WHERE (owner, key) IN (
			SELECT owner, key FROM idempotency_records WHERE created_at < ? ORDER BY created_at, owner, key LIMIT +?)`,
			milli(before), limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}
