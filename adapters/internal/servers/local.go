package servers

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// local is a server that runs from a local binary, and which a test may kill and freeze. Its
// address is the same after each start. Its methods fail the test on an error, so they must be
// called from the goroutine of the test.
type local struct {
	t       testing.TB // nil for a shared server
	home    *home
	port    int
	launch  func() (*process, error) // starts the server and waits until it answers
	process *process                 // nil if the server is not running
}

func (l *local) start() (err error) {
	l.process, err = l.launch()
	return err
}

// Start starts the server, which must not be running, and returns when it answers.
func (l *local) Start() {
	l.t.Helper()
	if l.process != nil {
		l.t.Fatal("the server is already running")
	}
	if err := l.start(); err != nil {
		l.t.Fatal(err)
	}
}

// Kill ends the server with SIGKILL. It returns when the children of the server have ended, too,
// and released the shared memory, so that the server can be started again.
func (l *local) Kill() {
	l.t.Helper()
	l.end(syscall.SIGKILL)
}

// Freeze suspends all processes of the server with SIGSTOP. The system still accepts connections,
// and the server does not answer.
func (l *local) Freeze() {
	l.t.Helper()
	if err := l.running().freeze(); err != nil {
		l.t.Fatal(err)
	}
}

// Thaw resumes a frozen server.
func (l *local) Thaw() {
	l.t.Helper()
	if err := l.running().thaw(); err != nil {
		l.t.Fatal(err)
	}
}

// Addr returns the address of the server as host:port.
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
		l.t.Fatal("the server is not running")
	}
	return l.process
}

// cleanUp ends the server immediately. If the test has failed, it prints the end of the server's
// log.
func (l *local) cleanUp() {
	var err error
	if l.process != nil {
		if l.t.Failed() {
			l.t.Logf("the end of the server's log:\n%s", l.process.logTail())
		}
		err = l.process.end(syscall.SIGQUIT)
	}
	if err := errors.Join(err, l.home.remove()); err != nil {
		l.t.Error(err)
	}
}
