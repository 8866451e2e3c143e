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

// These tests steer the server, so they run on the fake alone.

// blow is a way for one command to fail.
type blow struct {
	name string
	mongofake.Fault
}

var (
	cuts = []blow{
		{"cut before it took effect", mongofake.Fault{Cut: mongofake.BeforeEffect}},
		{"cut after it took effect", mongofake.Fault{Cut: mongofake.AfterEffect}},
	}
	stepdown = blow{"refused by a primary that steps down", mongofake.Fault{
		Error: &mongofake.Error{Code: 189, Labels: []string{"TransientTransactionError"}},
	}}
)

// blowsFor are the ways in which the commands of a use case fail. In the small run, the primary steps down only under some.
func blowsFor(u useCase) []blow {
	if soak() || u.Name == "send a message" || u.Name == "accept" {
		return append(slices.Clone(cuts), stepdown)
	}
	return cuts
}

// TestEachCommandFails lets each command of each unit fail, in each way. Whoever is told that something was done finds it done, once;
// whoever is told that it was not finds everything as it was; and with a key, a repeat ends in the one state or the other.
func TestEachCommandFails(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	var all sync.WaitGroup // at once: the driver waits half a second before it looks for a server again
	struck := 0
	for _, u := range useCases {
		if !strings.Contains(u.commands, "commitTransaction") {
			continue
		}
		model := s.scene(t)
		undone := signature(t, model)
		must(t, u.Do(t.Context(), model.Scene, "a-key"))
		done := signature(t, model)
		for n := range strings.Fields(u.commands) {
			for _, b := range blowsFor(u) {
				struck++
				c := s.scene(t)
				all.Go(func() { c.struck(t, s, u, n, b, undone, done) })
			}
		}
	}
	all.Wait()
	t.Attr("counts", fmt.Sprintf("%d commands failed", struck))
}

// struck does a use case whose n-th command fails.
func (c *scene) struck(t *testing.T, s target, u useCase, n int, b blow, undone, done string) {
	what := fmt.Sprintf("%s, command %d, %s", u.Name, n+1, b.name)
	b.Skip = n
	b.Match = c.isMine
	defer s.fake.Inject(b.Fault)()
	err := u.Do(context.Background(), c.Scene, "a-key")
	if err != nil && !errors.Is(err, fault.Unavailable) {
		t.Errorf("%s: %v", what, err)
	}
	switch now := signature(t, c); {
	case err == nil && now != done:
		t.Errorf("%s: it was acknowledged, but differs from what it should be:\n%s", what, difference(now, done))
	case err != nil && now != undone && !errors.Is(err, uow.ErrOutcomeUnknown):
		t.Errorf("%s: it failed (%v), but left something:\n%s", what, err, difference(now, undone))
	case err != nil && now != undone && now != done:
		t.Errorf("%s: half of it is there:\n%s", what, difference(now, done))
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

// isMine reports whether a command belongs to the scene: of its database or, where it ends a transaction, of a session that was
// seen there.
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

// signature is every row of a store, without what differs from one run to the next.
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

// difference lists the lines of one signature that the other has not.
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

// TestLostCommits cuts connections when a commit was done and its answer is on the way: the driver repeats it, and then the adapter does.
func TestLostCommits(t *testing.T) {
	const clients = 50 // at once: the driver waits half a second before it looks for a server again
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
	remove := server.Inject(mongofake.Fault{Command: "commitTransaction", Times: -1, Cut: mongofake.AfterEffect, Match: func(mongofake.Command) bool {
		if left == 0 || rand.N(4) == 0 {
			return false
		}
		if left--; left == 0 {
			close(enough)
		}
		return true
	}})
	defer remove()
	for _, c := range crowds {
		c.Start()
	}
	select {
	case <-enough:
	case <-time.After(10 * time.Minute):
		t.Error("the answers are not all lost after ten minutes")
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
	t.Attr("counts", fmt.Sprintf("%d answers to commits lost, %d commands acknowledged, %d refused as unavailable; %d lost, %d doubled",
		lost, counts.Acknowledged, counts.Unavailable, sum.Lost, sum.Doubled))
}

// TestServerComesAndGoes stops the server under load, with every transaction that is open, and starts it again.
func TestServerComesAndGoes(t *testing.T) {
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
	l.End(fmt.Sprintf("%d times gone", times))
}

// TestNoAnswerToACommit is a commit that nobody ever learns the outcome of.
func TestNoAnswerToACommit(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommitTime = 50 * time.Millisecond
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	unknown := &mongofake.Error{Code: 50, Labels: []string{"UnknownTransactionCommitResult"}}
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: -1, Error: unknown, TakesEffect: true})()
	err := store.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "demo", time.UnixMilli(1)) })
	if !errors.Is(err, uow.ErrOutcomeUnknown) {
		t.Errorf("the unit answered %v", err)
	}
	must(t, store.Run(t.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error {
		if _, marked, err := tx.Marks().Marked(ctx, "demo"); err != nil || !marked {
			t.Errorf("it was committed, and is not there: %v", err)
		}
		return nil
	}))
}

// TestCommitThatIsRefusedAfterwards: what a later attempt to commit is told says nothing of the one whose answer was lost.
func TestCommitThatIsRefusedAfterwards(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommitTime = 2 * time.Second
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: -1, Skip: 2, Error: &mongofake.Error{Code: 13, Message: "not authorized"}})()
	defer server.Inject(mongofake.Fault{Command: "commitTransaction", Times: 2, Cut: mongofake.AfterEffect})() // the driver tries twice
	err := store.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "demo", time.UnixMilli(1)) })
	if !errors.Is(err, uow.ErrOutcomeUnknown) {
		t.Errorf("the unit answered %v", err)
	}
}

// TestConnectionsGivenUp: a server that cannot be reached any more takes along those who wait for a connection to it. They, too, are
// told that they may try again.
func TestConnectionsGivenUp(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.MaxConns = 1
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	defer server.Inject(mongofake.Fault{Command: "find", Times: -1, Delay: 50 * time.Millisecond, Cut: mongofake.BeforeEffect})()
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
			t.Errorf("a read answered %v", err)
		}
	}
}

// TestSilentServer is one that takes commands, and answers none.
func TestSilentServer(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	o := s.fresh(t)
	o.CommandTimeout = 50 * time.Millisecond
	store := s.open(t, o)
	defer func() { must(t, store.Close(context.Background())) }()
	for _, command := range []string{"find", "insert"} {
		remove := server.Inject(mongofake.Fault{Command: command, Times: -1, Delay: 10 * time.Second, Cut: mongofake.BeforeEffect})
		err := store.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error { return tx.Marks().Mark(ctx, "demo", time.UnixMilli(1)) })
		remove()
		if !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("where the server does not answer %s: %v", command, err)
		}
	}
}
