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

// TestCrash kills a process under load with SIGKILL, again and again, and looks at what is left: every command that was
// acknowledged is there once, those that were repeated are not there twice, and no rule is broken.
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
		t.Error("the clients hardly got to work: this proves nothing")
	}
}

// TestCrashWhileItIsMade kills a process while it makes the store.
func TestCrashWhileItIsMade(t *testing.T) {
	cycles := 10
	if soak() {
		cycles = 200
	}
	for range cycles {
		path := filepath.Join(t.TempDir(), "crash.db")
		child, out := start(t, job{Path: path})
		time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = child.Process.Kill() })
		_, _ = bufio.NewReader(out).ReadString(0) // until it has ended
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

// life is one store, and the processes that come and go on it.
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

// start runs a child.
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

// cycle lets a child work until it is killed, and judges what it leaves behind.
func (l *life) cycle(sum *tally) {
	l.Helper()
	child, out := start(l.T, l.job)
	kill := func() { _ = child.Process.Kill() }
	left := 1 + rand.N(250) // until it is killed
	if rand.N(5) == 0 {
		time.AfterFunc(rand.N(50*time.Millisecond), kill) // perhaps before it is at work
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
		l.Fatalf("the child ended by itself: %v", err)
	}
	sum.cycles++
	l.judge(sum)
}

// judge opens the store as the next server will.
func (l *life) judge(sum *tally) {
	l.Helper()
	o := mustOpen(l.T, l.job.Path)
	defer o.close(l.T)
	o.check(l.T, l.job.Path)
	v := workload.Judge(l.T, o.Community, l.job.Next)
	sum.lost += v.Lost
	sum.doubled += v.Doubled
}
