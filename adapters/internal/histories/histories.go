// Package histories lets two stores live through the same random histories, side by side: whatever people do, both
// must give the same answers, and hold the same rows in the end. One of them is the reference; the package
// knows neither.
package histories

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/ports"
)

// Open gives a fresh, empty store; who calls it closes it.
type Open func() (ports.Storage, error)

// Runs is how many sequences of commands are run: in every test, and where CICERONE_SOAK is 1.
type Runs struct{ Usual, Soak int }

// steps is how many commands a sequence has at most.
const steps = 40

// Compare runs so many sequences. Where the two stores differ, the test fails with
// the commands up to there, as short as rapid could make them, and the seed that makes them again.
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
