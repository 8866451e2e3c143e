package events

import (
	"math/rand/v2"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Policy is how a relay delivers events.
type Policy struct {
	// LookEvery is how often the relay looks for events that were committed, also by other
	// processes; 10 ms to 1 minute. After a commit in its own process it does not wait so long.
	LookEvery time.Duration

	// Batch is how many events the relay hands to a subscriber before it stores how far the subscriber
	// is; 1 to 1000. If the process crashes, as many events are handled again at most. While the
	// subscriber handles none of the events, the relay stores this about once a second, or every
	// LookEvery if that is longer. If its types change then, it may get those events of its new types.
	Batch int

	// HandleTime is how long a subscriber may handle an event: then its context ends. It is at
	// least 1 ms.
	HandleTime time.Duration

	// Lease is how long a process has a subscription without renewing that. If the process crashes,
	// another one takes over after it. It is at least twice HandleTime, and above the difference
	// between the clocks of the servers.
	Lease time.Duration

	// MaxTries is how often an event may fail before it is set aside, if Subscriber.TryFor does not
	// say more; 1 to 1000.
	MaxTries int

	// MinPause is the maximum of the pause after the first failed attempt. It doubles for each
	// further one, up to MaxPause. Each pause is a random part of its maximum. MinPause is at least
	// 1 ms, and MaxPause at least MinPause.
	MinPause, MaxPause time.Duration

	// BehindAfter is how old the next event of a subscription may be before the subscription is
	// switched off, so that it holds no events; at least 1 minute. A subscription that was added, or
	// told to begin at older events, is not switched off before it had as long to handle them.
	BehindAfter time.Duration

	// Keep is how long events remain that every active subscription has passed, by their time, and
	// then for MinStay after they were numbered; 0 removes them within seconds. Streams resume and
	// Begin returns only to events that remain.
	Keep time.Duration

	// FromOldest makes a new subscriber begin with the oldest event that remains, and not with
	// those that are committed after it was added.
	FromOldest bool
}

// The bounds of a Policy, besides those that its documentation names.
const (
	maxBatch = 1000
	maxTries = 1000
)

// DefaultPolicy returns the default policy.
func DefaultPolicy() Policy {
	return Policy{
		LookEvery: 200 * time.Millisecond, Batch: 100, HandleTime: 10 * time.Second, Lease: 30 * time.Second,
		MaxTries: 10, MinPause: time.Second, MaxPause: 5 * time.Minute, BehindAfter: 7 * 24 * time.Hour,
		Keep: time.Hour,
	}
}

// Check adds an error to f for each field that is out of its range.
func (p Policy) Check(f *fault.Fields) {
	f.Check(p.LookEvery >= 10*time.Millisecond && p.LookEvery <= time.Minute, "LookEvery", "must be 10ms to 1m")
	f.Check(p.Batch >= 1 && p.Batch <= maxBatch, "Batch", "must be 1 to 1000")
	f.Check(p.HandleTime >= time.Millisecond, "HandleTime", "must be at least 1ms")
	f.Check(p.Lease/2 >= p.HandleTime, "Lease", "must be at least twice HandleTime")
	f.Check(p.MaxTries >= 1 && p.MaxTries <= maxTries, "MaxTries", "must be 1 to 1000")
	f.Check(p.MinPause >= time.Millisecond, "MinPause", "must be at least 1ms")
	f.Check(p.MaxPause >= p.MinPause, "MaxPause", "must be at least MinPause")
	f.Check(p.BehindAfter >= time.Minute, "BehindAfter", "must be at least 1m")
	f.Check(p.Keep >= 0, "Keep", "must not be negative")
}

// pause returns how long to wait after so many failed attempts.
func (p Policy) pause(attempts int64) time.Duration {
	ceiling := p.MinPause
	for ; attempts > 1 && ceiling < p.MaxPause; attempts-- {
		ceiling *= 2
	}
	return rand.N(min(ceiling, p.MaxPause)) + 1 // #nosec G404 -- jitter need not be unpredictable
}
