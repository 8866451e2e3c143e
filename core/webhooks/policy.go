package webhooks

import (
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
)

// Policy is the decisions of a community about webhooks.
type Policy struct {
	MaxEndpoints int           // 0 to MaxEndpoints; default 20
	AllowHTTP    bool          // an address may be http, which anyone on the way can read and change
	KeepSecret   time.Duration // how long a secret is used after its rotation; default 24 hours
	TryFor       time.Duration // the age up to which an event is tried; default 24 hours
}

// MaxEndpoints is the maximum of Policy.MaxEndpoints. Each server has a delivery for each endpoint.
const MaxEndpoints = events.MaxSourced / 10

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy {
	return Policy{MaxEndpoints: 20, KeepSecret: 24 * time.Hour, TryFor: 24 * time.Hour}
}

// Check adds an error to f for each field that is out of its range.
func (p Policy) Check(f *fault.Fields) {
	f.Check(p.MaxEndpoints >= 0 && p.MaxEndpoints <= MaxEndpoints, "MaxEndpoints", "must be 0 to 100")
	f.Check(p.KeepSecret >= 0, "KeepSecret", "must not be negative")
	f.Check(p.TryFor >= 0, "TryFor", "must not be negative")
}
