package reservations

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
)

// Role is the part that a user has in a reservation.
type Role string

// The roles in a reservation.
const (
	AsVoyager Role = "voyager"
	AsLocal   Role = "local"
)

// Agenda selects reservations of a user. A field with its zero value selects all.
type Agenda struct {
	Role   Role
	Status Status
	From   time.Time // those that end after it
	To     time.Time // those that begin before it
}

// Check adds an error to f for each field that is not valid.
func (a Agenda) Check(f *fault.Fields) {
	f.Check(a.Role == "" || a.Role == AsVoyager || a.Role == AsLocal, "role", "must be voyager or local")
	if a.Status != "" {
		a.Status.Check(f)
	}
	f.Check(a.From.IsZero() || inRange(a.From), "from", mustBeInRange)
	f.Check(a.To.IsZero() || inRange(a.To), "to", mustBeInRange)
	f.Check(a.From.IsZero() || a.To.IsZero() || a.To.After(a.From), "to", "must be after from")
}

const mustBeInRange = "must be a time in the years 1 to 9999"

func inRange(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

// PlaceByDate returns the position of a reservation in a list by date.
func PlaceByDate(r Reservation) page.Moment { return page.Moment{At: r.Date, ID: r.ID} }
