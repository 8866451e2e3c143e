// Command layers checks who imports whom in this module: core knows the business and nothing else,
// ports is its edge, adapters and transports plug in from outside and never see one another, and only
// wiring and the examples know everything. It reads the imports with `go list` and says of each that
// is not allowed why.
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

// listed is what `go list -json` says of a package.
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
	// Behind this tag stand wire's injectors, whose imports no ordinary build sees.
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
		fail(fmt.Errorf("%d imports or packages out of place", len(wrong)))
	}
	fmt.Printf("layers: %d packages, each in its place\n", len(pkgs))
}

// check applies the rules to packages and their imports.
func check(pkgs []listed) []string {
	var wrong []string
	filled := make(map[string]bool) // folders that hold a package
	roots := make(map[string]bool)  // wiring/<store>: does it wire its store?
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
			wrong = append(wrong, folder+": no package found, so nothing was checked")
		}
	}
	for store, wired := range roots {
		if !wired {
			wrong = append(wrong, fmt.Sprintf("wiring/%s does not import adapters/%s, the store that it is named for", store, store))
		}
	}
	return wrong
}

// checkDeps looks at all that core and ports pull in, however far away.
func checkDeps(deps []listed) []string {
	var wrong []string
	for _, d := range deps {
		allowed := d.Standard || d.Module != nil && (d.Module.Path == module || slices.Contains(pure, d.Module.Path))
		if !allowed {
			wrong = append(wrong, fmt.Sprintf("core or ports depends on %s: only %s may stand behind them", d.ImportPath, strings.Join(pure, ", ")))
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
