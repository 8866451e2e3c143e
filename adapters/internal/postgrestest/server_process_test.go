package postgrestest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// serverProgram is the example server, with a home of its own.
type serverProgram struct {
	path string
	env  []string
}

// run runs a command of the server that ends by itself.
func (s serverProgram) run(t *testing.T, args ...string) ending {
	t.Helper()
	return runProgram(t, programCommand(t.Context(), s.env, s.path, args...))
}

// runningServer is a server that listens.
type runningServer struct {
	cmd    *exec.Cmd
	client *httpapi.Client
	base   string
	said   string // until it listened
	exited chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// serve starts the server on a free port and waits until it says that it listens. It is killed when the test ends.
func (s serverProgram) serve(t *testing.T, args ...string) *runningServer {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &runningServer{exited: make(chan struct{})}
	r.cmd = programCommand(ctx, s.env, s.path, append([]string{"--addr", "localhost:0", "--bcrypt-cost", "4", "--log-level", "debug"}, args...)...)
	r.cmd.Stderr = r
	out, err := r.cmd.StdoutPipe()
	must(t, err)
	must(t, r.cmd.Start())
	read := bufio.NewReader(out)
	for !strings.Contains(r.said, "Ctrl-C") && err == nil {
		var line string
		line, err = read.ReadString('\n')
		r.said += line
	}
	go func() {
		_, _ = io.Copy(io.Discard, read) // until it ends
		_ = r.cmd.Wait()                 // most are killed
		close(r.exited)
	}()
	t.Cleanup(func() {
		stop()
		<-r.exited
		if t.Failed() {
			t.Logf("the server's log:\n%s", r.logged())
		}
	})
	if err != nil {
		t.Fatalf("the server ended instead of listening: %v\n%s", err, r.said)
	}
	_, after, _ := strings.Cut(r.said, "listens on ")
	r.base, _, _ = strings.Cut(after, ",")
	r.client, err = httpapi.NewClient(r.base)
	must(t, err)
	return r
}

// kill ends the server without giving it time for anything.
func (r *runningServer) kill(t *testing.T) {
	t.Helper()
	must(t, r.cmd.Process.Kill())
	<-r.exited
}

// Write implements io.Writer for what the server logs.
func (r *runningServer) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

func (r *runningServer) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}
