package sqlitetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
)

const clients = 8

// TestCrash repeatedly kills a process under load with SIGKILL. Afterwards the store has every acknowledged
// command once, no repeated command twice, and breaks no rule.
func TestCrash(t *testing.T) {
	cycles, perStore := 20, 20
	if soak() {
		cycles = 500
	}
	var sum tally
	for sum.cycles < cycles {
		l := newLife(t)
		for range min(perStore, cycles-sum.cycles) {
			l.cycle(&sum)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	t.Attr("counts", fmt.Sprintf("%d cycles, %d acknowledged, %d lost, %d doubled", sum.cycles, sum.acknowledged, sum.lost, sum.doubled))
	if sum.acknowledged < sum.cycles {
		t.Errorf("%d commands acknowledged, want at least one for each of %d cycles", sum.acknowledged, sum.cycles)
	}
}

// TestCrashDuringCreation kills a process while it creates the store.
func TestCrashDuringCreation(t *testing.T) {
	cycles := 10
	if soak() {
		cycles = 200
	}
	for range cycles {
		path := filepath.Join(t.TempDir(), "crash.db")
		child, out := start(t, job{Path: path})
		time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = child.Process.Kill() })
		_, _ = bufio.NewReader(out).ReadString(0) // until the child has ended
		_ = child.Wait()
		o := mustOpen(t, path)
		if _, _, err := o.Populate(context.Background(), 1); err != nil {
			t.Error(err)
		}
		workload.Audit(t, o.Community)
		o.check(t, path)
		o.close(t)
	}
}

type tally struct{ cycles, acknowledged, lost, doubled int }

// life is a store, and the processes that use it one after the other.
type life struct {
	*testing.T
	job job
}

func newLife(t *testing.T) *life {
	l := &life{T: t, job: job{Path: filepath.Join(t.TempDir(), "crash.db"), Next: make([]int, clients)}}
	o := mustOpen(t, l.job.Path)
	defer o.close(t)
	var err error
	if l.job.Admin, l.job.Pairs, err = o.Populate(context.Background(), clients); err != nil {
		t.Fatal(err)
	}
	return l
}

// start starts a child, and returns its standard output.
func start(t *testing.T, j job) (*exec.Cmd, *os.File) {
	t.Helper()
	encoded, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
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

// cycle runs a child until it is killed, and checks the store.
func (l *life) cycle(sum *tally) {
	l.Helper()
	child, out := start(l.T, l.job)
	kill := func() { _ = child.Process.Kill() }
	left := 1 + rand.N(250) // the commands before the child is killed
	if rand.N(5) == 0 {
		time.AfterFunc(rand.N(50*time.Millisecond), kill) // possibly before its first command
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n, command int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &n, &command); err != nil || command != l.job.Next[n] {
			l.Fatalf("the child wrote %q, %v", lines.Text(), err)
		}
		l.job.Next[n]++
		sum.acknowledged++
		if left--; left == 0 {
			kill()
		}
	}
	if err := errors.Join(lines.Err(), out.Close()); err != nil {
		l.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
		l.Fatalf("the child was not killed: it ended with %v", err)
	}
	sum.cycles++
	l.judge(sum)
}

// judge opens the store and checks it.
func (l *life) judge(sum *tally) {
	l.Helper()
	o := mustOpen(l.T, l.job.Path)
	defer o.close(l.T)
	o.check(l.T, l.job.Path)
	v := workload.Judge(l.T, o.Community, l.job.Next)
	sum.lost += v.Lost
	sum.doubled += v.Doubled
}
