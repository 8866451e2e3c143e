package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// post posts movements in a unit of work of their own.
func post(ctx context.Context, w *coretest.World, movements ...tokens.Movement) (written []tokens.Transaction, err error) {
	err = ports.ForTokens(w.Store).Do(ctx, func(ctx context.Context, tx tokens.Tx) error {
		written, err = w.Ledger.Post(ctx, tx, w.Clock.Now(), movements...)
		return err
	})
	return written, err
}

func ledger(t *testing.T, w *coretest.World, user id.User) []tokens.Transaction {
	t.Helper()
	lines, err := page.All(tokens.Place, func(below *int64, limit int) ([]tokens.Transaction, error) {
		p, err := w.Tokens.Transactions(w.Ctx, user, page.Request[int64]{After: below, Limit: limit})
		return p.Items, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestPost(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	w.Clock.Advance(time.Minute)

	written, err := post(w.Ctx, w,
		tokens.Movement{UserID: ada, Amount: 30, Type: tokens.Bonus, Reason: "kind", Metadata: tokens.Reference("for", ada)},
		tokens.Movement{UserID: ada, Amount: -80, Type: tokens.Withdrawal},
		tokens.Movement{UserID: ada, Amount: 1, Type: tokens.AdminAdjustment},
	)
	coretest.Is(t, err, nil)

	type line struct{ seq, amount, before, after int64 }
	want := []line{{2, 30, 50, 80}, {3, -80, 80, 0}, {4, 1, 0, 1}}
	for i, got := range written {
		if (line{got.Seq, got.Amount, got.BalanceBefore, got.BalanceAfter}) != want[i] {
			t.Errorf("line %d is %+v, want %+v", i, got, want[i])
		}
		if got.ID.IsZero() || got.UserID != ada || !got.CreatedAt.Equal(w.Clock.Now()) {
			t.Errorf("line %d is %+v, want an id, Ada as its user and the present time", i, got)
		}
	}
	kept := ledger(t, w, ada)
	slices.Reverse(kept)
	if len(kept) != 4 || kept[0].Type != tokens.SignupBonus || kept[0].Amount != 50 || kept[0].Seq != 1 {
		t.Fatalf("got the ledger %+v, want the bonus first", kept)
	}
	if !slices.Equal(kept[1:], written) {
		t.Errorf("the ledger has\n%+v, Post returned\n%+v", kept[1:], written)
	}
	if w.Balance(ada) != 1 {
		t.Errorf("the balance is %d, want 1", w.Balance(ada))
	}
}

func TestPostErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, unknown := w.Person("Ada"), id.User(w.IDs.Next())
	valid := tokens.Movement{UserID: ada, Amount: 1, Type: tokens.Bonus}
	for name, test := range map[string]struct {
		movement tokens.Movement
		want     error
	}{
		"above the balance":           {tokens.Movement{UserID: ada, Amount: -52, Type: tokens.Withdrawal}, tokens.ErrTooFewTokens},
		"above the limit of a wallet": {tokens.Movement{UserID: ada, Amount: tokens.MaxBalance - 50, Type: tokens.Bonus}, tokens.ErrTooManyTokens},
		"a user without a wallet":     {tokens.Movement{UserID: unknown, Amount: 1, Type: tokens.Bonus}, fault.NotFound},
		"an unknown type":             {tokens.Movement{UserID: ada, Amount: 1, Type: "NO_TYPE"}, fault.Invalid},
		"the wrong sign for the type": {tokens.Movement{UserID: ada, Amount: 1, Type: tokens.Penalty}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			w.Unchanged(func() {
				_, err := post(w.Ctx, w, valid, test.movement) // all or none: the first one alone is valid
				coretest.Is(t, err, test.want)
			})
		})
	}
	if fault.KindOf(tokens.ErrTooFewTokens) != fault.InsufficientTokens {
		t.Error("ErrTooFewTokens is not of kind InsufficientTokens")
	}
}

func TestMaxBalance(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	_, err := post(w.Ctx, w, tokens.Movement{UserID: ada, Amount: tokens.MaxBalance - 50, Type: tokens.Deposit})
	coretest.Is(t, err, nil)
	if w.Balance(ada) != tokens.MaxBalance {
		t.Errorf("the balance is %d, want %d", w.Balance(ada), int64(tokens.MaxBalance))
	}
}

func TestUpToBalance(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	penalty := tokens.Movement{UserID: ada, Amount: -30, Type: tokens.Penalty, UpToBalance: true}
	for _, want := range []int64{-30, -20} {
		written, err := post(w.Ctx, w, penalty)
		coretest.Is(t, err, nil)
		if written[0].Amount != want {
			t.Errorf("got the amount %d, want %d", written[0].Amount, want)
		}
	}
	_, err := post(w.Ctx, w, penalty)
	coretest.Is(t, err, tokens.ErrTooFewTokens)
}

func TestPostSkipsZero(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	w.Unchanged(func() {
		written, err := post(w.Ctx, w, tokens.Movement{UserID: ada, Type: tokens.MessageSent})
		coretest.Is(t, err, nil)
		if written != nil {
			t.Errorf("got %v, want no transactions", written)
		}
	})
	written, err := post(w.Ctx, w,
		tokens.Movement{UserID: ada, Type: tokens.MessageSent}, tokens.Movement{UserID: ada, Amount: -1, Type: tokens.Penalty})
	coretest.Is(t, err, nil)
	if len(written) != 1 {
		t.Errorf("got %v, want only the debit of 1", written)
	}
}

func TestConcurrentPosts(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	errs := coretest.AtOnce(80, func(i int) error {
		pair := []tokens.Movement{
			{UserID: ada, Amount: -1, Type: tokens.Penalty}, {UserID: luca, Amount: 1, Type: tokens.Bonus},
		}
		if i%2 == 0 {
			slices.Reverse(pair)
		}
		_, err := post(w.Ctx, w, pair...)
		return err
	})
	if paid, refused := coretest.Count(errs, nil), coretest.Count(errs, tokens.ErrTooFewTokens); paid != 50 || refused != 30 {
		t.Errorf("%d succeeded and %d had too few tokens, want 50 and 30", paid, refused)
	}
	if w.Balance(ada) != 0 || w.Balance(luca) != 100 {
		t.Errorf("the balances are %d and %d, want 0 and 100", w.Balance(ada), w.Balance(luca))
	}
	for i, line := range ledger(t, w, ada) {
		if want := int64(51 - i); line.Seq != want {
			t.Fatalf("line %d has seq %d, want %d", i, line.Seq, want)
		}
	}
}

func TestCreditToClosedWallet(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	coretest.Is(t, w.Privacy.Erase(w.Ctx, ada, coretest.Password, users.Device{}), nil)
	lines := ledger(t, w, ada)
	if len(lines) != 2 || lines[0].Type != tokens.Withdrawal || lines[0].Amount != -50 {
		t.Fatalf("after erasure the ledger is %+v, want a withdrawal of the balance", lines)
	}

	w.Clock.Advance(time.Hour)
	written, err := post(w.Ctx, w,
		tokens.Movement{UserID: ada, Amount: 7, Type: tokens.Deposit}, tokens.Movement{UserID: ada, Amount: 3, Type: tokens.Bonus})
	coretest.Is(t, err, nil)
	if len(written) != 2 || written[0].Amount != 7 || written[1].Amount != 3 {
		t.Errorf("Post returned %+v, want the two credits", written)
	}
	lines = ledger(t, w, ada)
	if len(lines) != 6 || lines[0].Amount != -3 || lines[1].Amount != -7 || lines[1].Type != tokens.Withdrawal {
		t.Errorf("the ledger is %+v, want both credits withdrawn", lines)
	}
	if w.Balance(ada) != 0 {
		t.Errorf("the balance is %d, want 0", w.Balance(ada))
	}
	_, err = post(w.Ctx, w, tokens.Movement{UserID: ada, Amount: -1, Type: tokens.Penalty, UpToBalance: true})
	coretest.Is(t, err, tokens.ErrTooFewTokens)
}

func TestClose(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.SignupBonus = 0 })
	ada := w.Person("Ada")
	coretest.Is(t, w.Privacy.Erase(w.Ctx, ada, coretest.Password, users.Device{}), nil)
	if lines := ledger(t, w, ada); lines != nil {
		t.Errorf("closing an empty wallet wrote %+v", lines)
	}
	closeWallet := func(user id.User) error {
		return ports.ForTokens(w.Store).Do(w.Ctx, func(ctx context.Context, tx tokens.Tx) error {
			return w.Ledger.Close(ctx, tx, user, w.Clock.Now())
		})
	}
	w.Unchanged(func() { coretest.Is(t, closeWallet(ada), nil) })
	coretest.Is(t, closeWallet(id.User(w.IDs.Next())), fault.NotFound)
}

func TestTransactions(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	for i := range 4 {
		_, err := post(w.Ctx, w,
			tokens.Movement{UserID: ada, Amount: int64(i + 1), Type: tokens.Bonus}, tokens.Movement{UserID: luca, Amount: -1, Type: tokens.Penalty})
		coretest.Is(t, err, nil)
	}
	var seqs []int64
	r := page.Request[int64]{Limit: 2}
	for range 3 {
		p, err := w.Tokens.Transactions(w.Ctx, ada, r)
		coretest.Is(t, err, nil)
		for _, line := range p.Items {
			if line.UserID != ada {
				t.Errorf("got %+v, a transaction of another user", line)
			}
			seqs = append(seqs, line.Seq)
		}
		r.After = p.Next
	}
	if !slices.Equal(seqs, []int64{5, 4, 3, 2, 1}) || r.After != nil {
		t.Errorf("got %v and a next page after %v, want 5 4 3 2 1 and no next page", seqs, r.After)
	}
	_, err := w.Tokens.Transactions(w.Ctx, ada, page.Request[int64]{Limit: 101})
	coretest.Fields(t, err, "limit")
}

func TestCancellation(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca, erased := w.Person("Ada"), w.Person("Luca"), w.Person("Erased")
	coretest.Is(t, w.Privacy.Erase(w.Ctx, erased, coretest.Password, users.Device{}), nil)
	for name, useCase := range map[string]func(ctx context.Context) error{
		"post": func(ctx context.Context) error {
			_, err := post(ctx, w,
				tokens.Movement{UserID: ada, Amount: -5, Type: tokens.Penalty}, tokens.Movement{UserID: erased, Amount: 5, Type: tokens.Deposit})
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := w.Tokens.Transactions(ctx, ada, page.Request[int64]{})
			return err
		},
		"close": func(ctx context.Context) error {
			errRollback := errors.New("roll back") // a wallet is closed only if its user is erased, which Luca is not
			err := ports.ForTokens(w.Store).Do(ctx, func(ctx context.Context, tx tokens.Tx) error {
				if err := w.Ledger.Close(ctx, tx, luca, w.Clock.Now()); err != nil {
					return err
				}
				return errRollback
			})
			if !errors.Is(err, errRollback) {
				return err
			}
			return nil
		},
		"open": func(ctx context.Context) error {
			err := ports.ForTokens(w.Store).Do(ctx, func(ctx context.Context, tx tokens.Tx) error {
				return w.Ledger.Open(ctx, tx, ada) // Ada has a wallet
			})
			if errors.Is(err, context.Canceled) {
				return err
			}
			if err == nil {
				return fmt.Errorf("a second wallet was opened")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) { coretest.Is(t, w.Cancelled(useCase), nil) })
	}
}
