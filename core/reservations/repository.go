package reservations

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// Moved says what became of a move.
type Moved int

// The outcomes of Repository.Move.
const (
	Done     Moved = iota // the reservation has its new status
	Stale                 // its stored status was another one; nothing changed
	Overlaps              // the local has an accepted reservation in that time; nothing changed
)

// Repository keeps reservations.
type Repository interface {
	// Add stores a new reservation.
	Add(ctx context.Context, r Reservation) error

	// Reservation reads a reservation, or fault.NotFound.
	Reservation(ctx context.Context, reservation id.Reservation) (Reservation, error)

	// Hold reads a reservation and holds it for this unit alone until it ends: other units wait, or one
	// fails with uow.ErrConflict. fault.NotFound where there is none.
	Hold(ctx context.Context, reservation id.Reservation) (Reservation, error)

	// Move gives a reservation another status, and at as its time of change, if its stored status is still
	// r.Status: of units that move one reservation at once, one does. Of r only ID, LocalID and Status count.
	// To Accepted it moves only if no other accepted reservation of the local overlaps in time, half open: one
	// may start when another ends. The store makes an overlap impossible, whatever the interleaving; it holds
	// the local's calendar before the reservation, so that units that accept for one local wait for each
	// other, or one fails with uow.ErrConflict. fault.NotFound if there is no such reservation.
	Move(ctx context.Context, r Reservation, to Status, at time.Time) (Moved, error)

	// Held is the sum of the tokens of the accepted reservations in which the user is the voyager.
	Held(ctx context.Context, user id.User) (int64, error)

	// InConversation lists the reservations of a conversation, newest first by (created_at, id): those after
	// a place, or from the newest where it is nil; at most limit.
	InConversation(ctx context.Context, conversation id.Conversation, after *page.Moment, limit int) ([]Reservation, error)

	// Of lists the reservations in which a user takes part, of one status or ("") all, paged as InConversation.
	Of(ctx context.Context, user id.User, status Status, after *page.Moment, limit int) ([]Reservation, error)

	// Due lists up to limit accepted reservations whose end date is not after now, by (end_date, id).
	Due(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error)
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	messaging.Tx
	Reservations() Repository
}
