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

// said returns what the events of a reservation say. by is the participant who acted, or zero.
func (r Reservation) said(by id.User) events.Reservation {
	return events.Reservation{
		ByID: by, ConversationID: r.ConversationID, CreatorID: r.CreatorID, LocalID: r.LocalID, ReservationID: r.ID,
		VoyagerID: r.VoyagerID,
	}
}

// news returns the data of the event of a reservation that got its status. by is the participant
// who acted, or zero.
func (r Reservation) news(by id.User) events.Data {
	said := r.said(by)
	switch r.Status {
	case Pending:
		return events.ReservationProposed{Reservation: said}
	case Accepted:
		return events.ReservationAccepted{Reservation: said}
	case Declined:
		return events.ReservationDeclined{Reservation: said}
	case Cancelled:
		return events.ReservationCancelled{Reservation: said}
	case Completed:
		return events.ReservationCompleted{Reservation: said}
	default:
		return events.ReservationExpired{Reservation: said}
	}
}

// tell adds the event of a reservation that got its status. by is the participant who acted, or
// zero.
func tell(ctx context.Context, tx Tx, ids id.Source, r Reservation, seq int64, by id.User) error {
	return events.Add(ctx, tx, ids, r.UpdatedAt, seq, r.news(by))
}
