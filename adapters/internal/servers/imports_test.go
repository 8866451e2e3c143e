package servers_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is the output of `go list -json` for a package.
type listed struct {
	ImportPath                      string
	Deps, TestImports, XTestImports []string
}

// TestImports checks that no public package and no test of one depends on this package or the
// libraries that it uses. Otherwise `go mod tidy` of an importer would download them.
func TestImports(t *testing.T) {
	heavy := []string{
		"github.com/cicerone-go/cicerone/adapters/internal/servers",
		"github.com/testcontainers/", "github.com/ory/dockertest/", "github.com/Shopify/toxiproxy/",
	}
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Deps,TestImports,XTestImports", "./...")
	cmd.Dir = "../../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := map[string][]string{} // of each package of this module
	var importable []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		deps[p.ImportPath] = p.Deps
		if !slices.Contains(strings.Split(p.ImportPath, "/"), "internal") {
			importable = append(importable, p)
		}
	}
	if len(importable) == 0 || len(deps[heavy[0]]) == 0 {
		t.Fatal("the packages were not found")
	}
	for _, p := range importable {
		reached := slices.Concat(p.Deps, p.TestImports, p.XTestImports)
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			reached = append(reached, deps[imported]...)
		}
		for _, path := range reached {
			if slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(path, h) }) {
				t.Errorf("%s or its test depends on %s", p.ImportPath, path)
			}
		}
	}
}
