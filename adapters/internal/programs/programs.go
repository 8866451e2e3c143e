// Package programs builds and runs programs of the module for tests, as their users do.
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

// Build builds programs, given by their folders in the module, into a temporary folder of the test,
// and returns that folder.
func Build(t *testing.T, programs ...string) string {
	t.Helper()
	folder := t.TempDir()
	args := []string{"build", "-o", folder + string(filepath.Separator)}
	for _, program := range programs {
		args = append(args, module+"/"+program)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return folder
}

// Command returns a command for a program. In its environment, env replaces all CICERONE_ variables
// of this process.
func Command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CICERONE_") }), env...)
	return c
}

// Ending is the result of a program that has ended.
type Ending struct {
	Code           int
	Stdout, Stderr string
}

// String returns the result in the form for failures of tests.
func (e Ending) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", e.Code, e.Stdout, e.Stderr)
}

// Run runs a program and waits until it ends.
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
