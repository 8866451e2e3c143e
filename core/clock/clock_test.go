package clock_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
)

func TestTrim(t *testing.T) {
	rome := time.FixedZone("Rome", 2*60*60)
	for name, test := range map[string]struct{ in, want time.Time }{
		"rounds down": {
			time.Date(2026, 3, 2, 9, 0, 0, 999_999_999, time.UTC), time.Date(2026, 3, 2, 9, 0, 0, 999_000_000, time.UTC),
		},
		"converts to UTC": {
			time.Date(2026, 3, 2, 9, 0, 0, 1_000_000, rome), time.Date(2026, 3, 2, 7, 0, 0, 1_000_000, time.UTC),
		},
		"rounds down before 1970": {
			time.Date(1969, 12, 31, 23, 59, 59, 1_500_000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 1_000_000, time.UTC),
		},
		"zero stays zero": {time.Time{}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			// Compared with ==, so that the zone and the monotonic reading count.
			if got := clock.Truncate(test.in); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestNowIsTrimmed(t *testing.T) {
	now := time.Now()
	c := clock.Clock(func() time.Time { return now })
	if got, want := c.Now(), clock.Truncate(now); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSystem(t *testing.T) {
	before := clock.Truncate(time.Now())
	now := clock.System().Now()
	if after := time.Now(); now.Before(before) || now.After(after) {
		t.Errorf("got %v, want a time from %v to %v", now, before, after)
	}
	if now != clock.Truncate(now) {
		t.Errorf("got %v, which is not trimmed", now)
	}
}
