package matchindex

import (
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
)

// Policy is how an Index follows its store.
type Policy struct {
	// MaxStale is how far the index may be behind what other processes have committed; 100 ms to a
	// minute. Beyond that, searches go to the store. It is at least twice LookEvery.
	MaxStale time.Duration

	// LookEvery is how often the index reads the events of the store; 10 ms to half of MaxStale.
	LookEvery time.Duration

	// Patience is how long the store may be unreachable before the index is built anew, because
	// events may have been removed; 1 s to half of events.MinStay.
	Patience time.Duration

	// RetryEvery is the pause before the index is built again after it was lost; 10 ms to an hour.
	RetryEvery time.Duration

	// MaxProfiles bounds the memory, about 150 bytes for each profile: with more, searches go to
	// the store; 1 to 100,000,000.
	MaxProfiles int
}

// DefaultPolicy returns the default policy.
func DefaultPolicy() Policy {
	return Policy{
		MaxStale: 2 * time.Second, LookEvery: 250 * time.Millisecond, Patience: 10 * time.Second,
		RetryEvery: 30 * time.Second, MaxProfiles: 2_000_000,
	}
}

// Check adds an error to f for each field that is out of its range.
func (p Policy) Check(f *fault.Fields) {
	f.Check(p.MaxStale >= 100*time.Millisecond && p.MaxStale <= time.Minute, "MaxStale", "must be 100ms to 1m")
	f.Check(p.LookEvery >= 10*time.Millisecond && p.LookEvery <= p.MaxStale/2, "LookEvery", "must be 10ms to half of MaxStale")
	f.Check(p.Patience >= time.Second && p.Patience <= events.MinStay/2, "Patience", "must be 1s to 30s")
	f.Check(p.RetryEvery >= 10*time.Millisecond && p.RetryEvery <= time.Hour, "RetryEvery", "must be 10ms to 1h")
	f.Check(p.MaxProfiles >= 1 && p.MaxProfiles <= 100_000_000, "MaxProfiles", "must be 1 to 100000000")
}
