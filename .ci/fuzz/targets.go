package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// goPackage is a package with fuzz targets.
type goPackage struct {
	path, dir string
	names     []string // of the targets in its source, sorted
}

// target is a fuzz target, with the test binary that runs it.
type target struct {
	goPackage
	name   string
	binary string
}

func (t target) String() string { return t.path + " " + t.name }

var declaration = regexp.MustCompile(`(?m)^func (Fuzz\w*)\(`)

// find returns the packages of a module that have fuzz targets. It returns an error if there are
// none.
func find(ctx context.Context, module string) ([]goPackage, error) {
	list, err := output(ctx, module, "go", "list", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return nil, err
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var p struct {
			ImportPath, Dir           string
			TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		var names []string
		for _, name := range append(p.TestGoFiles, p.XTestGoFiles...) {
			source, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, fmt.Errorf("look for targets: %w", err)
			}
			for _, found := range declaration.FindAllSubmatch(source, -1) {
				names = append(names, string(found[1]))
			}
		}
		if names != nil {
			slices.Sort(names)
			packages = append(packages, goPackage{path: p.ImportPath, dir: p.Dir, names: names})
		}
	}
	if packages == nil {
		return nil, errors.New("there are no fuzz targets")
	}
	return packages, nil
}

// build builds the package's test binary, instrumented for fuzzing, into a folder. The build tag
// instrumented leaves out what would take long to compile so. build returns an error if the binary
// has other targets than the source.
func (p goPackage) build(ctx context.Context, folder string) ([]target, error) {
	binary := filepath.Join(folder, strings.ReplaceAll(p.path, "/", "_")+".test")
	if _, err := output(ctx, p.dir, "go", "test", "-c", "-fuzz=.", "-tags=instrumented", "-o", binary, "."); err != nil {
		return nil, err
	}
	list, err := output(ctx, p.dir, binary, "-test.list=^Fuzz")
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(list))
	slices.Sort(names)
	if !slices.Equal(names, p.names) {
		return nil, fmt.Errorf("%s would run the targets %q, but its source has %q", p.path, names, p.names)
	}
	targets := make([]target, len(names))
	for i, name := range names {
		targets[i] = target{p, name, binary}
	}
	return targets, nil
}

// output runs a command in a folder and returns what it prints.
func output(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...) // #nosec G204 -- go, or a test binary that it has built
	c.Dir = dir
	var refusal bytes.Buffer
	c.Stderr = &refusal
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strconv.Quote(strings.Join(args, " ")), err, refusal.Bytes(), out)
	}
	return out, nil
}
