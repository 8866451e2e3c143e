// Package clock is how Cicerone tells the time: a function, so that tests and hosts can set it, and
// one precision, so that every store gives back exactly what went in.
package clock

import "time"

// Clock tells the present time. It is safe for concurrent use.
type Clock func() time.Time

// System is the machine's clock.
func System() Clock { return func() time.Time { return Trim(time.Now()) } }

// Now is the present time in the precision that is stored.
func (c Clock) Now() time.Time { return Trim(c()) }

// Trim gives t in UTC, cut down to the millisecond, without a monotonic reading.
func Trim(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond).Round(0) }
