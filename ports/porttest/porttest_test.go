package porttest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// storeVariable names the store on which TestStorage runs the kit, if that is not the memory
// adapter.
const storeVariable = "CICERONE_PORTTEST_STORE"

// plant makes a store from a memory adapter.
type plant = func(s *memory.Store) ports.Storage

// TestStorage runs the kit on the memory adapter, which must pass. Other tests run it in processes
// of their own, on stores that are made from that adapter.
func TestStorage(t *testing.T) {
	plant := func(s *memory.Store) ports.Storage { return s }
	if name := os.Getenv(storeVariable); name != "" {
		plant = plantNamed(t, name)
	}
	porttest.Storage(t, func(*testing.T) ports.Storage { return plant(memory.New()) })
}

// plantNamed returns the plant with a name: that of a defect, that of an unfinished store,
// "nervous", "sends in one step", "accepts in one step", "proposes in one step", "marks in one
// step", or "only" with a list of repositories.
func plantNamed(t *testing.T, name string) plant {
	t.Helper()
	if list, only := strings.CutPrefix(name, "only "); only {
		return having(strings.Split(list, ", ")...)
	}
	switch name {
	case "nervous":
		return nervous
	case "sends in one step":
		return sending(sound)
	case "accepts in one step":
		return moving(movesWell)
	case "proposes in one step":
		return proposing(proposesWell)
	case "marks in one step":
		return marking(marksWell)
	}
	for _, u := range unfinished {
		if u.name == name {
			return u.plant
		}
	}
	for _, d := range defects {
		if d.name == name {
			return d.plant
		}
	}
	t.Fatalf("no store is named %q", name)
	return nil
}

// verdict is the result of running the kit on a store.
type verdict struct {
	output  string
	failed  []string // tests and suites, as suite/test with underscores
	reached []string // tests and suites with any outcome, likewise
	err     error    // nil if all passed
}

var outcome = regexp.MustCompile(`(?m)^ *--- (FAIL|PASS|SKIP): TestStorage/(.+) \(`)

// judged runs tests of the kit in a process of their own, because a failing test fails its process.
func judged(t *testing.T, store, pattern string) verdict {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run="+pattern, "-test.v", "-test.timeout=2m")
	child.Env = append(os.Environ(), storeVariable+"="+store)
	output, err := child.CombinedOutput()
	v := verdict{output: string(output), err: err}
	for _, match := range outcome.FindAllStringSubmatch(v.output, -1) {
		v.reached = append(v.reached, match[2])
		if match[1] == "FAIL" {
			v.failed = append(v.failed, match[2])
		}
	}
	return v
}
