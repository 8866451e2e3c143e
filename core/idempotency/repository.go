package idempotency

import (
	"context"
	"time"
)

// Record is what is kept of a command that succeeded.
type Record struct {
	Owner       string   // whom the key belongs to: a user's id, or what stands for one at sign-up
	Key         Key      // as sent
	Fingerprint [32]byte // of operation, path and normalised values
	Answer      []byte   // JSON
	CreatedAt   time.Time
}

// Repository keeps records in the same transaction as the effect that they stand for.
type Repository interface {
	// Claim holds the key of this owner until the unit ends, and returns the record kept under it, or
	// fault.NotFound. While another unit holds the key, it waits for its end, or the unit fails with
	// uow.ErrConflict: of two units with one key, the later sees what the earlier committed.
	Claim(ctx context.Context, owner string, key Key) (Record, error)

	// Save keeps the record of a key that this unit has claimed and found free.
	Save(ctx context.Context, r Record) error

	// Forget removes all records of an owner. None is not an error.
	Forget(ctx context.Context, owner string) error

	// Purge removes up to limit records that were made before the given time, and says how many.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}

// Tx is what this package touches in a unit of work.
type Tx interface {
	Idempotency() Repository
}
