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
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
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
		o.audit(t, path)
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
	o.audit(l.T, l.job.Path)
	there := l.effects(o)
	for client, next := range l.job.Next {
		for n := range next + 1 { // the last may or may not have been done
			times := there[string(keyOf(client, n))]
			if times == 0 && n < next {
				sum.lost++
				l.Errorf("client %d's command %d was acknowledged, and is lost", client, n)
			}
			if times > 1 {
				sum.doubled++
				l.Errorf("client %d's command %d was done %d times", client, n, times)
			}
		}
	}
}

// effects counts what the commands did, by their keys.
func (l *life) effects(o *opened) map[string]int {
	l.Helper()
	there := map[string]int{}
	proposals := map[string]string{} // keys by what the ledger calls the reservation
	rows := func(table *ports.Table, each func(value func(column string) any)) {
		if err := eachRow(o, table, each); err != nil {
			l.Fatal(err)
		}
	}
	rows(ports.Messages, func(value func(string) any) { there[value("content").(string)]++ })
	rows(ports.Reservations, func(value func(string) any) {
		title := value("title").(string)
		there[title]++
		proposals[fmt.Sprintf(`{"reservation_id":"%s"}`, uuid(value("id")))] = title
		if s := value("status"); s != string(reservations.Pending) && s != string(reservations.Accepted) && s != string(reservations.Cancelled) {
			l.Errorf("a reservation is %v", s)
		}
	})
	rows(ports.TokenTransactions, func(value func(string) any) {
		proposal, ours := proposals[value("metadata").(string)]
		switch value("type") {
		case "BONUS":
			there[value("reason").(string)]++
		case "ACTIVITY_PAYMENT":
			there[following(proposal, 1)]++
		case "REFUND":
			there[following(proposal, 2)]++
		default:
			return
		}
		if value("type") != "BONUS" && !ours {
			l.Errorf("a transaction names no reservation: %v", value("metadata"))
		}
	})
	return there
}

// following is the key of a later command of the same client.
func following(key string, by int) string {
	at := strings.LastIndexByte(key, '-')
	var n int
	if _, err := fmt.Sscan(key[at+1:], &n); err != nil {
		return ""
	}
	return fmt.Sprintf("%s-%d", key[:at], n+by)
}

func uuid(v any) string {
	b, _ := v.([16]byte)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func eachRow(o *opened, table *ports.Table, each func(value func(column string) any)) error {
	return o.Store.Snapshot(context.Background(), func(ctx context.Context, tx ports.Tx) error {
		var after []any
		for {
			rows, err := tx.Rows().Read(ctx, table, after, 1000)
			if err != nil {
				return err
			}
			for _, row := range rows {
				each(func(column string) any {
					for i, c := range table.Columns {
						if c.Name == column {
							return row[i]
						}
					}
					panic("no such column: " + column)
				})
				after = row[:table.Key]
			}
			if len(rows) < 1000 {
				return nil
			}
		}
	})
}
