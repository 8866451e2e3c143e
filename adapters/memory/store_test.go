package memory_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

func TestReadDuringWrite(t *testing.T) {
	f := newFixture(t)
	ada := f.user("ada", 10)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Tokens().Post(ctx, f.entry(ada.ID, 5, tokens.Bonus)); err != nil {
			return err
		}
		if got := f.balance(ada.ID); got != 10 {
			t.Errorf("during the unit the balance is %d, want 10", got)
		}
		return nil
	})
	if got := f.balance(ada.ID); got != 15 {
		t.Errorf("after the unit the balance is %d, want 15", got)
	}
}

func TestReadAfterCommit(t *testing.T) {
	for mode, want := range map[uow.Mode]int64{uow.Read: 15, uow.Snapshot: 10} {
		f := newFixture(t)
		ada := f.user("ada", 10)
		err := f.storage.Run(t.Context(), mode, func(ctx context.Context, tx ports.Tx) error {
			f.do(func(ctx context.Context, tx ports.Tx) error {
				_, err := tx.Tokens().Post(ctx, f.entry(ada.ID, 5, tokens.Bonus))
				return err
			})
			w, err := tx.Tokens().Wallet(ctx, ada.ID)
			if w.Balance != want {
				t.Errorf("in mode %d the balance after a concurrent commit is %d, want %d", mode, w.Balance, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Readers iterate over the trees of a published state while writers copy and change them.
func TestConcurrentReadersAndWriters(t *testing.T) {
	const people, transfers = 20, 200
	f := newFixture(t)
	var everyone []id.User
	for i := range people {
		everyone = append(everyone, f.user(string(rune('a'+i)), 100).ID)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range transfers {
				from, to := everyone[(i+w)%people], everyone[(i*7+w+1)%people]
				err := f.storage.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
					_, err := tx.Tokens().Post(ctx, f.entry(from, -1, tokens.ActivityPayment), f.entry(to, 1, tokens.ActivityReceipt))
					return err
				})
				if err != nil {
					t.Errorf("transfer: %v", err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				var total int64
				err := f.storage.Run(t.Context(), uow.Snapshot, func(ctx context.Context, tx ports.Tx) error {
					for _, user := range everyone {
						lines, err := tx.Tokens().Transactions(ctx, user, nil, 1)
						if err != nil {
							return err
						}
						total += lines[0].BalanceAfter
					}
					return nil
				})
				if err != nil || total != people*100 {
					t.Errorf("a snapshot has %d tokens, want %d (%v)", total, people*100, err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}

func TestGoexit(t *testing.T) {
	f := newFixture(t)
	ada := f.user("ada", 10)
	var gone sync.WaitGroup
	gone.Go(func() {
		err := f.storage.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Tokens().Post(ctx, f.entry(ada.ID, 5, tokens.Bonus))
			if err != nil {
				t.Error(err)
			}
			runtime.Goexit() // as t.FailNow does
			return nil
		})
		t.Errorf("Run returned %v although its goroutine had ended", err)
	})
	gone.Wait()
	if got := f.balance(ada.ID); got != 10 {
		t.Errorf("the balance is %d, want 10", got)
	}
	f.user("ben", 0)
	if err := f.storage.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestWriteAfterEnd(t *testing.T) {
	f := newFixture(t)
	var left sync.WaitGroup
	ended := make(chan struct{})
	f.do(func(ctx context.Context, tx ports.Tx) error {
		left.Go(func() {
			<-ended
			if err := tx.Marks().Mark(context.WithoutCancel(ctx), "late", noon); !errors.Is(err, uow.ErrEnded) {
				t.Errorf("a write after the end returned %v, want ErrEnded", err)
			}
		})
		return nil
	})
	close(ended)
	left.Wait()
}

func TestClose(t *testing.T) {
	f := newFixture(t)
	under, goOn := make(chan struct{}), make(chan struct{})
	var units sync.WaitGroup
	units.Go(func() {
		err := f.storage.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
			close(under)
			<-goOn
			return tx.Marks().Mark(ctx, "kept", noon)
		})
		if err != nil {
			t.Errorf("the running unit failed: %v", err)
		}
	})
	<-under
	units.Go(func() {
		err := f.storage.Run(t.Context(), uow.Write, func(context.Context, ports.Tx) error {
			t.Error("a unit ran after Close")
			return nil
		})
		if !errors.Is(err, uow.ErrUnreachable) || !errors.Is(err, fault.Unavailable) {
			t.Errorf("the waiting unit returned %v, want ErrUnreachable", err)
		}
	})
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.storage.Close(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("Close with a running unit returned %v", err)
	}
	for _, mode := range []uow.Mode{uow.Write, uow.Read, uow.Snapshot} {
		if err := f.storage.Run(t.Context(), mode, nil); !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("a unit in mode %d after Close: %v, want ErrUnreachable", mode, err)
		}
	}
	if err := f.storage.Ping(t.Context()); !errors.Is(err, fault.Unavailable) {
		t.Errorf("Ping after Close: %v", err)
	}
	close(goOn)
	for range 2 {
		if err := f.storage.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	units.Wait()
}

func TestPing(t *testing.T) {
	f := newFixture(t)
	if err := f.storage.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.storage.Ping(ctx); !errors.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Ping with a context that has ended: %v", err)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.do(func(context.Context, ports.Tx) error {
		var waiting sync.WaitGroup
		waiting.Go(func() {
			err := f.storage.Run(ctx, uow.Write, func(context.Context, ports.Tx) error {
				t.Error("two units that write ran concurrently")
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the waiting unit returned %v, want context.Canceled", err)
			}
		})
		cancel()
		waiting.Wait()
		return nil
	})
}

func TestCommitAfterCancel(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := f.storage.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		err := tx.Marks().Mark(ctx, "dropped", noon)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the unit returned %v, want context.Canceled", err)
	}
	f.view(func(ctx context.Context, tx ports.Tx) error {
		_, marked, err := tx.Marks().Marked(ctx, "dropped")
		if marked {
			t.Error("a write of the cancelled unit is there")
		}
		return err
	})
}

func TestErrorEndsUnit(t *testing.T) {
	f := newFixture(t)
	ada := f.user("ada", 10)
	err := f.storage.Run(t.Context(), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().User(ctx, id.User{1}); !errors.Is(err, fault.NotFound) {
			t.Errorf("an unknown account: %v", err)
		}
		if _, err := tx.Tokens().Post(ctx, f.entry(ada.ID, 1, tokens.Bonus), f.entry(ada.ID, -99, tokens.Penalty)); !errors.Is(err, tokens.ErrTooFewTokens) {
			t.Errorf("a penalty above the balance: %v", err)
		}
		if _, err := tx.Users().User(ctx, ada.ID); !errors.Is(err, tokens.ErrTooFewTokens) {
			t.Errorf("a call after an error: %v, want that error", err)
		}
		return nil
	})
	if !errors.Is(err, tokens.ErrTooFewTokens) {
		t.Errorf("the unit returned %v, want the error that ended it", err)
	}
	if got := f.balance(ada.ID); got != 10 {
		t.Errorf("the balance is %d, want 10", got)
	}
}
