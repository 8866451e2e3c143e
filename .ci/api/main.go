// Command api compares the exported API of the public packages with the listing in .github/api, and
// reports each change and which developers' code it breaks. The comparison is that of
// golang.org/x/exp/apidiff.
//
// It exits with status 1 if the code and the listing differ, and if a change is not named in the
// section Unreleased of .github/CHANGELOG.md. With -update it writes the listing, unless the
// changelog lacks a change. With -base it also checks that the changelog names what changed since
// that git revision.
//
//	api [-update] [-base REVISION]
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	module    = "github.com/cicerone-go/cicerone"
	folder    = ".github/api"
	changelog = ".github/CHANGELOG.md"
)

func main() {
	update := flag.Bool("update", false, "write the listing")
	base := flag.String("base", "", "a git revision: the changelog must name the changes since then")
	flag.Parse()
	if err := run(*update, *base); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(update bool, base string) error {
	listed, err := readFolder(folder)
	if err != nil {
		return err
	}
	before := listing{}
	if base != "" {
		if before, err = readRevision(base, folder); err != nil {
			return err
		}
	}
	code, err := load(".", listed, before)
	if err != nil {
		return err
	}
	now, err := code.listing()
	if err != nil {
		return err
	}
	changes, err := code.since(listed)
	if err != nil {
		return err
	}
	unnamed := changes
	if base != "" {
		if unnamed, err = code.since(before); err != nil {
			return err
		}
	}
	news, err := unreleased(changelog)
	if err != nil {
		return err
	}
	missing := news.lacks(append(slices.Clone(changes), unnamed...))

	for _, c := range changes {
		fmt.Println(c)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the section Unreleased of %s does not name: %s", changelog, strings.Join(missing, ", "))
	}
	if update {
		return now.write(folder)
	}
	if stale := now.differs(listed); len(stale) > 0 {
		return fmt.Errorf("%s is not up to date (run make api-update): %s", folder, strings.Join(stale, ", "))
	}
	fmt.Printf("api: %d packages, as listed in %s\n", len(now), folder)
	return nil
}
