package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// These tests inject faults into the server, so they run on the fake alone.

// failing is a way in which a command fails.
type failing struct {
	name string
	mongofake.Fault
}

var (
	cuts = []failing{
		{"cut before it took effect", mongofake.Fault{Cut: mongofake.BeforeEffect}},
		{"cut after it took effect", mongofake.Fault{Cut: mongofake.AfterEffect}},
	}
	stepdown = failing{"refused by a primary that steps down", mongofake.Fault{
		Error: &mongofake.Error{Code: 189, Labels: []string{"TransientTransactionError"}},
	}}
)

// failuresOf returns the ways in which the commands of a use case fail. Without CICERONE_SOAK=1 the primary
// steps down only in two use cases.
func failuresOf(u useCase) []failing {
	if soak() || u.Name == "send a message" || u.Name == "accept" {
		return append(slices.Clone(cuts), stepdown)
	}
	return cuts
}

// TestEachCommandFails makes each command of each use case that writes fail, in each way. A use case that
// succeeds must have taken effect once. One that fails must have changed nothing, unless its outcome is
// unknown. A repeat with the same key must succeed, and take effect once.
func TestEachCommandFails(t *testing.T) {
	t.Parallel()
	server := startFake(t)
	s := onFake(server)
	var all sync.WaitGroup // concurrently: the driver waits half a second before it selects a server again
	failed := 0
	for _, u := range useCases {
		if !strings.Contains(u.commands, "commitTransaction") {
			continue
		}
		model := s.scene(t)
		undone := signature(t, model)
		must(t, u.Do(t.Context(), model.Scene, "a-key"))
		done := signature(t, model)
		for n := range strings.Fields(u.commands) {
			for _, f := range failuresOf(u) {
				failed++
				c := s.scene(t)
				all.Go(func() { c.fail(t, s, u, n, f, undone, done) })
			}
		}
	}
	all.Wait()
	t.Attr("counts", fmt.Sprintf("%d commands failed", failed))
}

// fail runs a use case while its n-th command fails. undone and done are the signatures before and after it.
func (c *scene) fail(t *testing.T, s target, u useCase, n int, f failing, undone, done string) {
	what := fmt.Sprintf("%s, command %d, %s", u.Name, n+1, f.name)
	f.Skip = n
	f.Match = c.isMine
	defer s.fake.Inject(f.Fault)()
	err := u.Do(context.Background(), c.Scene, "a-key")
	if err != nil && !errors.Is(err, fault.Unavailable) {
		t.Errorf("%s: %v", what, err)
	}
	switch now := signature(t, c); {
	case err == nil && now != done:
		t.Errorf("%s: it succeeded, but the store differs:\n%s", what, difference(now, done))
	case err != nil && now != undone && !errors.Is(err, uow.ErrOutcomeUnknown):
		t.Errorf("%s: it failed (%v), but changed the store:\n%s", what, err, difference(now, undone))
	case err != nil && now != undone && now != done:
		t.Errorf("%s: it took effect in part:\n%s", what, difference(now, done))
	}
	if err != nil && !u.Keyless {
		if err := u.Do(context.Background(), c.Scene, "a-key"); err != nil {
			t.Errorf("%s: a repeat with the key: %v", what, err)
		}
		if now := signature(t, c); now != done {
			t.Errorf("%s: after a repeat with the key:\n%s", what, difference(now, done))
		}
	}
	workload.Audit(t, c.Community)
	must(t, c.store.Close(context.Background()))
	s.drop(t, mongodb.Options{Database: c.database})
}

// isMine reports whether a command belongs to the scene: whether it names the scene's database or, for a
// command that ends a transaction, whether its session has done so before.
func (c *scene) isMine(command mongofake.Command) bool {
	if command.Name == "commitTransaction" || command.Name == "abortTransaction" {
		return c.sessions[command.Session]
	}
	if command.Database != c.database || command.Collection == "servers" {
		return false
	}
	c.sessions[command.Session] = true
	return true
}

// signature returns the rows of a store as text, without the values that differ between runs.
func signature(t testing.TB, c *scene) string {
	t.Helper()
	var lines []string
	err := c.Store.Snapshot(context.Background(), func(ctx context.Context, tx ports.Tx) error {
		lines = nil
		for _, table := range ports.Tables {
			for row, err := range ports.Scan(ctx, tx.Rows(), table, nil, 0) {
				if err != nil {
					return err
				}
				for i, column := range table.Columns {
					if row[i] != nil && (table == ports.IdempotencyRecords && column.Name == "owner" ||
						column.Kind == ports.UUID || column.Kind == ports.Bytes || column.Kind == ports.JSON) {
						row[i] = column.Kind
					}
					if aggregate, ok := row[i].(string); ok && column.Name == "aggregate" {
						row[i], _, _ = strings.Cut(aggregate, "/") // identifiers follow
					}
				}
				lines = append(lines, fmt.Sprint(table.Name, row))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read all rows: %v", err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// difference lists the lines that are in one signature only.
func difference(got, want string) string {
	var d []string
	left := strings.Split(want, "\n")
	for _, line := range strings.Split(got, "\n") {
		if i := slices.Index(left, line); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			d = append(d, "+ "+line)
		}
	}
	for _, line := range left {
		d = append(d, "- "+line)
	}
	return strings.Join(d, "\n")
}

// TestLostCommits cuts connections after a commit and before its reply. The driver repeats the commit, and then
// the adapter does.
func TestLostCommits(t *testing.T) {
	t.Parallel()
	const clients = 50 // concurrent: the driver waits half a second before it selects a server again
	lost := 1000
	if soak() {
		lost = 20_000
	}
	server := startFake(t)
	s := onFake(server)
	var crowds []*workload.Crowd
	for range clients {
		w := s.populated(t, 1)
		crowds = append(crowds, workload.NewCrowd(w.Community, w.admin, w.pairs))
	}
	left, enough := lost, make(chan struct{})
	match := func(mongofake.Command) bool {
		if left == 0 || rand.N(4) == 0 {
			return false
		}
		if left--; left == 0 {
			close(enough)
		}
		return true
	}
	defer server.Inject(mongofake.Fault{
		Command: "commitTransaction", Times: -1, Cut: mongofake.AfterEffect, Match: match,
	})()
	for _, c := range crowds {
		c.Start()
	}
	select {
	case <-enough:
	case <-time.After(10 * time.Minute):
		t.Errorf("fewer than %d replies were lost in ten minutes", lost)
	}
	var counts workload.Counts
	var sum workload.Verdict
	for _, c := range crowds {
		c.Stop(t)
		v := c.Judge(t)
		counts.Acknowledged += c.Counts().Acknowledged
		counts.Unavailable += c.Counts().Unavailable
		sum.Lost, sum.Doubled = sum.Lost+v.Lost, sum.Doubled+v.Doubled
	}
	t.Attr("counts", fmt.Sprintf(
		"%d replies to commits lost, %d commands acknowledged, %d refused as unavailable; %d lost, %d doubled",
		lost, counts.Acknowledged, counts.Unavailable, sum.Lost, sum.Doubled))
}

// TestServerRestarts stops the server under load, which aborts every open transaction, and starts it again.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	times := 5
	if soak() {
		times = 100
	}
	server := startFake(t)
	l := newLife(t, onFake(server))
	for range times {
		l.Work()
		server.Stop()
		must(t, server.Start())
		l.Healed()
	}
	l.End(fmt.Sprintf("%d restarts", times))
}

// mark is a unit that writes one document.
func mark(ctx context.Context, tx ports.Tx) error {
	return tx.Marks().Mark(ctx, "demo", time.UnixMilli(1))
}

// A commit has an unknown outcome if no reply reports one in time.
func TestCommitWithoutOutcome(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommitTime = 50 * time.Millisecond
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	unknown := &mongofake.Error{Code: 50, Labels: []string{"UnknownTransactionCommitResult"}}
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: -1, Error: unknown, TakesEffect: true})()
	if err := store.Run(t.Context(), uow.Write, mark); !errors.Is(err, uow.ErrOutcomeUnknown) {
		t.Errorf("Run = %v, want ErrOutcomeUnknown", err)
	}
	must(t, store.Run(t.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error {
		if _, marked, err := tx.Marks().Marked(ctx, "demo"); err != nil || !marked {
			t.Errorf("Marked = %t, %v after the commit took effect", marked, err)
		}
		return nil
	}))
}

// If the reply to a commit was lost, the refusal of a later attempt does not mean that the first one failed.
func TestRefusedCommitAfterLostReply(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommitTime = 2 * time.Second
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	refused := &mongofake.Error{Code: 13, Message: "not authorized"}
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: -1, Skip: 2, Error: refused})()
	// The driver itself tries twice.
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: 2, Cut: mongofake.AfterEffect})()
	if err := store.Run(t.Context(), uow.Write, mark); !errors.Is(err, uow.ErrOutcomeUnknown) {
		t.Errorf("Run = %v, want ErrOutcomeUnknown", err)
	}
}

// If a server becomes unreachable, the driver clears its pool: units that wait for a connection fail as
// unavailable, too.
func TestClearedPool(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.MaxConns = 1
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	defer server.Inject(mongofake.Fault{
		Command: "find", Times: -1, Delay: 50 * time.Millisecond, Cut: mongofake.BeforeEffect,
	})()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			errs[i] = store.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
				_, _, err := tx.Marks().Marked(ctx, "demo")
				return err
			})
		})
	}
	all.Wait()
	for _, err := range errs {
		if !errors.Is(err, fault.Unavailable) {
			t.Errorf("a read failed with %v, want Unavailable", err)
		}
	}
}

// A server that does not reply is unreachable.
func TestSilentServer(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommandTimeout = 50 * time.Millisecond
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	for _, command := range []string{"find", "insert"} {
		remove := server.Inject(mongofake.Fault{
			Command: command, Times: -1, Delay: 10 * time.Second, Cut: mongofake.BeforeEffect,
		})
		err := store.Run(t.Context(), uow.Write, mark)
		remove()
		if !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("Run = %v without a reply to %s, want ErrUnreachable", err, command)
		}
	}
}

// TestCommandArrivesAfterAbort ends the context of a unit while its command is on the way. The server receives the
// abort first. If the late command began the transaction again, its locks would last until the server's time limit.
func TestCommandArrivesAfterAbort(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	store := s.open(t, s.fresh(t))
	defer func() { must(t, store.Close(context.Background())) }()
	const late = 300 * time.Millisecond
	server.Inject(mongofake.Fault{Command: "insert", Delay: late, Late: true})
	ctx, cancel := context.WithTimeout(t.Context(), late/6)
	defer cancel()
	if err := store.Run(ctx, uow.Write, mark); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run = %v, want DeadlineExceeded", err)
	}
	time.Sleep(2 * late) // until the command has arrived
	if err := store.Run(t.Context(), uow.Write, mark); err != nil {
		t.Errorf("the next unit failed with %v", err)
	}
}
