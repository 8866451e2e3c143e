// Package clock provides the current time to Cicerone. A Clock is a function, so that tests and
// hosts can replace it. Times have millisecond precision, so that every store returns exactly the
// time that was saved.
package clock

import "time"

// Clock returns the current time. It is safe for concurrent use.
type Clock func() time.Time

// System returns the clock of the machine.
func System() Clock { return func() time.Time { return Truncate(time.Now()) } }

// Now returns the current time, trimmed as by Truncate.
func (c Clock) Now() time.Time { return Truncate(c()) }

// Truncate returns t in UTC, rounded down to the millisecond, without a monotonic clock reading.
func Truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond).Round(0) }
