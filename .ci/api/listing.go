package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// listing is the exported API as text: Go declarations without bodies, by the package's path in the
// module. It is type-checked for a comparison, so that APIs are compared and not texts.
type listing map[string][]byte

const extension = ".txt"

// readFolder reads a listing from a folder. A folder that does not exist is an empty listing.
func readFolder(dir string) (listing, error) {
	l := listing{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		l[strings.TrimSuffix(filepath.ToSlash(name), extension)] = text
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return listing{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the listing: %w", err)
	}
	return l, nil
}

// readRevision reads the listing of a git revision.
func readRevision(revision, dir string) (listing, error) {
	names, err := git("ls-tree", "-r", "--name-only", revision, "--", dir)
	if err != nil {
		return nil, err
	}
	l := listing{}
	for _, name := range strings.Fields(string(names)) {
		text, err := git("show", revision+":"+name)
		if err != nil {
			return nil, err
		}
		l[strings.TrimSuffix(strings.TrimPrefix(name, dir+"/"), extension)] = text
	}
	return l, nil
}

func git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return out, nil
}

// write replaces the listing in a folder.
func (l listing) write(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("write the listing: %w", err)
	}
	for name, text := range l {
		file := filepath.Join(dir, filepath.FromSlash(name)+extension)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = os.WriteFile(file, text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("write the listing: %w", err)
		}
	}
	fmt.Printf("api: %d packages are listed in %s\n", len(l), dir)
	return nil
}

// differs returns the packages with different texts.
func (l listing) differs(other listing) []string {
	names := maps.Clone(l)
	maps.Copy(names, other)
	maps.DeleteFunc(names, func(name string, _ []byte) bool {
		a, here := l[name]
		b, there := other[name]
		return here && there && bytes.Equal(a, b)
	})
	return slices.Sorted(maps.Keys(names))
}
