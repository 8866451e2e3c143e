// Package programs builds and runs the programs of examples as those who use them do, for tests.
package programs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const module = "github.com/cicerone-go/cicerone"

// Build builds programs of examples into a folder of the test's, which it returns.
func Build(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	args := []string{"build", "-o", folder + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, module+"/examples/"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return folder
}

// Command is a program, in an environment without settings that are not ours, and with those that are.
func Command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CICERONE_") }), env...)
	return c
}

// Ending is what became of a program.
type Ending struct {
	Code           int
	Stdout, Stderr string
}

// String implements fmt.Stringer for failures.
func (e Ending) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", e.Code, e.Stdout, e.Stderr)
}

// Run runs a program that ends by itself.
func Run(t *testing.T, c *exec.Cmd) Ending {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	return Ending{c.ProcessState.ExitCode(), out.String(), errs.String()}
}
