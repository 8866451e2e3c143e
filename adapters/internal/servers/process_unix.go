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

// startsPrograms is whether servers can be started from local binaries.
const startsPrograms = true

// account is the user that servers run as, where it is another than the tests'.
type account struct{ credential *syscall.Credential }

// findAccount finds an unprivileged user for root, since PostgreSQL and PgBouncer refuse to run as root.
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
	return account{}, errors.New("the tests run as root, and there is neither a user postgres nor nobody to run servers as")
}

// give makes a file or folder the account's own.
func (a account) give(path string) error {
	if a.credential == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// admit lets the account pass through the temporary folders above a path, which are closed to all but their owner.
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

// freeze stops the process, so that it starts no more children, and then those that it has.
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

// thaw lets them all go on.
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

// children are the processes that the process has started. Each has a process group of its own, so they are asked for.
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
