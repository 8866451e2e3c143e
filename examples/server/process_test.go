package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// The paths of the programs under test, which TestMain builds.
var serverProgram, journeyProgram string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cicerone-server-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), ".", "../journey")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	serverProgram, journeyProgram = filepath.Join(dir, "server"), filepath.Join(dir, "journey")
	return m.Run()
}

// patience is the time after which a waiting test fails.
const patience = time.Minute

// command returns a command that runs the server, with a home folder of its own, without the
// CICERONE_* variables of the test process, and with env.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	home := t.TempDir()
	c := exec.CommandContext(ctx, serverProgram, args...)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CICERONE_") })
	c.Env = append(c.Env, "HOME="+home, "XDG_DATA_HOME="+home)
	c.Env = append(c.Env, env...)
	return c
}

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	base   string // http://host:port
	said   string // its standard output until it listened
	exited chan struct{}
	err    error // of Wait; set before exited is closed

	mu  sync.Mutex
	log bytes.Buffer
}

// start starts a server on a free port, with the lowest cost of bcrypt, and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startIn(t, nil, args...)
}

// startIn is start with additional environment variables.
func startIn(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return launch(t, command(t, env, append([]string{"--addr", "localhost:0", "--bcrypt-cost", "4"}, args...)...))
}

// launch starts a command that runs the server, and waits until it listens.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, exited: make(chan struct{})}
	p.cmd.Stderr = p
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(out)
	for !strings.Contains(p.said, "Ctrl-C") {
		line, err := read.ReadString('\n')
		p.said += line
		if err != nil {
			t.Fatalf("the server ended: %v\n%s%s", p.cmd.Wait(), p.said, p.logged())
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, read) // until it ends
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	_, after, _ := strings.Cut(p.said, "listens on ")
	p.base, _, _ = strings.Cut(after, ",")
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // most have ended by now
		<-p.exited
		if t.Failed() {
			t.Logf("the server's log:\n%s", p.logged())
		}
	})
	return p
}

// Write implements io.Writer. It collects the log of the server.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) address(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(p.base)
	if err != nil {
		t.Fatalf("the server printed the address %q: %v", p.base, err)
	}
	return u.Host
}

func (p *process) client(t *testing.T) *httpapi.Client {
	t.Helper()
	c, err := httpapi.NewClient(p.base)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait waits until the server has ended, and returns its exit code, or the signal that ended it.
func (p *process) wait(t *testing.T) (code int, killed syscall.Signal) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatal("the server is still running")
	}
	if p.err != nil {
		if _, ok := errors.AsType[*exec.ExitError](p.err); !ok {
			t.Fatal(p.err)
		}
	}
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return -1, status.Signal()
	}
	return p.cmd.ProcessState.ExitCode(), 0
}

// run runs a command until it ends, and returns its exit code and output.
func run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return runWith(t, "", env, args...)
}

// runWith is run with standard input.
func runWith(t *testing.T, stdin string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := command(t, env, args...)
	c.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}
