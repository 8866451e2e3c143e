package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// event is a line of `go test -json` (see `go doc test2json` and `go help buildjson`).
type event struct {
	Action     string
	Package    string
	ImportPath string // of what was being built, instead of Package
	Test       string // empty for what the package as a whole says
	Output     string
	Key, Value string // of an attribute that a test set with T.Attr
}

// test is one test of one package, subtests counting as tests of their own.
type test struct{ pkg, name string }

// skip is a reason for which tests of a package were skipped.
type skip struct{ pkg, why string }

// report gathers the events of a run and writes what a person wants to see of them.
type report struct {
	out                     io.Writer
	output                  map[test][]string // what has not been told yet
	order                   map[string][]test // by package, as they began
	passed, failed, skipped int
	broken                  int // packages that failed, for whatever reason
	skips                   []skip
	skippedBy               map[skip]int
}

func newReport(out io.Writer) *report {
	return &report{
		out:       out,
		output:    make(map[test][]string),
		order:     make(map[string][]test),
		skippedBy: make(map[skip]int),
	}
}

// read takes events until there are no more. A line that is no event is an error: nothing may get lost.
func (r *report) read(in io.Reader) error {
	for dec := json.NewDecoder(in); ; {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading the output of go test -json: %w", err)
		}
		r.take(e)
	}
}

func (r *report) take(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if _, known := r.output[t]; !known {
			r.order[t.pkg] = append(r.order[t.pkg], t)
		}
		r.output[t] = append(r.output[t], e.Output)
	case "attr":
		fmt.Fprintf(r.out, "        %s: %s %s\n", e.Test, e.Key, e.Value)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e.Action, t)
		}
	}
}

func (r *report) endTest(action string, t test) {
	switch action {
	case "pass":
		r.passed++
		r.output[t] = nil
	case "fail":
		r.failed++ // its output is told when the package ends
	case "skip":
		r.skipped++
		s := skip{t.pkg, reason(r.output[t])}
		if r.skippedBy[s] == 0 {
			r.skips = append(r.skips, s)
		}
		r.skippedBy[s]++
		r.output[t] = nil
	}
}

// endPackage tells the package's own last lines and, where it failed, all that was said by tests
// which did not pass: those that failed and those that a panic or the time limit cut off.
func (r *report) endPackage(e event) {
	if e.Action == "fail" {
		r.broken++
	}
	for _, t := range r.order[e.Package] {
		for _, line := range r.output[t] {
			if e.Action == "fail" && !strings.HasPrefix(line, "=== ") || t.name == "" && strings.HasPrefix(line, "ok ") {
				fmt.Fprint(r.out, line)
			}
		}
		delete(r.output, t)
	}
	delete(r.order, e.Package)
}

// summary writes what was skipped and the numbers, and says whether all is well.
func (r *report) summary() bool {
	for _, s := range r.skips {
		fmt.Fprintf(r.out, "SKIP    %s: %d: %s\n", s.pkg, r.skippedBy[s], s.why)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped (tests and subtests)", r.passed, r.failed, r.skipped)
	if r.broken > 0 {
		fmt.Fprintf(r.out, "; packages that failed: %d", r.broken)
	}
	if r.passed+r.failed+r.skipped == 0 {
		fmt.Fprint(r.out, "; there was nothing to run")
	}
	fmt.Fprintln(r.out)
	return r.failed == 0 && r.broken == 0 && r.passed+r.skipped > 0
}

// position is what T.Log and T.Skip put in front of a message.
var position = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reason is what a skipped test said of itself, in one line.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			continue
		}
		said = append(said, strings.TrimSpace(position.ReplaceAllString(line, "")))
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
