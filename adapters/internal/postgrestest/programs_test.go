package postgrestest

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

// buildExamples builds programs of examples into a folder, which it returns.
func buildExamples(t *testing.T, names ...string) string {
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

// programCommand is a program, in an environment without settings that are not ours, and with those that are.
func programCommand(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CICERONE_") }), env...)
	return c
}

// ending is what became of a program.
type ending struct {
	code           int
	stdout, stderr string
}

// String implements fmt.Stringer for failures.
func (e ending) String() string {
	return fmt.Sprintf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
}

// runProgram runs a program that ends by itself.
func runProgram(t *testing.T, c *exec.Cmd) ending {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	return ending{c.ProcessState.ExitCode(), out.String(), errs.String()}
}
