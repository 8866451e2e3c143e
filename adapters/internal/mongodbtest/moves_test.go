package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// payments returns how many lines the ledger has for moves of reservations.
func payments(t *testing.T, s target, database string) int64 {
	t.Helper()
	of := bson.D{{Key: "type", Value: bson.D{{Key: "$in", Value: bson.A{string(tokens.ActivityPayment), string(tokens.Refund)}}}}}
	n, err := s.client(t).Database(database).Collection("token_transactions").CountDocuments(t.Context(), of)
	must(t, err)
	return n
}

// TestMovesThatConflict makes the first write of each document of a move conflict. The move is then
// tried again, in one step, and takes effect once.
func TestMovesThatConflict(t *testing.T) {
	t.Parallel()
	server := startFake(t)
	s := onFake(server)
	for _, u := range useCases {
		if u.Name != "accept" && u.Name != "cancel" {
			continue
		}
		for _, at := range []string{"idempotency_records", "calendars", "reservations", "wallets", "token_transactions", "outbox"} {
			if u.Name == "cancel" && at == "calendars" {
				continue
			}
			t.Run(u.Name+"/"+at, func(t *testing.T) {
				c, seen := s.scene(t), &commands{}
				before := payments(t, s, c.database)
				conflict := mongofake.Fault{Error: &mongofake.Error{Code: 112, Labels: []string{"TransientTransactionError"}}}
				conflict.Match = func(one mongofake.Command) bool {
					return one.Database == c.database && one.Collection == at && one.Name != "aggregate"
				}
				defer server.Inject(conflict)()
				defer server.Observe(seen.add)()
				must(t, u.Do(t.Context(), c.Scene, "a-key"))
				begun := 0
				for _, one := range seen.take() {
					if one.Database == c.database && one.Name == "aggregate" && one.StartTransaction {
						begun++
					}
				}
				if begun != 2 {
					t.Errorf("the move was tried %d times in one step, want 2", begun)
				}
				if n := payments(t, s, c.database) - before; n != 1 {
					t.Errorf("the ledger has %d lines more, want 1", n)
				}
				workload.Audit(t, c.Community)
			})
		}
	}
}

// TestMoveOfUnknownOutcome makes the server answer no commit of a move, which takes effect.
func TestMoveOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]idempotency.Key{"without a key": "", "with a key": "a-key"} {
		t.Run(name, func(t *testing.T) {
			server := startFake(t)
			s := onFake(server)
			c := s.scene(t)
			store := s.open(t, mongodb.Options{Database: c.database, CommitTime: 50 * time.Millisecond})
			defer func() { must(t, store.Close(context.Background())) }()
			over := *c.Scene
			over.Community = community.New(store, c.Clock, id.NewGenerator(nil), uow.Policy{})
			commits := 0
			stop := server.Inject(mongofake.Fault{
				Command: "commitTransaction", Times: -1, TakesEffect: true,
				Error: &mongofake.Error{Code: 50, Labels: []string{"UnknownTransactionCommitResult"}},
				Match: func(mongofake.Command) bool { commits++; return true },
			})
			v, err := over.Reservations.Accept(t.Context(), c.Local, c.Pending, key)
			stop()
			switch {
			case commits < 2:
				t.Errorf("the commit was sent %d times, want several", commits)
			case key == "" && !errors.Is(err, uow.ErrOutcomeUnknown):
				t.Errorf("Accept returned %v, want ErrOutcomeUnknown", err)
			case key != "" && (err != nil || v.Status != reservations.Accepted):
				t.Errorf("Accept returned %v and %v, want what the key keeps", v.Status, err)
			}
			if _, err := c.Reservations.Accept(t.Context(), c.Local, c.Pending, ""); !errors.Is(err, reservations.ErrStatus) {
				t.Errorf("another acceptance returned %v, want ErrStatus", err)
			}
			if n := payments(t, s, c.database); n != 2 { // one was there
				t.Errorf("the ledger has %d payments, want 2", n)
			}
			workload.Audit(t, c.Community)
		})
	}
}

// TestOverlapsInTwoProcesses accepts reservations of one local that overlap through two stores, in
// one step. The calendar of the local lets one of them through, also when it has no document yet.
func TestOverlapsInTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, start := range twoProcesses {
		t.Run(name, func(t *testing.T) {
			one, other := start(t)
			w := one.populated(t, 12)
			store := other.open(t, mongodb.Options{Database: w.database})
			t.Cleanup(func() { must(t, store.Close(context.Background())) })
			over := []*community.Community{
				community.New(w.store, w.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute}),
				community.New(store, w.clock, id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute}),
			}
			for i, p := range w.pairs {
				// Two voyagers, so that the two acceptances share the calendar alone.
				talk, err := w.Messaging.Open(t.Context(), w.pairs[(i+1)%len(w.pairs)].Voyager, p.Local, "")
				must(t, err)
				both := [2]reservations.Reservation{w.propose(t, p.Voyager, p.Talk, 0), w.propose(t, talk.Overview.Conversation.VoyagerID,
					talk.Overview.Conversation.ID, 30*time.Minute)}
				var errs [2]error
				var done sync.WaitGroup
				for n, r := range both {
					done.Go(func() {
						_, errs[n] = over[n].Reservations.Accept(t.Context(), p.Local, r.ID, idempotency.Key(fmt.Sprint("key-", n)))
					})
				}
				done.Wait()
				onlyOne(t, errs[0], errs[1])
			}
			workload.Audit(t, w.Community)
		})
	}
}

// TestOverlapBeforeTheCalendar accepts a reservation while the acceptance of another one that
// overlaps has read that the local is free, and does not yet have the calendar.
func TestOverlapBeforeTheCalendar(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) target{
		"a replica set": func(t *testing.T) target { return onFake(startFake(t)) },
		"one mongos":    func(t *testing.T) target { one, _ := startCluster(t, mongofake.Config{}); return one },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			w := s.populated(t, 1)
			p := w.pairs[0]
			one, other := w.propose(t, p.Voyager, p.Talk, 0), w.propose(t, p.Voyager, p.Talk, 30*time.Minute)
			store := s.open(t, mongodb.Options{Database: w.database})
			t.Cleanup(func() { must(t, store.Close(context.Background())) })
			elsewhere := community.New(store, w.clock, id.NewGenerator(nil), uow.Policy{})
			began, done := make(chan struct{}), make(chan error, 1)
			defer s.fake.Inject(mongofake.Fault{
				Command: "findAndModify", Delay: 500 * time.Millisecond,
				Match: func(c mongofake.Command) bool {
					if c.Collection == "calendars" {
						close(began)
					}
					return c.Collection == "calendars"
				},
			})()
			go func() {
				_, err := w.Reservations.Accept(context.Background(), p.Local, one.ID, "")
				done <- err
			}()
			<-began
			_, second := elsewhere.Reservations.Accept(t.Context(), p.Local, other.ID, "")
			onlyOne(t, <-done, second)
		})
	}
}

// onlyOne fails the test unless one of two acceptances of reservations that overlap has succeeded.
func onlyOne(t *testing.T, one, other error) {
	t.Helper()
	if one == nil {
		one, other = other, one
	}
	if other != nil || !errors.Is(one, reservations.ErrOverlap) {
		t.Errorf("two acceptances that overlap returned %v and %v", other, one)
	}
}

// propose makes a proposal of an hour that begins after a time from tomorrow on.
func (w *town) propose(t *testing.T, by id.User, in id.Conversation, after time.Duration) reservations.Reservation {
	t.Helper()
	price, err := reservations.ParsePrice("1.00")
	must(t, err)
	begins := w.clock.Now().Add(24*time.Hour + after)
	v, err := w.Reservations.Propose(t.Context(), by, in,
		reservations.Proposal{Title: "a walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, "")
	must(t, err)
	return v.Reservation
}

// TestMoveAfterAWait accepts a reservation while another unit of the process has the calendar of
// its local. The transaction begins again behind that unit, and sees the reservation that it
// accepted.
func TestMoveAfterAWait(t *testing.T) {
	t.Parallel()
	server := startFake(t)
	s := onFake(server)
	w := s.populated(t, 1)
	p := w.pairs[0]
	first, second, later := w.propose(t, p.Voyager, p.Talk, 0), w.propose(t, p.Voyager, p.Talk, 30*time.Minute),
		w.propose(t, p.Voyager, p.Talk, 2*time.Hour)
	seen := &commands{}
	defer server.Observe(seen.add)()
	var all sync.WaitGroup
	errs := make([]error, 2)
	must(t, w.store.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		moved, err := tx.Reservations().Move(ctx, first, reservations.Accepted, w.clock.Now())
		if err != nil || moved != reservations.Done {
			return fmt.Errorf("Move = %v, %w", moved, err)
		}
		seen.take()
		for i, r := range []reservations.Reservation{second, later} {
			all.Go(func() { _, errs[i] = w.Reservations.Accept(context.Background(), p.Local, r.ID, "") })
		}
		for read := 0; read < 2; { // then both are about to wait
			time.Sleep(10 * time.Millisecond)
			for _, c := range seen.take() {
				if c.Name == "aggregate" {
					read++
				}
			}
		}
		time.Sleep(100 * time.Millisecond) // until they are in the queue, which nothing reports
		return nil
	}))
	all.Wait()
	if !errors.Is(errs[0], reservations.ErrOverlap) || errs[1] != nil {
		t.Errorf("the acceptances returned %v and %v, want ErrOverlap and no error", errs[0], errs[1])
	}
	again := 0
	for _, c := range seen.take() {
		if c.Name == "aggregate" && c.StartTransaction {
			again++
		}
	}
	if again < 2 {
		t.Errorf("%d transactions began after the wait, want one of each acceptance at least", again)
	}
}

// TestMoveIsPartOfItsUnit calls a move in a unit that has made another call, which has to take the
// steps, and in one that begins with the check of another user's session, which is made first.
func TestMoveIsPartOfItsUnit(t *testing.T) {
	s := onFake(startFake(t))
	c := s.scene(t)
	moving := reservations.Moving{Reservation: c.Pending, By: c.Local}
	outcome := func(before func(ctx context.Context, tx ports.Tx) error) (o idempotency.Outcome, err error) {
		err = c.store.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			if err := before(ctx, tx); err != nil {
				return err
			}
			_, o, err = tx.Reservations().(reservations.Mover).Accept(ctx, moving) //nolint:forcetypeassert // it is one
			return err
		})
		return o, err
	}
	o, err := outcome(func(ctx context.Context, tx ports.Tx) error { return users.CheckActive(ctx, tx, c.Local) })
	if o != idempotency.Unsupported || err != nil {
		t.Errorf("Accept = %v, %v after another call, want Unsupported", o, err)
	}
	o, err = outcome(func(ctx context.Context, tx ports.Tx) error {
		return users.CheckPresence(ctx, tx, users.Presence{User: c.Voyager, Open: users.SessionFilter{Live: true}})
	})
	if o == idempotency.Done || !errors.Is(err, users.ErrNotSignedIn) {
		t.Errorf("Accept = %v, %v after the check of another's session, want ErrNotSignedIn", o, err)
	}
}
