//go:build unix

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// startsPrograms reports whether servers can be started from local binaries.
const startsPrograms = true

// account is the user under which servers run. The credential is nil if it is the user of the
// tests.
type account struct{ credential *syscall.Credential }

// findAccount finds an unprivileged user if the tests run as root, because PostgreSQL and PgBouncer
// do not run as root.
func findAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if errors.As(err, new(user.UnknownUserError)) {
			continue
		}
		if err != nil {
			return account{}, err
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return account{}, fmt.Errorf("user %s: %w", name, err)
		}
		return account{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return account{}, errors.New("the tests run as root, and there is no user postgres or nobody to run servers")
}

// give makes the account the owner of a file or folder.
func (a account) give(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// admit lets the account traverse the temporary folders above a path, which only their owner may
// enter.
func (a account) admit(path string) error {
	if a.credential == nil {
		return nil
	}
	top := filepath.Clean(os.TempDir())
	for above := filepath.Dir(path); strings.HasPrefix(above, top+string(filepath.Separator)); above = filepath.Dir(above) {
		info, err := os.Stat(above)
		if err != nil {
			return err
		}
		if err := os.Chmod(above, info.Mode().Perm()|0o011); err != nil {
			return err
		}
	}
	return nil
}

func (a account) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: a.credential, Setsid: true}
}

// freeze suspends the process first, so that it starts no more children, and then its children.
func (p *process) freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	var err error
	if p.frozen, err = p.children(); err != nil {
		return err
	}
	return signalAll(p.frozen, syscall.SIGSTOP)
}

// thaw resumes the process and its children.
func (p *process) thaw() error {
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := signalAll(p.frozen, syscall.SIGCONT)
	p.frozen = nil
	return err
}

func signalAll(pids []int, signal syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%v to process %d: %w", signal, pid, err)
		}
	}
	return nil
}

// children returns the processes that the process has started. It has to search for them, because
// each has its own process group.
func (p *process) children() ([]int, error) {
	out, err := exec.CommandContext(context.Background(), "ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the processes with ps: %w", err)
	}
	var children []int
	for line := range bytes.Lines(out) {
		var pid, parent int
		if _, err := fmt.Sscan(string(line), &pid, &parent); err != nil {
			return nil, fmt.Errorf("ps wrote %q: %w", line, err)
		}
		if parent == p.cmd.Process.Pid {
			children = append(children, pid)
		}
	}
	return children, nil
}
