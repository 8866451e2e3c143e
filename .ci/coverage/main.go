// Command coverage reads a profile of `go test -coverprofile` and prints the coverage of each
// package and of all packages together. It exits with status 1 if the total is below the given
// percentage.
//
//	coverage 90 core.out
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: coverage PERCENT PROFILE"))
	}
	minimum, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		fail(fmt.Errorf("parse the minimum coverage: %w", err))
	}
	profile, err := os.Open(os.Args[2])
	if err != nil {
		fail(err)
	}
	packages, err := read(profile)
	if err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[2], err))
	}
	if total := write(os.Stdout, packages); total < minimum {
		fail(fmt.Errorf("%.1f %% is below %g %%", total, minimum))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "coverage:", err)
	os.Exit(1)
}
