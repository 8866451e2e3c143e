package workload

import (
	"testing"
	"time"
)

// Within calls try until it succeeds. It fails the test if it does not succeed within the limit.
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
