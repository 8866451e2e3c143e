package reservations

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	// ErrNotFound is returned if a reservation does not exist or the caller is not a participant.
	ErrNotFound = fault.New(fault.NotFound, "reservation_not_found", "there is no such reservation")

	// ErrStatus is returned for a move that the reservation's status, its date or the caller's role
	// in it does not allow. Its detail contains the present status.
	ErrStatus = fault.New(fault.Conflict, "reservation_status", "the reservation's status does not allow this")

	// ErrOverlap is returned if the local has an accepted reservation that overlaps in time.
	ErrOverlap = fault.New(fault.Conflict, "reservation_overlap", "the local is not free at that time")
)
