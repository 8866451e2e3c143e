package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// leastGrowth is how much the heap grows at least, in bytes, before garbage is collected again.
	leastGrowth = 32 << 20

	usualPercent = 100     // GOGC, unless it is set
	leastHeap    = 4 << 20 // with GOGC=100, the runtime collects no garbage of a smaller heap
)

// collectSeldom lets the heap grow by leastGrowth before garbage is collected again, or by as much
// as is in use if that is more. The runtime lets it grow by as much as is in use, which is a few
// megabytes in most servers, so that a busy one collects many times in a second, for a tenth of its
// CPU time. The limit of the memory holds all the same. The variable GOGC has precedence.
func collectSeldom() {
	if os.Getenv("GOGC") == "" {
		adjustPercent(usualPercent)
	}
}

// adjustPercent sets the percentage of the collector, which is set now, for what is in use, and
// again after each collection.
func adjustPercent(set int) {
	if percent := percentFor(inUse()); percent != set {
		debug.SetGCPercent(percent)
		set = percent
	}
	// The next collection frees the object. The pointer in it keeps it out of the blocks that small
	// objects share.
	runtime.AddCleanup(new(struct{ _ *byte }), adjustPercent, set)
}

// percentFor returns the percentage with which a heap grows by leastGrowth. The runtime multiplies
// its leastHeap with the percentage, too.
func percentFor(inUse uint64) int {
	return int(max(math.Ceil(100*leastGrowth/float64(max(inUse, leastHeap))), usualPercent))
}

// inUse returns what the collector grows the heap in proportion to: what the last collection has
// found, stacks and globals included, in bytes.
func inUse() (bytes uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	for _, s := range samples {
		bytes += s.Value.Uint64()
	}
	return bytes
}
