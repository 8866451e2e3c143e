package clock_test

import (
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
)

// A clock can be any function that returns a time. Services see its time with millisecond
// precision.
func Example() {
	sunrise := time.Date(2026, time.March, 2, 6, 31, 4, 123_456_789, time.FixedZone("CET", 60*60))
	still := clock.Clock(func() time.Time { return sunrise })

	fmt.Println(still.Now().Format(time.RFC3339Nano))
	// Output: 2026-03-02T05:31:04.123Z
}
