package reservations

import "github.com/cicerone-go/cicerone/core/fault"

// What this domain refuses.
var (
	// ErrNotFound is a reservation that does not exist, or in which the caller takes no part.
	ErrNotFound = fault.New(fault.NotFound, "reservation_not_found", "there is no such reservation")

	// ErrStatus is a move that the reservation's status, its date or the caller's part in it does not
	// allow; its detail names the present status.
	ErrStatus = fault.New(fault.Conflict, "reservation_status", "the reservation's status does not allow this")

	// ErrOverlap is a local who has accepted another reservation for that time.
	ErrOverlap = fault.New(fault.Conflict, "reservation_overlap", "the local is not free at that time")
)
