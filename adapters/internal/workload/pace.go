package workload

import (
	"sync"
	"testing"
	"time"
)

// PerSecond is how many things clients do in a second, when they do so many together, at least one each. Before the clock runs
// each has done a few.
func PerSecond(t testing.TB, clients, times int, do func(client int) error) float64 {
	t.Helper()
	const before = 10
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
	run(before)
	begin := time.Now()
	run(each)
	return float64(clients*each) / time.Since(begin).Seconds()
}
