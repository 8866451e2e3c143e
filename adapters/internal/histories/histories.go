// Package histories runs the same random sequences of commands on two stores, the reference and the
// store under test. Both must return the same answers and contain the same rows at the end. The
// package does not depend on a particular store.
package histories

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/ports"
)

// Open returns a new empty store. The caller closes it.
type Open func() (ports.Storage, error)

// Runs is the number of sequences of commands: Soak if CICERONE_SOAK is 1, and otherwise Usual.
type Runs struct{ Usual, Soak int }

// steps is the maximum number of steps of a sequence.
const steps = 40

// Compare runs sequences of commands on both stores. If the stores differ, the test fails with the
// commands up to that point, shortened by rapid, and with the seed that reproduces them.
func Compare(t *testing.T, runs Runs, reference, store Open) {
	t.Helper()
	sequences := runs.Usual
	if os.Getenv("CICERONE_SOAK") == "1" {
		sequences = runs.Soak
	}
	setFlag(t, "rapid.checks", fmt.Sprint(sequences))
	setFlag(t, "rapid.nofailfile", "true")
	var commands, refused int
	rapid.Check(t, func(r *rapid.T) {
		h := begin(r, reference, store)
		defer h.end()
		for range rapid.IntRange(steps/2, steps).Draw(r, "steps") {
			h.step()
		}
		h.compareRows()
		h.unlock()
		h.compareRows()
		h.audit()
		commands, refused = commands+h.commands, refused+h.refused
	})
	t.Attr("counts", fmt.Sprintf("%d sequences, %d commands on each store, %d of them refused", sequences, commands, refused))
}

// setFlag sets one of rapid's flags for this test.
func setFlag(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	if f == nil {
		t.Fatalf("rapid has no flag %s", name)
	}
	before := f.Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, before) })
}
