//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestResumeInterruptedCopy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	busyStore(t, from)
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := startCopy(t, from, to)
		must(t, c.cmd.Process.Signal(s))
		code, stderr := c.end()
		if code != 1 || !strings.HasSuffix(stderr, "server: the copy was interrupted: run the same command again to resume it\n") || c.stdout.Len() > 0 {
			t.Errorf("%v: exit code %d, %s", s, code, stderr)
		}
		refusesUnfinished(t, to)
	}
	if code, stdout, stderr := run(t, nil, "copy", "--from", "sqlite:"+from, "--to", "sqlite:"+to); code != 0 {
		t.Errorf("resume: exit code %d\n%s%s", code, stdout, stderr)
	}
	equal(t, from, to)
}

func TestCopyExcludesServers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	from, to := filepath.Join(folder, "from.db"), filepath.Join(folder, "to.db")
	busyStore(t, from)
	c := startCopy(t, from, to)
	must(t, c.cmd.Process.Signal(syscall.SIGSTOP)) // stops it in the middle
	for _, args := range [][]string{
		{"serve", "--addr", "localhost:0", "--store", "sqlite:" + from}, {"serve", "--addr", "localhost:0", "--store", "sqlite:" + to},
		{"copy", "--from", "sqlite:" + from, "--to", "sqlite:" + to},
	} {
		if code, _, stderr := run(t, nil, args...); code != 1 || !strings.Contains(stderr, "another server has this store open") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
	must(t, c.cmd.Process.Signal(syscall.SIGCONT))
	if code, stderr := c.end(); code != 0 {
		t.Errorf("after SIGCONT: exit code %d, %s", code, stderr)
	}
	equal(t, from, to)
}
