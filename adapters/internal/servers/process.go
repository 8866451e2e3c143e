package servers

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// home is the temporary folder of one server, and the account under which the server runs.
type home struct {
	folder string
	account
}

func newHome() (*home, error) {
	a, err := findAccount()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "cicerone-") // short: the path of a Unix socket has about 100 bytes
	if err != nil {
		return nil, err
	}
	h := &home{folder, a}
	if err := h.give(folder); err != nil {
		return nil, errors.Join(err, h.remove())
	}
	return h, nil
}

// write creates a file that only the server can read.
func (h *home) write(name, content string) (path string, err error) {
	path = filepath.Join(h.folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, h.give(path)
}

func (h *home) remove() error { return os.RemoveAll(h.folder) }

// guarded starts a guard in the background and then replaces itself with the server. The guard
// waits for a line from the test process, which means that the server has ended. If the pipe closes
// without a line, the test process has ended, panicked or been killed: the guard then ends the
// server and removes its folder. The guard is not a child of the server, because a server does not
// expect unknown children. It is in another session, so that Ctrl-C does not reach it.
const guarded = `
server=$$ folder=$1
shift
( (
	exec 4>&- >/dev/null 2>&1
	read -r line <&3 && exit
	kill -CONT $server
	kill -QUIT $server
	tries=0
	while kill -0 $server && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
	kill -KILL $server
	rm -rf "$folder"
) & )
exec "$@" 3<&-
`

// process is a running server and its child processes.
type process struct {
	name   string
	cmd    *exec.Cmd
	leash  *os.File // the pipe to the guard
	alive  *os.File // the process and its children hold the other end; reading returns io.EOF when all have ended
	log    string
	frozen []int // children
}

func (h *home) start(program string, args []string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(h.folder, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	held, leash, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	alive, living, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, log.Close(), held.Close(), leash.Close())
	}
	cmd := exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", guarded, "sh", h.folder, program}, args...)...)
	cmd.Dir = h.folder
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{held, living} // 3 and 4
	cmd.SysProcAttr = h.attributes()
	err = cmd.Start()
	if err := errors.Join(err, log.Close(), held.Close(), living.Close()); err != nil { // the program has its own copies
		return nil, errors.Join(fmt.Errorf("start %s: %w", program, err), leash.Close(), alive.Close())
	}
	return &process{name: filepath.Base(program), cmd: cmd, leash: leash, alive: alive, log: log.Name()}, nil
}

// launch starts a program and waits until ask succeeds.
func (h *home) launch(program string, args []string, ask func(context.Context) error) (*process, error) {
	p, err := h.start(program, args)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); ; { // recovery may take long
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		failed := ask(ctx)
		cancel()
		if failed == nil {
			return p, nil
		}
		gone, err := p.gone(20 * time.Millisecond)
		switch {
		case err != nil:
			return nil, err
		case gone:
			return nil, fmt.Errorf("%s ended before it answered:\n%s", p.name, p.logTail())
		case time.Now().After(end):
			return nil, errors.Join(fmt.Errorf("%s does not answer: %w\n%s", p.name, failed, p.logTail()), p.end(os.Kill))
		}
	}
}

// gone waits until the process and its children have ended, for at most the given time. It reports
// whether they have.
func (p *process) gone(within time.Duration) (bool, error) {
	if err := p.alive.SetReadDeadline(time.Now().Add(within)); err != nil {
		return false, err
	}
	_, err := p.alive.Read(make([]byte, 1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, nil
	case !errors.Is(err, io.EOF):
		return false, fmt.Errorf("wait for a process to end: %w", err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) { // it was killed, or the reason is in its log
		return false, err
	}
	_, err = p.leash.WriteString("ended\n")
	return true, errors.Join(err, p.leash.Close(), p.alive.Close())
}

// end sends a signal that ends the process, and waits until the process and its children have
// ended. It thaws frozen children, because a child has to notice that its parent has ended.
func (p *process) end(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := p.thaw(); err != nil {
		return err
	}
	if gone, err := p.gone(time.Minute); err != nil || gone {
		return err
	}
	return fmt.Errorf("%s or one of its children is still running a minute after signal %v", p.name, signal)
}

// logTail returns the end of the log, at most 4 KiB.
func (p *process) logTail() string {
	const most = 4 << 10
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-most):])
}

// freePort returns a port below those that the system assigns to outgoing connections. Such a port
// remains free while a server restarts, and a client cannot connect to itself while the server is
// down.
func freePort() (int, error) {
	var failed error
	for range 50 {
		port := 20_000 + int(binary.BigEndian.Uint16(randomBytes(2)))%12_000
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		failed = err
	}
	return 0, fmt.Errorf("find a free port: %w", failed)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
