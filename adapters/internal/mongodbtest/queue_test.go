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

// TestSendersOfOneWalletQueue sends two hundred messages at once, each with a key of its own. A key is claimed in a transaction that has
// begun by the time the wallet is waited for; all the same, none loses against another.
func TestSendersOfOneWalletQueue(t *testing.T) {
	server := startFake(t)
	s := onFake(server)
	w := s.populated(t, 1)
	poor, talk := w.pairs[0].Local, w.pairs[0].Talk // who has 50 tokens
	seen := &commands{}
	defer server.Observe(seen.add)()
	errs := make([]error, 200)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			_, errs[i] = w.Messaging.Send(t.Context(), poor, talk, messaging.Draft{Content: "Hello"}, idempotency.Key(fmt.Sprint("key-", i)))
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
		t.Errorf("%d were sent and %d refused, want 50 and 150", sent, refused)
	}
	debits := 0
	for _, c := range seen.take() {
		if c.Collection == "wallets" && c.Name == "findAndModify" {
			debits++
		}
	}
	if debits != len(errs) {
		t.Errorf("there were %d debits tried for %d messages: some lost, and were run again", debits, len(errs))
	}
}

// TestHeldThingsChangeWhileOthersAreWaitedFor: a unit that has waited begins its transaction again. What it held before must be as it
// was, or it loses.
func TestHeldThingsChangeWhileOthersAreWaitedFor(t *testing.T) {
	for name, changed := range map[string]bool{"it is as it was": false, "another process has changed it": true} {
		t.Run(name, func(t *testing.T) {
			server := startFake(t)
			s := onFake(server)
			w := s.populated(t, 2)
			elsewhere := s.open(t, mongodb.Options{Database: w.database})
			defer func() { must(t, elsewhere.Close(context.Background())) }()
			held, wanted := w.pairs[0].Voyager, w.pairs[1].Voyager

			// The second time that the account is held, there is time for something to happen.
			again, holds := make(chan struct{}), 0
			defer server.Inject(mongofake.Fault{Command: "findAndModify", Delay: 300 * time.Millisecond, Match: func(c mongofake.Command) bool {
				if c.Collection == "users" {
					holds++
				}
				if holds == 2 {
					close(again)
				}
				return holds == 2
			}})()
			inFront, behind, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			go func() {
				<-inFront
				done <- w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					u, err := tx.Users().Hold(ctx, held)
					if err != nil {
						return err
					}
					close(behind)
					if _, err := tx.Tokens().Post(ctx, bonus(wanted)); err != nil { // here it waits
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
				time.Sleep(100 * time.Millisecond) // there is no signal for somebody who stands in a queue
				return err
			}))
			select {
			case <-again:
			case err := <-done:
				t.Fatalf("the unit did not wait: %v", err)
			}
			if changed {
				must(t, elsewhere.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					return tx.Moderation().Block(ctx, moderation.Block{UserID: held, BlockedUserID: wanted, CreatedAt: w.clock.Now()})
				}))
			}
			if err := <-done; changed != errors.Is(err, uow.ErrConflict) || !changed && err != nil {
				t.Errorf("the unit answered %v", err)
			}
			workload.Audit(t, w.Community)
		})
	}
}

// TestHeldBeforeWaiting: what a unit holds when it waits for others, it still holds afterwards.
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
		"a reservation, which it has moved": func(ctx context.Context, tx ports.Tx) error {
			moved, err := tx.Reservations().Move(ctx, r, reservations.Accepted, w.clock.Now())
			if err == nil && moved != reservations.Done {
				err = fmt.Errorf("it was not moved: %v", moved)
			}
			return err
		},
		"an account with those of all admins, which has blocked somebody": func(ctx context.Context, tx ports.Tx) error {
			_, admins, err := tx.Users().HoldWithAdmins(ctx, pair.Local)
			if err == nil && admins != 1 {
				err = fmt.Errorf("there are %d admins", admins)
			}
			if err != nil {
				return err
			}
			return tx.Moderation().Block(ctx, moderation.Block{UserID: pair.Local, BlockedUserID: wanted, CreatedAt: w.clock.Now()})
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
						_, err = tx.Tokens().Post(ctx, bonus(wanted)) // here it waits
					}
					return err
				})
			}()
			must(t, w.store.Run(context.Background(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Tokens().Post(ctx, bonus(wanted))
				close(inFront)
				<-behind
				time.Sleep(100 * time.Millisecond) // there is no signal for somebody who stands in a queue
				return err
			}))
			if err := <-done; err != nil {
				t.Errorf("the unit answered %v", err)
			}
		})
	}
}

func bonus(user id.User) tokens.Entry {
	return tokens.Entry{
		ID: id.Transaction(id.NewGenerator(nil).Next()), UserID: user, Amount: 1, Type: tokens.Bonus, CreatedAt: time.UnixMilli(1),
	}
}
