package reservations

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/page"
)

// Role is the role of a participant in a reservation.
type Role string

// The roles in a reservation.
const (
	AsVoyager Role = "voyager"
	AsLocal   Role = "local"
)

// Agenda selects reservations of one user. A field with its zero value selects all.
type Agenda struct {
	Role   Role // of the user
	Status Status
	From   time.Time // selects those that end after it
	To     time.Time // selects those that begin before it; after From
}

// Check adds an error to f for each field that breaks a rule.
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

// PlaceByDate returns the position of a reservation in a list ordered by date.
func PlaceByDate(r Reservation) page.Moment { return page.Moment{At: r.Date, ID: r.ID} }
