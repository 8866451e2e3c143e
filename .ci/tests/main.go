// Command tests reads what `go test -json` prints and tells it to a person: a line for each package,
// the output of what failed, what was skipped and why, and the numbers at the end. (`go test` itself
// is silent about skipped tests unless it is told to print everything.)
//
// It exits with 1 where a test or package failed, and where nothing ran at all.
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
