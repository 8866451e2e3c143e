package reservations

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

// proposedSeq is the seq of the event of a new reservation.
const proposedSeq = 1

// remindedSeq is the seq of the event that reminds of an accepted reservation.
const remindedSeq = proposedSeq + 2

// movedSeq returns the seq of the event of a move from a status. No reservation returns to a status.
func (s Status) movedSeq() int64 {
	if s == Pending {
		return proposedSeq + 1
	}
	return remindedSeq + 1
}

// said returns what the events of a reservation say. by is the participant who acted, or zero.
func (r Reservation) said(by id.User) events.Reservation {
	return events.Reservation{
		ByID: by, ConversationID: r.ConversationID, CreatorID: r.CreatorID, LocalID: r.LocalID, ReservationID: r.ID,
		VoyagerID: r.VoyagerID,
	}
}

// tell adds the event of a reservation that got its status. by is the participant who acted, or zero.
func tell(ctx context.Context, tx Tx, ids id.Source, r Reservation, seq int64, by id.User) error {
	said := r.said(by)
	var data events.Data
	switch r.Status {
	case Pending:
		data = events.ReservationProposed{Reservation: said}
	case Accepted:
		data = events.ReservationAccepted{Reservation: said}
	case Declined:
		data = events.ReservationDeclined{Reservation: said}
	case Cancelled:
		data = events.ReservationCancelled{Reservation: said}
	case Completed:
		data = events.ReservationCompleted{Reservation: said}
	default:
		data = events.ReservationExpired{Reservation: said}
	}
	return events.Add(ctx, tx, ids, r.UpdatedAt, seq, data)
}
