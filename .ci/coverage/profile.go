package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// share has the number of statements, and the number of those that were run.
type share struct{ all, run int }

func (s share) percent() float64 {
	if s.all == 0 {
		return 100 // a package without statements is covered completely
	}
	return 100 * float64(s.run) / float64(s.all)
}

// read sums up a profile by package. Each test binary writes the blocks of all measured packages,
// so a block occurs several times. It counts as run if one of the binaries ran it. Folders named
// internal are skipped, because in core they contain test code.
func read(profile io.Reader) (map[string]share, error) {
	type block struct{ where, statements string }
	run := make(map[block]bool)
	lines := bufio.NewScanner(profile)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mode: ") || strings.Contains(lines.Text(), "/internal/") {
			continue
		}
		fields := strings.Fields(lines.Text()) // file.go:1.2,3.4 statements count
		if len(fields) != 3 {
			return nil, fmt.Errorf("invalid line of a coverage profile: %q", lines.Text())
		}
		b := block{fields[0], fields[1]}
		run[b] = run[b] || fields[2] != "0"
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}

	packages := make(map[string]share)
	for b, ran := range run {
		file, _, _ := strings.Cut(b.where, ":")
		statements, err := strconv.Atoi(b.statements)
		if err != nil {
			return nil, fmt.Errorf("parse the number of statements of %s: %w", b.where, err)
		}
		s := packages[path.Dir(file)]
		s.all += statements
		if ran {
			s.run += statements
		}
		packages[path.Dir(file)] = s
	}
	if len(packages) == 0 {
		return nil, errors.New("the profile has no measured package")
	}
	return packages, nil
}

// write writes the coverage of each package, and returns the total in percent.
func write(out io.Writer, packages map[string]share) float64 {
	var total share
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s := packages[name]
		total.all += s.all
		total.run += s.run
		fmt.Fprintf(out, "%6.1f %%  %s\n", s.percent(), name)
	}
	fmt.Fprintf(out, "%6.1f %%  of %d statements in total\n", total.percent(), total.all)
	return total.percent()
}
