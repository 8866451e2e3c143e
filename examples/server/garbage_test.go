package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// goal returns the size of the heap at which garbage is collected next, in bytes.
func goal() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestCollections checks how far the heap may grow after a collection: by leastGrowth while little
// is in use, and as GOGC=100 lets it when there is more, also if that changes again.
func TestCollections(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Cleanup(func() { debug.SetGCPercent(usualPercent) })
	await := func(what string, fits func(used, goal uint64) bool) {
		t.Helper()
		runtime.GC()
		for deadline := time.Now().Add(10 * time.Second); !fits(inUse(), goal()); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("with %s in use, which is %d bytes, garbage is collected at %d", what, inUse(), goal())
			}
		}
	}
	growsEnough := func(used, goal uint64) bool { return goal >= used+leastGrowth-leastHeap && goal <= used+2*leastGrowth }
	collectSeldom()
	await("little", growsEnough)
	const much = 4 * leastGrowth
	held := make([]byte, much)
	await("much", func(used, goal uint64) bool { return used >= much && goal <= 2*used+1<<20 })
	runtime.KeepAlive(held)
	await("little again", growsEnough)
}

func TestPercentOfCollections(t *testing.T) {
	for used, want := range map[uint64]int{
		0: 800, leastHeap: 800, 8 << 20: 400, 10 << 20: 320, 31 << 20: 104, leastGrowth: 100, 200 << 20: 100,
	} {
		if got := percentFor(used); got != want {
			t.Errorf("with %d bytes in use, the percentage is %d, want %d", used, got, want)
		}
	}
}
