package reservations

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	// ErrNotFound is returned if a reservation does not exist or the caller is not a participant.
	ErrNotFound = fault.New(fault.NotFound, "reservation_not_found", "there is no such reservation")

	// ErrStatus is returned for a move that the reservation's status, its date or the caller's role
	// in it does not allow. Its detail contains the present status.
	ErrStatus = fault.New(fault.Conflict, "reservation_status", "the reservation's status does not allow this")

	// ErrTooManyProposed is returned if the caller has proposed as many reservations in the last 24
	// hours as the policy allows. Its RetryAfter is the time until the next one is allowed.
	ErrTooManyProposed = fault.New(fault.TooManyRequests, "too_many_proposals", "you have proposed many activities, propose the next one later")

	// ErrTooManyPending is returned if a conversation has as many pending reservations as the
	// policy allows.
	ErrTooManyPending = fault.New(fault.Conflict, "too_many_pending", "this conversation has many pending reservations: answer or withdraw one first")

	// ErrOverlap is returned if the local has an accepted reservation that overlaps in time.
	ErrOverlap = fault.New(fault.Conflict, "reservation_overlap", "the local is not free at that time")
)
