package postgres

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/ports"
)

var records = tableOf(ports.RecordLayout)

type idempotencyRepository struct{ *unit }

// lockOfKey names the advisory lock of a key.
func lockOfKey(owner string, key idempotency.Key) []string {
	return []string{"idempotency key", owner, string(key)}
}

// Claim locks the key in a statement before the one that reads the record, so that the second sees
// what the last holder of the lock committed.
func (repo idempotencyRepository) Claim(
	ctx context.Context, owner string, key idempotency.Key,
) (kept idempotency.Record, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		c.hold(lockOfKey(owner, key)...)
		kept, err = find(ctx, c, records.scan,
			"SELECT "+records.columns+" FROM @idempotency_records WHERE owner = $1 AND key = $2", owner, string(key))
		return orNotFound(err, "an idempotency key")
	})
	return kept, err
}

func (repo idempotencyRepository) Save(ctx context.Context, r idempotency.Record) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(records.insert, records.args(r)...)
		return nil
	})
}

func (repo idempotencyRepository) Forget(ctx context.Context, owner string) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @idempotency_records WHERE owner = $1", owner)
		return nil
	})
}

func (repo idempotencyRepository) Purge(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @idempotency_records WHERE ctid = ANY(ARRAY(
			SELECT ctid FROM @idempotency_records WHERE created_at < $1
			ORDER BY created_at, owner, key LIMIT $2 FOR UPDATE SKIP LOCKED))`, before, limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}
