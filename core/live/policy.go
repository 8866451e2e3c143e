package live

import (
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
)

// Policy is how streams are served.
type Policy struct {
	// Recent is how many positions before the latest one a stream can resume after; 1 to 1,000,000.
	// Each event of a user takes about 300 bytes of memory.
	Recent int

	// Buffer is how many events wait for a client that reads slowly, before its stream ends; 1 to
	// 100,000.
	Buffer int

	// LookEvery is how often the process looks for events of other processes; 10 ms to half of
	// Patience. If the relay runs in this process, it does not wait so long.
	LookEvery time.Duration

	// CheckEvery is how often the process looks whether the sessions of all streams are still open;
	// 10 ms to half of Patience.
	CheckEvery time.Duration

	// Patience is how long the store may be unreachable before all streams end; 1 s to MinKeep / 2.
	Patience time.Duration

	// Keep is how long the relay keeps events: events.Policy.Keep. It is at least MinKeep.
	Keep time.Duration
}

// MinKeep is the minimum of Policy.Keep.
const MinKeep = events.MinStay

// DefaultPolicy returns the default policy.
func DefaultPolicy() Policy {
	return Policy{
		Recent: 50_000, Buffer: 1000, LookEvery: 250 * time.Millisecond, CheckEvery: 400 * time.Millisecond,
		Patience: 10 * time.Second, Keep: events.DefaultPolicy().Keep,
	}
}

// Check adds an error to f for each field that is out of its range.
func (p Policy) Check(f *fault.Fields) {
	f.Check(p.Recent >= 1 && p.Recent <= 1_000_000, "Recent", "must be 1 to 1000000")
	f.Check(p.Buffer >= 1 && p.Buffer <= 100_000, "Buffer", "must be 1 to 100000")
	f.Check(p.LookEvery >= 10*time.Millisecond && p.LookEvery <= p.Patience/2, "LookEvery", "must be 10ms to half of Patience")
	f.Check(p.CheckEvery >= 10*time.Millisecond && p.CheckEvery <= p.Patience/2, "CheckEvery", "must be 10ms to half of Patience")
	f.Check(p.Patience >= time.Second && p.Patience <= MinKeep/2, "Patience", "must be 1s to 30s")
	f.Check(p.Keep >= MinKeep, "Keep", "must be at least 1m")
}
