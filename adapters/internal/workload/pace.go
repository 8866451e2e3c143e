package workload

import (
	"sync"
	"testing"
	"time"
)

// Unmeasured is the number of calls that each client of PerSecond makes first.
const Unmeasured = 10

// PerSecond returns the number of calls of do per second by concurrent clients. The clients make
// the given number of calls together, at least one each. Each makes Unmeasured calls first that are
// not measured.
func PerSecond(t testing.TB, clients, times int, do func(client int) error) float64 {
	t.Helper()
	each := max(times/clients, 1)
	run := func(each int) {
		var all sync.WaitGroup
		for n := range clients {
			all.Go(func() {
				for range each {
					if err := do(n); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		if t.Failed() {
			t.FailNow()
		}
	}
	run(Unmeasured)
	begin := time.Now()
	run(each)
	return float64(clients*each) / time.Since(begin).Seconds()
}
