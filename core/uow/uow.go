// Package uow defines the unit of work. A use case reads and writes in one unit of work, and either
// all of its writes are committed or none. An adapter implements Runner, which runs one transaction
// once. A Store wraps a Runner and is the only place where a unit is retried after a conflict.
package uow

import (
	"context"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Mode determines what a unit of work may do.
type Mode int

// The modes.
const (
	Write    Mode = iota // read and write, all or nothing
	Read                 // read only; each read sees what was committed before the read began
	Snapshot             // read only; all reads see the store at one point in time
)

// Runner runs one unit of work, once. Adapters implement it; all other code uses a Store.
//
// Obligations of an implementation:
//   - The writes of fn become visible to other units together, when Run returns nil. They never
//     become visible if Run returns an error other than ErrOutcomeUnknown, or if fn panics. A panic
//     of fn continues after the rollback.
//   - Any error of a repository except fault.NotFound ends the unit: later calls in it return that
//     error or ErrEnded, and it is rolled back even if fn returns nil.
//   - A repository that is used after fn returned returns ErrEnded.
//   - In the modes Read and Snapshot, every method that writes returns ErrReadOnly.
//   - Run returns ErrConflict (wrapped) if the unit lost against a concurrent one and may succeed
//     when it is run again.
//   - Run returns ErrOutcomeUnknown (wrapped) if it is not known whether the unit was committed.
//   - Run returns a failure that matches fault.Unavailable if the store cannot be reached.
//   - If ctx is cancelled, Run stops waiting and working and returns ctx.Err() (wrapped). Cleaning
//     up is not cancelled.
//   - The context passed to fn is the caller's or derived from it.
//   - Run is safe for concurrent use. The tx passed to fn is for one goroutine at a time.
type Runner[Tx any] interface {
	Run(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error) error
}

// The errors of adapters and of Store. Repositories return faults of their own as well.
var (
	// ErrConflict is returned when a unit of work lost against a concurrent one: a stale version, a
	// serialization failure or a deadlock. Store runs such a unit again.
	ErrConflict = fault.New(fault.Unavailable, "store_busy", "the store is busy, try again")

	// ErrOutcomeUnknown is returned when the response to a commit was lost. Only a unit with an
	// idempotency key is run again. For any other unit, the caller has to read the store to find
	// out.
	ErrOutcomeUnknown = fault.New(fault.Unavailable, "outcome_unknown",
		"it is not known whether this was done; repeat it with the same Idempotency-Key to find out")

	// ErrUnreachable is returned when the store cannot be reached.
	ErrUnreachable = fault.New(fault.Unavailable, "store_unreachable", "the store cannot be reached, try again")

	// ErrRefused is returned when the store rejects this server's user, password or database. A
	// retry is useful only after one of them was changed.
	ErrRefused = fault.New(fault.Unavailable, "store_refused", "the store does not accept this server")

	// ErrNested is returned when a unit of work is begun inside another one of the same store. It
	// is a defect of the caller.
	ErrNested = fault.New(fault.Internal, "nested_unit", "a unit of work was begun inside another one")

	// ErrEnded is returned by a repository that is used after its unit of work ended. It is a
	// defect of the caller.
	ErrEnded = fault.New(fault.Internal, "ended_unit", "a repository was used after its unit of work ended")

	// ErrReadOnly is returned for a write in a unit that only reads. It is a defect of the caller.
	ErrReadOnly = fault.New(fault.Internal, "read_only_unit", "a write was attempted in a read-only unit of work")
)
