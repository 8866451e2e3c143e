package main_test

import (
	"fmt"
	"regexp"
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

// TestGarbageIsCollectedSeldom checks that a small server lets its heap grow, and that GOGC has
// precedence.
func TestGarbageIsCollectedSeldom(t *testing.T) {
	t.Parallel()
	for variable, percent := range map[string]string{"": "[2-8][0-9][0-9]", "50": "50"} {
		p := startIn(t, []string{"GOGC=" + variable}, "--metrics-addr", "localhost:0", "--store", "memory")
		line := regexp.MustCompile("(?m)^go_gc_gogc_percent " + percent + "$")
		if said := scrape(t, p); !line.MatchString(said) {
			t.Errorf("with GOGC=%s, the metrics do not have %s", variable, line)
		}
	}
}
