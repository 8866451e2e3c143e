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

// share is how many statements there are, and how many of them were run.
type share struct{ all, run int }

func (s share) percent() float64 {
	if s.all == 0 {
		return 100 // functions without a statement: nothing was left out
	}
	return 100 * float64(s.run) / float64(s.all)
}

// read adds a profile up by package. Each test binary writes the blocks of all packages measured, so
// a block comes many times over; it counts as run where one of them ran it. What stands in a folder
// called internal is left out: in core that is test code itself.
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
			return nil, fmt.Errorf("not a line of a coverage profile: %q", lines.Text())
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
			return nil, fmt.Errorf("counting the statements of %s: %w", b.where, err)
		}
		s := packages[path.Dir(file)]
		s.all += statements
		if ran {
			s.run += statements
		}
		packages[path.Dir(file)] = s
	}
	if len(packages) == 0 {
		return nil, errors.New("the profile is empty: nothing was measured")
	}
	return packages, nil
}

// tell writes the shares, package by package, and returns that of all together in percent.
func tell(out io.Writer, packages map[string]share) float64 {
	var whole share
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		s := packages[name]
		whole.all += s.all
		whole.run += s.run
		fmt.Fprintf(out, "%6.1f %%  %s\n", s.percent(), name)
	}
	fmt.Fprintf(out, "%6.1f %%  of %d statements in all\n", whole.percent(), whole.all)
	return whole.percent()
}
