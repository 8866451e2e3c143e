// Command coverage reads the profile that `go test -coverprofile` wrote and says how much of each
// package, and of all of them together, was run. Where the whole is below the least that was asked
// for it exits with 1.
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
	least, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		fail(fmt.Errorf("the least coverage asked for: %w", err))
	}
	profile, err := os.Open(os.Args[2])
	if err != nil {
		fail(err)
	}
	packages, err := read(profile)
	if err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[2], err))
	}
	if whole := tell(os.Stdout, packages); whole < least {
		fail(fmt.Errorf("%.1f %% is below %g %%", whole, least))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "coverage:", err)
	os.Exit(1)
}
