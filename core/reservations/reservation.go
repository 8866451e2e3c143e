package reservations

import (
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
)

// Status is the status of a reservation.
type Status string

// The statuses of a reservation.
const (
	Pending   Status = "pending"
	Accepted  Status = "accepted"
	Declined  Status = "declined"
	Cancelled Status = "cancelled"
	Completed Status = "completed"
	Expired   Status = "expired"
)

// Valid reports whether the status exists.
func (s Status) Valid() bool {
	switch s {
	case Pending, Accepted, Declined, Cancelled, Completed, Expired:
		return true
	}
	return false
}

// Check adds an error to f, on the field status, if the status is not one of the constants.
func (s Status) Check(f *fault.Fields) {
	f.Check(s.Valid(), "status", "must be pending, accepted, declined, cancelled, completed or expired")
}

// MaxTitle is the maximum length of a title in characters.
const MaxTitle = 200

// Reservation is an activity that one participant of a conversation proposed to the other. The
// voyager pays, no matter which of the two proposed it.
type Reservation struct {
	ID             id.Reservation
	ConversationID id.Conversation
	VoyagerID      id.User
	LocalID        id.User
	CreatorID      id.User
	Title          string
	Price          Price
	Tokens         int64 // the price in tokens, at the rate when it was proposed
	Date           time.Time
	EndDate        time.Time
	Status         Status
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Has reports whether a user is a participant.
func (r Reservation) Has(user id.User) bool { return user == r.VoyagerID || user == r.LocalID }

// Place returns the position of a reservation in a list ordered by time of creation.
func Place(r Reservation) page.Moment { return page.Moment{At: r.CreatedAt, ID: r.ID} }

// prepared returns the proposal as it is stored, and adds an error to f for each field that breaks a
// rule at the time now.
func (p Proposal) prepared(f *fault.Fields, now time.Time, policy Policy) Proposal {
	p.Title = text.Line(f, "title", p.Title, text.Required, MaxTitle)
	dated := false
	switch {
	case !p.Date.After(now):
		f.Add("date", "must lie in the future")
	case p.Date.After(now.Add(policy.MaxLead)):
		f.Add("date", "must be at most "+inDays(policy.MaxLead)+" ahead")
	default:
		dated = true
	}
	switch {
	case !p.EndDate.After(p.Date):
		f.Add("end_date", "must be after date")
	case dated && p.EndDate.After(p.Date.Add(policy.MaxLength)):
		f.Add("end_date", "must be at most "+inDays(policy.MaxLength)+" after date")
	}
	return p
}

// inDays formats a duration: in days if it is a whole number of days.
func inDays(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 && d != day {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// The methods below implement the table of moves in core/README.md#reservations. They return
// ErrStatus, with the present status, for a move that is not in the table.

func (r Reservation) mayBeAccepted(by id.User, now time.Time) error {
	switch {
	case r.Status != Pending || by == r.CreatorID:
		return r.refuse("be accepted", "only the participant who did not propose it can accept it, while it is pending")
	case !now.Before(r.Date):
		return r.refuse("be accepted", "its date has passed")
	}
	return nil
}

func (r Reservation) mayBeDeclined(by id.User) error {
	if r.Status != Pending || by == r.CreatorID {
		return r.refuse("be declined", "only the participant who did not propose it can decline it, while it is pending")
	}
	return nil
}

func (r Reservation) mayBeCancelled(by id.User, now time.Time) error {
	switch {
	case r.Status == Pending && by == r.CreatorID:
		return nil
	case r.Status == Pending:
		return r.refuse("be cancelled", "while it is pending, only the participant who proposed it can cancel it")
	case r.Status == Accepted && (now.Before(r.Date) || by == r.LocalID):
		return nil
	case r.Status == Accepted:
		return r.refuse("be cancelled", "its date has passed, after which only the local can cancel it")
	}
	return r.refuse("be cancelled", "only a pending or accepted one can be")
}

// ended reports whether the reservation must be completed at the time now.
func (r Reservation) ended(now time.Time) bool {
	return r.Status == Accepted && !now.Before(r.EndDate)
}

// lapsed reports whether the reservation must expire at the time now.
func (r Reservation) lapsed(now time.Time) bool {
	return r.Status == Pending && !now.Before(r.Date)
}

func (r Reservation) refuse(move, why string) error {
	return ErrStatus.WithDetail(fmt.Sprintf("the reservation is %s and cannot %s: %s", r.Status, move, why))
}
