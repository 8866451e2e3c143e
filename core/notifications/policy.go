package notifications

import (
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Policy is when users are mailed.
type Policy struct {
	// MessageDelay is how long a mail about new messages is held back, in which the recipient may
	// read them or come here; 2 min to 24 h. While they read a stream, that is noted about once a minute.
	MessageDelay time.Duration

	// RemindBefore is how long before its date the participants of an accepted reservation are
	// reminded; 1 min to 30 days. One that is accepted later than that has no reminder.
	RemindBefore time.Duration

	// SendEvery is how often Service.Run looks for mail that is due; 10 ms to 1 min.
	SendEvery time.Duration
}

// DefaultPolicy returns the default policy.
func DefaultPolicy() Policy {
	return Policy{MessageDelay: 2 * time.Minute, RemindBefore: 24 * time.Hour, SendEvery: time.Second}
}

// Check adds an error to f for each field that is out of its range.
func (p Policy) Check(f *fault.Fields) {
	f.Check(p.MessageDelay >= 2*time.Minute && p.MessageDelay <= 24*time.Hour, "MessageDelay", "must be 2m to 24h")
	f.Check(p.RemindBefore >= time.Minute && p.RemindBefore <= 30*24*time.Hour, "RemindBefore", "must be 1m to 720h")
	f.Check(p.SendEvery >= 10*time.Millisecond && p.SendEvery <= time.Minute, "SendEvery", "must be 10ms to 1m")
}
