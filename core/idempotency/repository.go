package idempotency

import (
	"context"
	"time"
)

// Record is saved for a command that succeeded.
type Record struct {
	Owner       string   // the owner of the key: a user's id, or a substitute for one at sign-up
	Key         Key      // as sent
	Fingerprint [32]byte // of operation, path and normalised values
	Answer      []byte   // what is kept of the answer (see Form), as JSON
	CreatedAt   time.Time
}

// Repository stores records, in the same transaction as the effects of their commands.
type Repository interface {
	// Claim locks the owner's key until the unit ends, and returns its record, or fault.NotFound.
	// While another unit holds the lock, Claim waits for the end of that unit, or fails with
	// uow.ErrConflict: of two units with one key, the later sees what the earlier committed.
	Claim(ctx context.Context, owner string, key Key) (Record, error)

	// Save saves the record of a key for which Claim returned fault.NotFound in this unit.
	Save(ctx context.Context, r Record) error

	// Forget removes all records of an owner. It returns nil if there are no such records.
	Forget(ctx context.Context, owner string) error

	// Purge removes up to limit records that were created before the given time, and returns their
	// number.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
}

// Tx is the part of a transaction that this package uses.
type Tx interface {
	Idempotency() Repository
}
