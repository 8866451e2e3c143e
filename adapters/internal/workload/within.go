package workload

import (
	"testing"
	"time"
)

// Within tries something until it succeeds, and fails the test where it does not in time.
func Within(t testing.TB, limit time.Duration, try func() error) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Since(begin) > limit {
			t.Fatalf("not within %v: %v", limit, err)
		}
	}
}
