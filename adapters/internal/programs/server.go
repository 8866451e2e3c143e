package programs

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Server is the example server, with a temporary home folder.
type Server struct {
	Path string
	Env  []string
}

// NewServer returns the server in a folder that Build returned.
func NewServer(t *testing.T, folder string) Server {
	t.Helper()
	home := t.TempDir()
	return Server{filepath.Join(folder, "server"), []string{"HOME=" + home, "XDG_DATA_HOME=" + home}}
}

// Run runs a command of the server and waits until it ends.
func (s Server) Run(t *testing.T, args ...string) Ending {
	t.Helper()
	return Run(t, Command(t.Context(), s.Env, s.Path, args...))
}

// Serving is a running server.
type Serving struct {
	Base string // the base URL for clients
	GRPC string // the address of gRPC; "" without the flag
	Said string // the output until the server listened

	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	log    bytes.Buffer
}

// Serve starts the server on a free port and waits until it reports that it listens. It is killed
// when the test ends.
func (s Server) Serve(t *testing.T, args ...string) *Serving {
	t.Helper()
	return Serve(t, s.Env, s.Path, append([]string{"--addr", "localhost:0", "--bcrypt-cost", "4", "--log-level", "debug"}, args...)...)
}

// Serve starts a program and waits until it reports on what it listens, in the words of the example
// server. The program is killed when the test ends. env is that of Command.
func Serve(t *testing.T, env []string, program string, args ...string) *Serving {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &Serving{exited: make(chan struct{})}
	r.cmd = Command(ctx, env, program, args...)
	r.cmd.Stderr = r
	out, err := r.cmd.StdoutPipe()
	if err == nil {
		err = r.cmd.Start()
	}
	if err != nil {
		stop()
		t.Fatal(err)
	}
	read := bufio.NewReader(out)
	for !strings.Contains(r.Said, "Ctrl-C") && err == nil {
		var line string
		line, err = read.ReadString('\n')
		r.Said += line
	}
	go func() {
		_, _ = io.Copy(io.Discard, read) // until the server ends
		_ = r.cmd.Wait()                 // returns an error if the server was killed
		close(r.exited)
	}()
	t.Cleanup(func() {
		stop()
		<-r.exited
		if t.Failed() {
			t.Logf("the server's log:\n%s", r.Logged())
		}
	})
	if err != nil {
		t.Fatalf("the server ended instead of listening: %v\n%s", err, r.Said)
	}
	_, after, _ := strings.Cut(r.Said, "listens on ")
	r.Base, _, _ = strings.Cut(after, ",")
	_, after, _ = strings.Cut(r.Said, "gRPC ")
	r.GRPC, _, _ = strings.Cut(strings.TrimSpace(after), "\n")
	return r
}

// PID returns the number of the server's process.
func (r *Serving) PID() int { return r.cmd.Process.Pid }

// Kill kills the server and waits until it has ended.
func (r *Serving) Kill(t *testing.T) {
	t.Helper()
	r.signal(t, os.Kill)
}

// End interrupts the server, as Ctrl-C does, and waits until it has ended. It fails the test if the
// exit code is not 0.
func (r *Serving) End(t *testing.T) {
	t.Helper()
	r.signal(t, os.Interrupt)
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with the exit code %d", code)
	}
}

func (r *Serving) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	<-r.exited
}

// Write implements io.Writer for the log of the server.
func (r *Serving) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

// Logged returns the log of the server up to now.
func (r *Serving) Logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}
