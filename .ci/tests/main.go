// Command tests reads the output of `go test -json` and prints a report: a line for each package,
// the output of failed tests, the skipped tests with their reasons, and the totals. (Without -v,
// `go test` does not report skipped tests.)
//
// It exits with status 1 if a test or a package failed, and if no test ran.
package main

import (
	"fmt"
	"os"
)

func main() {
	report := newReport(os.Stdout)
	if err := report.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		os.Exit(1)
	}
	if !report.summary() {
		os.Exit(1)
	}
}
