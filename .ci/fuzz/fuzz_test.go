package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// planted returns the folder of a new module with one package. text is the body of its test file.
func planted(t *testing.T, text string) (module string) {
	t.Helper()
	module = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module planted\n\ngo 1.26\n",
		"a/a.go":      "package a\n\nfunc Double(n int) int { return 2 * n }\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\n" + text,
	} {
		path := filepath.Join(module, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return module
}

const (
	holds = "func FuzzHolds(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, n int) { Double(n) })\n}\n"
	fails = "func FuzzFails(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, n int) {\n" +
		"\t\tif Double(n) != 2 {\n\t\t\tt.Error(\"not two\")\n\t\t}\n\t})\n}\n"
)

func TestRun(t *testing.T) {
	for name, test := range map[string]struct{ text, fails, prints string }{
		"a target that holds": {holds, "", " inputs tried"},
		"one that fails":      {holds + fails, "1 of 2 targets failed", "not two"},
		"one that skips":      {"func FuzzSkips(f *testing.F) { f.Skip() }\n", "1 of 1 targets failed", "it did not run"},
		"one that is left out": {
			holds + "func TestMain(*testing.M) {}\n", `would run the targets [], but its source has ["FuzzHolds"]`, "",
		},
		"one that does not build": {"func FuzzTypo(f *testing.F) { f.Ad(1) }\n", "f.Ad undefined", ""},
		"no target":               {"func TestDouble(t *testing.T) {}\n", "there are no fuzz targets", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(t.Context(), planted(t, test.text), settings{duration: 2 * time.Second, jobs: 1}, &out)
			if test.fails == "" && err != nil || test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("got the error %v, want %q", err, test.fails)
			}
			if !strings.Contains(out.String(), test.prints) {
				t.Errorf("got %q, want %q in it", out.String(), test.prints)
			}
		})
	}
}

// TestLate checks that the end of the time is no failure, and that a failure is not hidden by it.
func TestLate(t *testing.T) {
	const last = "fuzz: elapsed: 10s, execs: 1234 (99/sec), new interesting: 5 (total: 17)\n"
	for output, want := range map[string]bool{
		last + "--- FAIL: FuzzFold (10.02s)\n    context deadline exceeded\nFAIL\n":                                     true,
		last + "--- FAIL: FuzzFold (10.02s)\n    context deadline exceeded\n    fold_test.go:9: got x\nFAIL\n":          false,
		last + "--- FAIL: FuzzFold (1.02s)\n    --- FAIL: FuzzFold (0.00s)\n        fold_test.go:9: got x\nFAIL\n":      false,
		last + "--- FAIL: FuzzFold (1.02s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\nFAIL\n": false,
	} {
		if got := late.MatchString(output); got != want {
			t.Errorf("%q: got %v, want %v", output, got, want)
		}
	}
	o := outcome{output: []byte("fuzz: elapsed: 7s, execs: 7 (1/sec), new interesting: 1 (total: 2)\n" + last + "PASS\n")}
	if err := o.read(); err != nil || o.tried != 1234 || o.interesting != 5 || o.corpus != 17 {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, s := range []settings{{duration: 0, jobs: 1}, {duration: -time.Second, jobs: 1}, {duration: time.Second, jobs: 0}} {
		if err := run(t.Context(), t.TempDir(), s, &strings.Builder{}); err == nil {
			t.Errorf("%+v: got no error", s)
		}
	}
}
