package servers

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// local is a server of a local binary, which a test may kill and freeze. Its address is the same after each start. Its methods
// fail the test where they do not succeed, so they are called from the test's own goroutine.
type local struct {
	t       testing.TB // nil for a shared server
	home    *home
	port    int
	launch  func() (*process, error) // starts it, and waits until it answers
	process *process                 // nil where it does not run
}

func (l *local) start() (err error) {
	l.process, err = l.launch()
	return err
}

// Start starts a server that does not run, and returns when it answers.
func (l *local) Start() {
	l.t.Helper()
	if l.process != nil {
		l.t.Fatal("the server runs already")
	}
	if err := l.start(); err != nil {
		l.t.Fatal(err)
	}
}

// Kill ends the server with SIGKILL, and returns when its children have let go of the shared memory too, so that it can be
// started again.
func (l *local) Kill() {
	l.t.Helper()
	l.end(syscall.SIGKILL)
}

// Freeze stops all processes of the server where they are (SIGSTOP): connections are still taken, and nothing is answered.
func (l *local) Freeze() {
	l.t.Helper()
	if err := l.running().freeze(); err != nil {
		l.t.Fatal(err)
	}
}

// Thaw lets a frozen server go on.
func (l *local) Thaw() {
	l.t.Helper()
	if err := l.running().thaw(); err != nil {
		l.t.Fatal(err)
	}
}

// Addr is host:port.
func (l *local) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.port)) }

func (l *local) end(signal syscall.Signal) {
	l.t.Helper()
	if err := l.running().end(signal); err != nil {
		l.t.Fatal(err)
	}
	l.process = nil
}

func (l *local) running() *process {
	l.t.Helper()
	if l.process == nil {
		l.t.Fatal("the server does not run")
	}
	return l.process
}

// cleanUp ends the server at once, and says what it had to say where the test has failed.
func (l *local) cleanUp() {
	var err error
	if l.process != nil {
		if l.t.Failed() {
			l.t.Logf("the end of the server's log:\n%s", l.process.lastWords())
		}
		err = l.process.end(syscall.SIGQUIT)
	}
	if err := errors.Join(err, l.home.remove()); err != nil {
		l.t.Error(err)
	}
}
