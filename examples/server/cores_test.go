package main_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestCoresAreShared checks that the hashes of passwords take no core from the other goroutines.
func TestCoresAreShared(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]int{"": runtime.GOMAXPROCS(0) + 3, "2": 2} {
		p := startIn(t, []string{"GOMAXPROCS=" + variable}, "--metrics-addr", "localhost:0", "--store", "memory", "--at-once-hashing", "3")
		if line := fmt.Sprintf("go_sched_gomaxprocs_threads %d\n", want); !strings.Contains(scrape(t, p), line) {
			t.Errorf("with GOMAXPROCS=%s, the metrics do not have %s", variable, line)
		}
	}
}
