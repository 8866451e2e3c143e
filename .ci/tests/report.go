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
	ImportPath string // of the package, in events of a build
	Test       string // empty in events of the whole package
	Output     string
	Key, Value string // of an attribute that a test set with T.Attr
}

// test is one test or subtest of a package.
type test struct{ pkg, name string }

// skip is a reason for which tests of a package were skipped.
type skip struct{ pkg, reason string }

// report collects the events of a run and writes the report.
type report struct {
	out                     io.Writer
	output                  map[test][]string // not written yet
	order                   map[string][]test // by package, in the order of their first output
	passed, failed, skipped int
	broken                  int // packages that failed
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

// read reads all events. It returns an error for a line that is not an event.
func (r *report) read(in io.Reader) error {
	for dec := json.NewDecoder(in); ; {
		var e event
		if err := dec.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the output of go test -json: %w", err)
		}
		r.add(e)
	}
}

func (r *report) add(e event) {
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
		r.failed++ // endPackage writes the output
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

// endPackage writes the last line of the package. If the package failed, it also writes the output
// of the tests that failed, and of those that did not end because of a panic or the time limit.
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

// summary writes the skipped tests and the totals. It reports whether the run succeeded.
func (r *report) summary() bool {
	for _, s := range r.skips {
		fmt.Fprintf(r.out, "SKIP    %s: %d: %s\n", s.pkg, r.skippedBy[s], s.reason)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped (tests and subtests)", r.passed, r.failed, r.skipped)
	if r.broken > 0 {
		fmt.Fprintf(r.out, "; packages that failed: %d", r.broken)
	}
	if r.passed+r.failed+r.skipped == 0 {
		fmt.Fprint(r.out, "; no test ran")
	}
	fmt.Fprintln(r.out)
	return r.failed == 0 && r.broken == 0 && r.passed+r.skipped > 0
}

// position matches the prefix that T.Log and T.Skip write before a message.
var position = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// reason returns the message of a skipped test, in one line.
func reason(output []string) string {
	var messages []string
	for _, line := range output {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- SKIP") {
			continue
		}
		messages = append(messages, strings.TrimSpace(position.ReplaceAllString(line, "")))
	}
	if len(messages) == 0 {
		return "no reason given"
	}
	return strings.Join(messages, " ")
}
