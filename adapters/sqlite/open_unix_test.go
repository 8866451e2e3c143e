//go:build unix

package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
)

func TestNotWritable(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t) // root may write everywhere
		return
	}
	path := empty(t)
	must(t, os.Chmod(path, 0o400))
	refused(t, path, sqlite.Options{}, sqlite.ErrNotWritable)

	folder := t.TempDir()
	must(t, os.Chmod(folder, 0o500))
	refused(t, filepath.Join(folder, "a.db"), sqlite.Options{}, sqlite.ErrNotWritable)
}

func TestFilePermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	defer closeStore(t, s)
	mark(t, s, "written")
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

// asNobody runs this test alone, in a process of the user nobody.
func asNobody(t *testing.T) {
	const nobody = 65534
	folder := t.TempDir()
	must(t, os.Chmod(filepath.Dir(folder), 0o755))
	program, tmp := filepath.Join(folder, "test"), filepath.Join(folder, "tmp")
	must(t, os.Mkdir(tmp, 0o700))
	must(t, os.Chown(tmp, nobody, nobody))
	copyOfThis(t, program)

	c := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	c.Dir, c.Env = tmp, []string{"TMPDIR=" + tmp}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

func copyOfThis(t *testing.T, to string) {
	this, err := os.Executable()
	must(t, err)
	content, err := os.ReadFile(this)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o755))
}
