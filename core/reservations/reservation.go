package reservations

import (
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
)

// Status is where a reservation stands.
type Status string

// The statuses of a reservation.
const (
	Pending   Status = "pending"
	Accepted  Status = "accepted"
	Declined  Status = "declined"
	Cancelled Status = "cancelled"
	Completed Status = "completed"
)

// Valid reports whether the status exists.
func (s Status) Valid() bool {
	switch s {
	case Pending, Accepted, Declined, Cancelled, Completed:
		return true
	}
	return false
}

// MaxTitle is the length of a title in characters.
const MaxTitle = 200

// Reservation is an activity that one participant of a conversation proposed to the other. Its
// voyager pays, whoever proposed or accepted.
type Reservation struct {
	ID             id.Reservation
	ConversationID id.Conversation
	VoyagerID      id.User
	LocalID        id.User
	CreatorID      id.User
	Title          string
	Price          Price
	Tokens         int64 // the price in tokens, fixed when it was made
	Date           time.Time
	EndDate        time.Time
	Status         Status
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Has reports whether a user takes part.
func (r Reservation) Has(user id.User) bool { return user == r.VoyagerID || user == r.LocalID }

// Place is where a reservation stands in a list.
func Place(r Reservation) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }

func (r Reservation) check(now time.Time) error {
	var f fault.Fields
	text.CheckLine(&f, "title", r.Title, 1, MaxTitle)
	if storable(r.Date) {
		f.Check(r.Date.After(now), "date", "must lie in the future")
	} else {
		f.Add("date", "must be a time in the years 1 to 9999")
	}
	if storable(r.EndDate) {
		f.Check(r.EndDate.After(r.Date), "end_date", "must be after date")
	} else {
		f.Add("end_date", "must be a time in the years 1 to 9999")
	}
	return f.Err()
}

func storable(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// The moves below are the table in core/README.md#reservations, from pending and from accepted;
// what they do not allow is a conflict that names the present status.

func (r Reservation) mayBeAccepted(by id.User, now time.Time) error {
	switch {
	case r.Status != Pending || by == r.CreatorID:
		return r.refuse("be accepted", "only the one who did not propose it accepts, while it is pending")
	case !now.Before(r.Date):
		return r.refuse("be accepted", "its date has passed")
	}
	return nil
}

func (r Reservation) mayBeDeclined(by id.User) error {
	if r.Status != Pending || by == r.CreatorID {
		return r.refuse("be declined", "only the one who did not propose it declines, while it is pending")
	}
	return nil
}

func (r Reservation) mayBeCancelled(by id.User, now time.Time) error {
	switch {
	case r.Status == Pending && by == r.CreatorID:
		return nil
	case r.Status == Pending:
		return r.refuse("be cancelled", "while it is pending only the one who proposed it withdraws it")
	case r.Status == Accepted && now.Before(r.Date):
		return nil
	case r.Status == Accepted:
		return r.refuse("be cancelled", "its date has passed")
	}
	return r.refuse("be cancelled", "only a pending or an accepted one is")
}

// due reports whether the reservation is to be settled.
func (r Reservation) due(now time.Time) bool {
	return r.Status == Accepted && !now.Before(r.EndDate)
}

func (r Reservation) refuse(move, why string) error {
	return ErrStatus.WithDetail(fmt.Sprintf("the reservation is %s and cannot %s: %s", r.Status, move, why))
}
