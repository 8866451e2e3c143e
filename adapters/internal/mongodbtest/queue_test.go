package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/internal/mongofake"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSendersOfOneWalletQueue sends two hundred messages concurrently, each with its own key. The claim of a key
// begins the transaction before the unit waits for the wallet. Even so no unit conflicts with another. One that is
// refused has tried to send in one step first.
func TestSendersOfOneWalletQueue(t *testing.T) {
	server := startFake(t)
	w := newSenders(t, onFake(server), mongodb.Options{NoGroupCommit: true}, 1)
	poor, talk := w.pairs[0].Local, w.pairs[0].Talk // the local has 50 tokens
	seen := &commands{}
	defer server.Observe(seen.add)()
	errs := make([]error, 200)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			key := idempotency.Key(fmt.Sprint("key-", i))
			_, errs[i] = w.Messaging.Send(t.Context(), poor, talk, messaging.Draft{Content: "Hello"}, key)
		})
	}
	all.Wait()
	sent, refused := 0, 0
	for _, err := range errs {
		switch {
		case err == nil:
			sent++
		case errors.Is(err, fault.InsufficientTokens):
			refused++
		default:
			t.Error(err)
		}
	}
	if sent != 50 || refused != 150 {
		t.Errorf("%d messages sent and %d refused, want 50 and 150", sent, refused)
	}
	debits := 0
	for _, c := range seen.take() {
		if c.Collection == "wallets" && c.Name == "findAndModify" {
			debits++
		}
	}
	if debits != sent+2*refused {
		t.Errorf("%d debits for %d messages: some units were run again after a conflict", debits, len(errs))
	}
}

// A unit that has waited in the queue begins its transaction again. It fails with a conflict if a document that
// it held before has changed meanwhile.
func TestHeldDocumentChangesWhileWaiting(t *testing.T) {
	for name, changed := range map[string]bool{"unchanged": false, "changed by another process": true} {
		t.Run(name, func(t *testing.T) {
			server := startFake(t)
			s := onFake(server)
			w := s.populated(t, 2)
			elsewhere := s.open(t, mongodb.Options{Database: w.database})
			defer func() { must(t, elsewhere.Close(context.Background())) }()
			held, wanted := w.pairs[0].Voyager, w.pairs[1].Voyager

			// The second hold of the account is delayed, so that another process can change the account before.
			again, holds := make(chan struct{}), 0
			second := func(c mongofake.Command) bool {
				if c.Collection == "users" {
					holds++
				}
				if holds == 2 {
					close(again)
				}
				return holds == 2
			}
			defer server.Inject(mongofake.Fault{
				Command: "findAndModify", Delay: 300 * time.Millisecond, Match: second,
			})()
			inFront, behind, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				<-inFront
				done <- w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					u, err := tx.Users().Hold(ctx, held)
					if err != nil {
						return err
					}
					close(behind)
					if _, err := tx.Tokens().Post(ctx, bonus(wanted)); err != nil { // waits
						return err
					}
					u.Bio = "waited"
					return tx.Users().Save(ctx, u)
				})
			}()
			must(t, w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Tokens().Post(ctx, bonus(wanted))
				close(inFront)
				<-behind
				time.Sleep(100 * time.Millisecond) // until the other unit is in the queue, which nothing reports
				return err
			}))
			select {
			case <-again:
			case err := <-done:
				t.Fatalf("the unit returned %v and did not wait", err)
			}
			if changed {
				must(t, elsewhere.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					block := moderation.Block{UserID: held, BlockedUserID: wanted, CreatedAt: w.clock.Now()}
					_, err := tx.Moderation().Block(ctx, block)
					return err
				}))
			}
			if err := <-done; changed != errors.Is(err, uow.ErrConflict) || !changed && err != nil {
				t.Errorf("Run = %v; want ErrConflict: %t", err, changed)
			}
			workload.Audit(t, w.Community)
		})
	}
}

// A unit that waits in the queue still holds afterwards what it held before.
func TestHeldBeforeWaiting(t *testing.T) {
	w := onFake(startFake(t)).populated(t, 2)
	pair, wanted := w.pairs[0], w.pairs[1].Voyager
	price, err := reservations.ParsePrice("12.50")
	must(t, err)
	begins := w.clock.Now().Add(time.Hour)
	r, err := w.Reservations.Propose(t.Context(), pair.Voyager, pair.Talk,
		reservations.Proposal{Title: "A walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour)}, "")
	must(t, err)

	for name, first := range map[string]func(ctx context.Context, tx ports.Tx) error{
		"a moved reservation": func(ctx context.Context, tx ports.Tx) error {
			moved, err := tx.Reservations().Move(ctx, r.Reservation, reservations.Accepted, w.clock.Now())
			if err == nil && moved != reservations.Done {
				err = fmt.Errorf("the move is %v, want Done", moved)
			}
			return err
		},
		"an account whose blocks are dropped, and all admins": func(ctx context.Context, tx ports.Tx) error {
			_, admins, err := tx.Users().HoldWithAdmins(ctx, pair.Local)
			if err == nil && admins != 1 {
				err = fmt.Errorf("%d other admins, want 1", admins)
			}
			if err != nil {
				return err
			}
			return tx.Moderation().DropBlocks(ctx, pair.Local)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inFront, behind, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				<-inFront
				done <- w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					err := first(ctx, tx)
					close(behind)
					if err == nil {
						_, err = tx.Tokens().Post(ctx, bonus(wanted)) // waits
					}
					return err
				})
			}()
			must(t, w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Tokens().Post(ctx, bonus(wanted))
				close(inFront)
				<-behind
				time.Sleep(100 * time.Millisecond) // until the other unit is in the queue, which nothing reports
				return err
			}))
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
		})
	}
}

func bonus(user id.User) tokens.Entry {
	return tokens.Entry{
		ID: id.Transaction(id.NewGenerator(nil).Next()), UserID: user, Amount: 1, Type: tokens.Bonus,
		CreatedAt: time.UnixMilli(1),
	}
}
