package reservations

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
)

// MoveResult is the outcome of a move.
type MoveResult int

// The outcomes of Repository.Move.
const (
	Done     MoveResult = iota // the reservation has its new status
	Stale                      // the stored status was a different one; nothing changed
	Overlaps                   // the local has an accepted reservation that overlaps in time; nothing changed
)

// Repository keeps reservations.
type Repository interface {
	// Add stores a new reservation.
	Add(ctx context.Context, r Reservation) error

	// NthProposed returns when the n-th newest of the reservations that a user proposed was
	// created, counted from 1, or fault.NotFound if there are fewer.
	NthProposed(ctx context.Context, creator id.User, n int) (time.Time, error)

	// PendingIn returns the number of pending reservations of a conversation, counted up to limit, and
	// how many of those that it counted a user proposed.
	PendingIn(ctx context.Context, conversation id.Conversation, creator id.User, limit int) (all, own int, err error)

	// Reservation returns a reservation, or fault.NotFound.
	Reservation(ctx context.Context, reservation id.Reservation) (Reservation, error)

	// Hold returns a reservation, or fault.NotFound, and locks it for this unit alone until the
	// unit ends: other units that hold or move it wait, or one of them fails with uow.ErrConflict.
	Hold(ctx context.Context, reservation id.Reservation) (Reservation, error)

	// Move changes the status of a reservation to the status to, and its time of change to at, if
	// the stored status is still r.Status. Of concurrent units that move one reservation from one
	// status, one succeeds. Move uses only the ID, LocalID and Status of r. It returns
	// fault.NotFound if there is no such reservation.
	//
	// Move to Accepted succeeds only if no other accepted reservation of the local overlaps in
	// time. The times are half open: one reservation may start when another one ends. The store
	// makes an overlap impossible, however units interleave. It holds the calendar of the local
	// before the reservation, so that units that accept for one local wait for each other, or one
	// of them fails with uow.ErrConflict.
	Move(ctx context.Context, r Reservation, to Status, at time.Time) (MoveResult, error)

	// Held returns the sum of the tokens of the accepted reservations in which the user is the
	// voyager.
	Held(ctx context.Context, user id.User) (int64, error)

	// InConversation lists up to limit reservations of a conversation, newest first by (created_at,
	// id): those after the given position, or from the newest if after is nil.
	InConversation(ctx context.Context, conversation id.Conversation, after *page.Moment, limit int) ([]Reservation, error)

	// Of lists the reservations of which a user is a participant, of one status ("" for all), paged
	// like InConversation.
	Of(ctx context.Context, user id.User, status Status, after *page.Moment, limit int) ([]Reservation, error)

	// All lists the reservations of all users, of one status ("" for all), paged like
	// InConversation.
	All(ctx context.Context, status Status, after *page.Moment, limit int) ([]Reservation, error)

	// Agenda lists up to limit of the reservations of a user that a selects, by (date, id): those
	// after the given position, or from the first if after is nil.
	Agenda(ctx context.Context, user id.User, a Agenda, after *page.Moment, limit int) ([]Reservation, error)

	// Due lists up to limit accepted reservations whose end date is not after now, by (end_date,
	// id).
	Due(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error)

	// Lapsed lists up to limit pending reservations whose date is not after now, by (date, id).
	Lapsed(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error)
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	messaging.Tx
	Reservations() Repository
}
