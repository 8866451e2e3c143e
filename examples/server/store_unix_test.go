//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestUnwritableFolder(t *testing.T) {
	folder := t.TempDir()
	must(t, os.Chmod(folder, 0o555))
	c := command(t, nil, "--store", "sqlite:"+filepath.Join(folder, "a.db"))
	if os.Geteuid() == 0 { // root can write everywhere
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for _, way := range []string{filepath.Dir(folder), filepath.Dir(serverProgram)} {
			must(t, os.Chmod(way, 0o755))
		}
	}
	out, err := c.CombinedOutput()
	if code := c.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), "cannot be written") {
		t.Errorf("exit code %d, %v, %s", code, err, out)
	}
}
