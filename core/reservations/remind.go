package reservations

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
)

// Remind says that the date of an accepted reservation is near, inside a unit of work, if the date is
// after now. first is called when the unit holds the reservation, and reports whether it is the first
// time; if it is not, Remind does nothing. Events get their identifiers from ids.
func Remind(ctx context.Context, tx Tx, ids id.Source, reservation id.Reservation, now time.Time, first func() (bool, error)) error {
	r, err := tx.Reservations().Hold(ctx, reservation)
	if err != nil {
		return fmt.Errorf("hold a reservation: %w", err)
	}
	if done, err := first(); err != nil || !done || r.Status != Accepted || !now.Before(r.Date) {
		return err
	}
	return events.Add(ctx, tx, ids, now, remindedSeq, events.ReservationReminded{Reservation: r.said(id.User{})})
}
