package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// cores are the cores that the servers and the generator have for themselves. A nil *cores means
// that they share all.
type cores struct{ all, servers, generator unix.CPUSet }

// newCores halves the cores that this process may use, and moves it to its half, until the test
// ends. If they cannot be halved, it skips the test.
func newCores(t *testing.T) *cores {
	t.Helper()
	var c cores
	must(t, unix.SchedGetaffinity(0, &c.all))
	if c.all.Count() < 2 {
		t.Skip("-apart needs two cores")
	}
	for n := 0; c.servers.Count()+c.generator.Count() < c.all.Count(); n++ {
		switch {
		case !c.all.IsSet(n):
		case c.servers.Count() < c.all.Count()/2:
			c.servers.Set(n)
		default:
			c.generator.Set(n)
		}
	}
	c.keep(t, os.Getpid(), c.generator)
	return &c
}

// keep moves a process until the test ends.
func (c *cores) keep(t *testing.T, pid int, to unix.CPUSet) {
	t.Helper()
	t.Cleanup(func() { must(t, move(pid, c.all)) })
	must(t, move(pid, to))
}

// move moves all threads of a process to a set of cores. New threads are where the one is that
// makes them, so move looks again until it finds no new one. A process that has ended is none.
func move(pid int, to unix.CPUSet) error {
	moved := map[string]bool{}
	for range looks {
		all, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
		if errors.Is(err, os.ErrNotExist) {
			return nil // it has ended
		}
		if err != nil {
			return fmt.Errorf("read the threads of process %d: %w", pid, err)
		}
		before := len(moved)
		for _, entry := range all {
			thread, err := strconv.Atoi(entry.Name())
			if err != nil || moved[entry.Name()] {
				continue
			}
			if err := unix.SchedSetaffinity(thread, &to); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("move thread %d: %w", thread, err)
			}
			moved[entry.Name()] = true
		}
		if len(moved) == before {
			return nil
		}
	}
	return fmt.Errorf("move process %d: it keeps making threads", pid)
}

// place moves a database, which runs already, to the cores of the servers until the test ends: its
// first process and the children of it. A pid of 0 is a database that does not run here.
func (c *cores) place(t *testing.T, pid int) {
	t.Helper()
	if pid == 0 {
		return
	}
	c.keep(t, pid, c.servers) // its next children are there, too
	children, err := childrenOf(pid)
	must(t, err)
	for _, child := range children {
		c.keep(t, child.pid, c.servers)
	}
}

// starting calls start, which starts a server. The server inherits the cores of the thread that
// starts it.
func (c *cores) starting(t *testing.T, start func()) {
	t.Helper()
	if c == nil {
		start()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.SchedSetaffinity(0, &c.servers))
	defer func() { must(t, unix.SchedSetaffinity(0, &c.generator)) }()
	start()
}

// count returns how many cores the servers have.
func (c *cores) count() int {
	if c == nil {
		return runtime.GOMAXPROCS(0)
	}
	return c.servers.Count()
}
