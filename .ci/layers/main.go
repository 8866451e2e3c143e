// Command layers checks the imports in this module. core contains the domain and depends on no
// other layer; ports is its interface to stores; adapters and transports depend on core and not on
// each other; only wiring and the examples may import all layers. The command reads the imports
// with `go list`, and prints the reason for each that is not allowed.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// listed is the output of `go list -json` for a package.
type listed struct {
	ImportPath   string
	Standard     bool
	Module       *struct{ Path string }
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func main() {
	pkgs, err := list("./...")
	if err != nil {
		fail(err)
	}
	// The injectors of wire have this build tag. An ordinary build does not contain their imports.
	injectors, err := list("-tags=wireinject", "./...")
	if err != nil {
		fail(err)
	}
	deps, err := list("-deps", "./core/...", "./ports/...")
	if err != nil {
		fail(err)
	}

	wrong := append(check(append(pkgs, injectors...)), checkDeps(deps)...)
	slices.Sort(wrong)
	wrong = slices.Compact(wrong)
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, w)
	}
	if len(wrong) > 0 {
		fail(fmt.Errorf("%d imports or packages are not allowed", len(wrong)))
	}
	fmt.Printf("layers: %d packages, all imports allowed\n", len(pkgs))
}

// check applies the rules to packages and their imports.
func check(pkgs []listed) []string {
	var wrong []string
	filled := make(map[string]bool) // folders that contain a package
	roots := make(map[string]bool)  // for each package wiring/<store>, whether it imports its store
	for _, p := range pkgs {
		from := inModule(p.ImportPath)
		filled[top(from)] = true
		if why := misplaced(p.ImportPath); why != "" {
			wrong = append(wrong, fmt.Sprintf("%s: %s", from, why))
		}
		for _, to := range p.Imports {
			if why := refuse(p.ImportPath, to); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s may not import %s: %s", from, inModule(to), why))
			}
		}
		for _, to := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := refuseAnywhere(p.ImportPath, to); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s may not import %s, not even in a test: %s", from, inModule(to), why))
			}
		}
		if store, ok := strings.CutPrefix(from, "wiring/"); ok && slices.Contains(stores, store) {
			roots[store] = roots[store] || slices.Contains(p.Imports, module+"/adapters/"+store)
		}
	}
	for _, folder := range folders {
		if !filled[folder] {
			wrong = append(wrong, folder+": no package found, so no import was checked")
		}
	}
	for store, wired := range roots {
		if !wired {
			wrong = append(wrong, fmt.Sprintf("wiring/%s does not import its store, adapters/%s", store, store))
		}
	}
	return wrong
}

// checkDeps checks the direct and indirect dependencies of core and ports.
func checkDeps(deps []listed) []string {
	var wrong []string
	for _, d := range deps {
		isPure := slices.ContainsFunc(pure, func(lib string) bool { return under(d.ImportPath, lib) })
		allowed := d.Standard || isPure || d.Module != nil && d.Module.Path == module
		if !allowed {
			wrong = append(wrong, fmt.Sprintf("core or ports depends on %s: they may depend only on %s",
				d.ImportPath, strings.Join(pure, ", ")))
		}
	}
	return wrong
}

func list(args ...string) ([]listed, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Module,Imports,TestImports,XTestImports"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		pkgs = append(pkgs, p)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "layers:", err)
	os.Exit(1)
}
