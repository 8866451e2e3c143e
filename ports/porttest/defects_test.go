package porttest_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// defect is an adapter that breaks one promise.
type defect struct {
	name  string
	plant plant
	fails []string // the tests of the kit that must find it, as suite/test; there may be others
	says  string   // a part of the output of those tests
}

// TestDefects runs the kit on every defect: the named tests must fail.
func TestDefects(t *testing.T) {
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			v := judged(t, d.name, pattern(d.fails))
			if v.err == nil {
				t.Fatal("the kit passed the store")
			}
			for _, want := range d.fails {
				if !slices.Contains(v.failed, strings.ReplaceAll(want, " ", "_")) {
					t.Errorf("the test %q passed; the failed tests are %q", want, v.failed)
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

// pattern returns the -test.run pattern of these tests of the kit.
func pattern(tests []string) string {
	var suites, names []string
	for _, test := range tests {
		suite, name, _ := strings.Cut(strings.ReplaceAll(test, " ", "_"), "/")
		suites, names = append(suites, suite), append(names, regexp.QuoteMeta(name))
	}
	return "^TestStorage$/^(" + strings.Join(suites, "|") + ")$/^(" + strings.Join(names, "|") + ")$"
}
