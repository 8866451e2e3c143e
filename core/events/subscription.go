package events

import "time"

// State is the state of a subscription.
type State string

// The states of a subscription.
const (
	Active State = "active" // its events are delivered
	Behind State = "behind" // switched off, because it was too far behind: it has to be told where to begin
	Off    State = "off"    // switched off by the operator
)

// Valid reports whether the state exists.
func (s State) Valid() bool { return s == Active || s == Behind || s == Off }

// MaxName is the maximum length of the name of a subscription, and of the holder of a lease, in
// characters.
const MaxName = 100

// Subscription is how far a subscriber is. One process at a time handles its events: the holder of
// its lease.
type Subscription struct {
	Name      string
	Position  int64 // of the last event that was handled or set aside
	State     State
	Since     time.Time // when it got its state
	Holder    string    // the process that has the lease; "" if none has
	HeldUntil time.Time // the end of the lease; zero if there is none
	Attempts  int64     // failed attempts of the event after Position
	RetryAt   time.Time // when the next attempt is due; zero if there was none
}

// Lease is what the guards of Subscriptions check: the holder has the lease of an active
// subscription whose position is this one. The lease may have ended, if no other holder has taken
// it. A holder is named by a text that no other process has, and no earlier run of the same one.
type Lease struct {
	Name     string
	Holder   string
	Position int64
}

// Leased returns what the guards check for a subscription that Subscriptions.Lease returned.
func (s Subscription) Leased() Lease {
	return Lease{Name: s.Name, Holder: s.Holder, Position: s.Position}
}

// AsideState is the state of an event that is set aside.
type AsideState string

// The states of an event that is set aside.
const (
	Waiting AsideState = "waiting" // for an admin
	Retried AsideState = "retry"   // to be tried again
)

// Valid reports whether the state exists.
func (s AsideState) Valid() bool { return s == Waiting || s == Retried }

// MaxClass is the maximum length of the class of an error, in characters.
const MaxClass = 100

// SetAside is an event that a subscriber could not handle.
type SetAside struct {
	Subscriber string
	Position   int64  // of the event
	Attempts   int64  // how often it has failed
	Class      string // the class of the last error: no text of it, which may be personal
	At         time.Time
	State      AsideState
}

// Place returns the place of the event in a list.
func (e SetAside) Place() AsidePlace { return AsidePlace{e.Subscriber, e.Position} }

// AsidePlace names an event that is set aside. It is also its place in a list.
type AsidePlace struct {
	Subscriber string
	Position   int64
}

// AsideFilter selects events that are set aside. A field with its zero value selects all.
type AsideFilter struct {
	Subscriber string
	State      AsideState
}

// Matches reports whether the filter selects an event.
func (f AsideFilter) Matches(e SetAside) bool {
	return (f.Subscriber == "" || f.Subscriber == e.Subscriber) && (f.State == "" || f.State == e.State)
}
