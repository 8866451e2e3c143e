package mongofake_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The fake is test code: no importable package may depend on it or on its library.
func TestNoImportablePackageDependsOnFake(t *testing.T) {
	const module = "github.com/cicerone-go/cicerone"
	list := func(args ...string) []string {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = "../../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		return strings.Fields(string(out))
	}
	importable := slices.DeleteFunc(list("./..."), func(path string) bool {
		return slices.Contains(strings.Split(path, "/"), "internal")
	})
	if len(importable) == 0 {
		t.Fatal("no packages found")
	}
	for _, path := range list(append([]string{"-deps"}, importable...)...) {
		if strings.HasPrefix(path, module+"/adapters/internal/mongofake") ||
			strings.HasPrefix(path, "github.com/256dpi/lungo") {
			t.Errorf("an importable package depends on %s", path)
		}
	}
}
