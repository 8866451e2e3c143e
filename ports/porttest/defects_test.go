package porttest_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// defect is one thing that an adapter may do wrong.
type defect struct {
	name  string
	plant plant
	fails []string // the tests of the kit that must find it, as suite/test; there may be others
	says  string   // a part of what those tests print
}

// TestDefects is the test of the kit: it must fail every adapter that breaks its word, and say where.
func TestDefects(t *testing.T) {
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			v := judged(t, d.name, pattern(d.fails))
			if v.err == nil {
				t.Fatal("the kit passed it")
			}
			for _, want := range d.fails {
				if !slices.Contains(v.failed, strings.ReplaceAll(want, " ", "_")) {
					t.Errorf("the test %q passed it; those that failed: %q", want, v.failed)
				}
			}
			if !strings.Contains(v.output, d.says) {
				t.Errorf("the kit did not print %q", d.says)
			}
			if t.Failed() {
				t.Log(v.output)
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
