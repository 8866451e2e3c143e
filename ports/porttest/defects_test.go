package porttest_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
)

// defect is one thing that an adapter may do wrong.
type defect struct {
	name  string
	plant func(s *memory.Store) ports.Storage
	fails []string // the tests of the kit that must find it, as suite/test; there may be others
}

func defectNamed(t *testing.T, name string) defect {
	t.Helper()
	i := slices.IndexFunc(defects, func(d defect) bool { return d.name == name })
	if i < 0 {
		t.Fatalf("there is no defect %q", name)
	}
	return defects[i]
}

var failure = regexp.MustCompile(`(?m)^ *--- FAIL: TestStorage/(\S+)`)

// TestDefects is the test of the kit: it must fail every adapter that breaks its word, and say where.
func TestDefects(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			// A test that fails fails the process that it is in, so each defect gets its own.
			child := exec.CommandContext(t.Context(), self, "-test.run="+pattern(d.fails), "-test.timeout=2m")
			child.Env = append(os.Environ(), defectVariable+"="+d.name)
			output, err := child.CombinedOutput()
			if err == nil {
				t.Fatal("the kit passed it")
			}
			var failed []string
			for _, match := range failure.FindAllSubmatch(output, -1) {
				failed = append(failed, string(match[1]))
			}
			for _, want := range d.fails {
				if !slices.Contains(failed, strings.ReplaceAll(want, " ", "_")) {
					t.Errorf("the test %q passed it; those that failed: %q", want, failed)
				}
			}
			if t.Failed() {
				t.Logf("%s", output)
			}
		})
	}
}

// pattern chooses these tests of the kit.
func pattern(tests []string) string {
	var suites, names []string
	for _, test := range tests {
		suite, name, _ := strings.Cut(strings.ReplaceAll(test, " ", "_"), "/")
		suites, names = append(suites, suite), append(names, regexp.QuoteMeta(name))
	}
	return "^TestStorage$/^(" + strings.Join(suites, "|") + ")$/^(" + strings.Join(names, "|") + ")$"
}
