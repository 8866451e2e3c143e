// Package uow is the unit of work: everything that a use case reads and writes happens in one, and
// all of it is kept or none. An adapter implements Runner, which runs one transaction once; Store
// stands in front of it, and is the only place where a unit is run again after a conflict.
package uow

import (
	"context"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Mode says what a unit of work may do.
type Mode int

// The modes.
const (
	Write    Mode = iota // read and write, all or nothing
	Read                 // read only; each read sees what was committed when it began
	Snapshot             // read only; all reads see the store as it was at one moment
)

// Runner runs one unit of work, once. Adapters implement it; everyone else uses a Store.
//
// Obligations:
//   - What fn wrote is visible to others all at once when Run has returned nil, and never when it has
//     returned an error other than ErrOutcomeUnknown, or fn has panicked. A panic goes on after the rollback.
//   - Any error of a repository but fault.NotFound ends the unit: later calls in it return that error or
//     ErrEnded, and it is rolled back whatever fn returns.
//   - A repository that is used after fn has returned answers ErrEnded.
//   - In modes Read and Snapshot every method that writes answers ErrReadOnly.
//   - ErrConflict (wrapped) where the unit lost against another one and may win when it is run again.
//   - ErrOutcomeUnknown (wrapped) where the store could not say whether it committed.
//   - A failure that matches fault.Unavailable where the store cannot be reached.
//   - Cancelling ctx ends waiting and work with ctx.Err() (wrapped), but never the cleaning up.
//   - The context handed to fn is the caller's or one made from it.
//   - Run may be called by many goroutines; what it hands to fn is for one of them at a time.
type Runner[Tx any] interface {
	Run(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error) error
}

// What the adapters and Store answer beside the faults of the repositories.
var (
	// ErrConflict is a unit of work that lost against another one: a stale version, a serialization
	// failure, a deadlock. Store runs such a unit again.
	ErrConflict = fault.New(fault.Unavailable, "store_busy", "the store is busy, try again")

	// ErrOutcomeUnknown is a commit whose answer was lost. Only a unit that carries an idempotency key
	// is run again; for any other, the caller has to look.
	ErrOutcomeUnknown = fault.New(fault.Unavailable, "outcome_unknown",
		"the store could not say whether this was done; repeat it with the same Idempotency-Key to find out")

	// ErrUnreachable is a store that cannot be talked to.
	ErrUnreachable = fault.New(fault.Unavailable, "store_unreachable", "the store cannot be reached, try again")

	// ErrRefused is a store that answers and does not accept this server: its user, its password or its
	// database. Another try makes sense only after somebody has changed one of them.
	ErrRefused = fault.New(fault.Unavailable, "store_refused", "the store does not let this server in")

	// ErrNested is a unit of work begun inside another one of the same store: a defect of the caller.
	ErrNested = fault.New(fault.Internal, "nested_unit", "a unit of work was begun inside another one")

	// ErrEnded is a repository used after its unit of work was over: a defect of the caller.
	ErrEnded = fault.New(fault.Internal, "ended_unit", "a repository was used after its unit of work had ended")

	// ErrReadOnly is a write in a unit that only reads: a defect of the caller.
	ErrReadOnly = fault.New(fault.Internal, "read_only_unit", "a write was tried in a unit of work that only reads")
)
