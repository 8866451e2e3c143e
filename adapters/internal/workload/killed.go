package workload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Killed is a store, and the processes that use it one after the other until they are killed.
type Killed struct {
	t     *testing.T
	job   Job
	open  func(ctx context.Context, store string) (Opened, error)
	inbox Inbox // of the subscriber in all processes
	sum   *Tally
}

// Tally counts what killed processes have done.
type Tally struct{ Kills, Acknowledged, Lost, Doubled, Events, Repeated int }

// String returns the counts for the report of a test.
func (s Tally) String() string {
	return fmt.Sprintf("%d kills, %d acknowledged, %d lost, %d doubled, %d events, %d handled again",
		s.Kills, s.Acknowledged, s.Lost, s.Doubled, s.Events, s.Repeated)
}

// NewKilled makes clients in an empty store at an address. open opens it, as that of Main does.
func NewKilled(t *testing.T, store string, clients int, open func(ctx context.Context, store string) (Opened, error), sum *Tally) *Killed {
	t.Helper()
	k := &Killed{t: t, job: Job{Store: store, Next: make([]int, clients)}, open: open, sum: sum}
	k.with(func(o Opened) {
		var err error
		if k.job.Admin, k.job.Pairs, err = o.Populate(context.Background(), clients); err != nil {
			t.Fatal(err)
		}
	})
	return k
}

// with opens the store for a function.
func (k *Killed) with(use func(o Opened)) {
	k.t.Helper()
	o, err := k.open(context.Background(), k.job.Store)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() {
		if err := o.Storage.Close(context.Background()); err != nil {
			k.t.Error(err)
		}
	}()
	use(o)
}

// Start starts a child, and returns its standard output.
func Start(t *testing.T, j Job) (*exec.Cmd, *os.File) {
	t.Helper()
	encoded, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childJob+"="+string(encoded))
	child.Stdout, child.Stderr = in, os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return child, out
}

// Cycle runs a process until it is killed with SIGKILL, and checks the store.
func (k *Killed) Cycle() {
	k.t.Helper()
	child, out := Start(k.t, k.job)
	kill := func() { _ = child.Process.Kill() }
	left := 1 + rand.N(250) // the commands before the child is killed
	if rand.N(5) == 0 {
		time.AfterFunc(rand.N(50*time.Millisecond), kill) // possibly before its first command
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if k.hear(lines.Bytes()) {
			continue
		}
		var n, command int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &n, &command); err != nil || command != k.job.Next[n] {
			k.t.Fatalf("the child wrote %q, %v", lines.Text(), err)
		}
		k.job.Next[n]++
		k.sum.Acknowledged++
		if left--; left == 0 {
			kill()
		}
	}
	if err := errors.Join(lines.Err(), out.Close()); err != nil {
		k.t.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
		k.t.Fatalf("the child was not killed: it ended with %v", err)
	}
	k.sum.Kills++
	k.with(func(o Opened) {
		v := Judge(k.t, o.Community, k.job.Next)
		k.sum.Lost += v.Lost
		k.sum.Doubled += v.Doubled
	})
	if k.t.Failed() {
		k.t.FailNow()
	}
}

// hear hands the event in a line to the inbox, and reports whether the line has one.
func (k *Killed) hear(line []byte) bool {
	k.t.Helper()
	e, found, err := heard(line)
	if err != nil {
		k.t.Fatal(err)
	}
	if found {
		_ = k.inbox.Handle(context.Background(), e) // always nil
	}
	return found
}

// End delivers the events that remain, and fails the test unless each change in the store has its
// event, and each event its line in the diary. It reports the counts of the test.
func (k *Killed) End(within time.Duration) {
	k.t.Helper()
	k.with(func(o Opened) {
		defer Deliver(o.Storage, 10*time.Millisecond, k.inbox.Handle, func(err error) { k.t.Log(err) })()
		k.inbox.Judge(k.t, o.Community, within)
		o.Diary.judge(k.t, &k.inbox)
	})
	all, repeated := k.inbox.Counts()
	k.sum.Events += all
	k.sum.Repeated += repeated
}
