package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/ports"
)

// tokensTests tests that no token is created or lost.
var tokensTests = []test{
	{"an account has one wallet, empty at first", walletOpened},
	{"entries get their seq and balances", entriesPosted},
	{"entries of each type are posted", eachType},
	{"entries to several wallets keep their order", severalWallets},
	{"a balance never falls below zero", neverBelowZero},
	{"a debit up to the balance takes what is there", upToBalance},
	{"a wallet holds no more than the largest balance", neverTooMany},
	{"entries are written all or none", entriesAllOrNone},
	{"a time is cut to the millisecond before it is stored", timeCut},
	{"a closed wallet is reported as closed", walletClosed},
	{"pages of a ledger hold each line once", ledgerPages},
	{"concurrent charges leave the exact balance", concurrentCharges},
	{"the last tokens are spent once", lastTokens},
	{"transfers in opposite directions end, and lose nothing", concurrentTransfers},
}

func walletOpened(f *fixture) {
	ada := f.account("ada")
	w := tokens.Wallet{ID: id.Wallet(f.ids.Next()), UserID: ada.ID}
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Tokens().Open(ctx, w) })
	f.same("the wallet", f.wallet(ada.ID), w)
	before := f.dump()
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		return tx.Tokens().Open(ctx, tokens.Wallet{ID: id.Wallet(f.ids.Next()), UserID: ada.ID})
	})
	if err == nil {
		f.Error("an account got a second wallet")
	}
	f.unchanged("opening a second wallet", before)
}

// ledger reads the ledger of an account from its first line.
func (f *fixture) ledger(user id.User) []tokens.Transaction {
	f.Helper()
	all := read(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Transaction, error) {
		return tx.Tokens().Transactions(ctx, user, nil, 1_000_000)
	})
	slices.Reverse(all)
	return all
}

// balanced fails the test if a ledger does not add up to its wallet.
func (f *fixture) balanced(user id.User, want int64) {
	f.Helper()
	var balance int64
	for i, t := range f.ledger(user) {
		if t.Seq != int64(i+1) || t.BalanceBefore != balance ||
			t.BalanceAfter != balance+t.Amount || t.BalanceAfter < 0 {
			f.Errorf("line %d of a ledger does not follow on a balance of %d: %+v", i+1, balance, t)
		}
		balance = t.BalanceAfter
	}
	f.same("the balance of a ledger", balance, want)
	f.same("the balance of its wallet", f.wallet(user).Balance, want)
}

func entriesPosted(f *fixture) {
	ada := f.user("ada")
	var want []tokens.Transaction
	var balance int64
	for i, amount := range []int64{50, -1, -49, 7, -7, 1} {
		kind := tokens.Bonus
		if amount < 0 {
			kind = tokens.Penalty
		}
		e := f.newEntry(ada.ID, amount, kind)
		e.Reason, e.Metadata = fmt.Sprint("no. ", i), tokens.Reference("user_id", ada.ID)
		t := tokens.Transaction{
			ID: e.ID, UserID: e.UserID, Seq: int64(i + 1), Amount: amount, Type: kind, Reason: e.Reason,
			Metadata:      e.Metadata,
			BalanceBefore: balance, BalanceAfter: balance + amount, CreatedAt: noon,
		}
		got := write(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Receipt, error) {
			return tx.Tokens().Post(ctx, e)
		})
		f.same("the receipt", got, []tokens.Receipt{{Transaction: t}})
		balance, want = t.BalanceAfter, append(want, t)
	}
	sameList(f, "the ledger", f.ledger(ada.ID), want)
	f.balanced(ada.ID, 1)
}

// eachType finds a store that refuses a type, for example because a constraint of a table lacks it.
func eachType(f *fixture) {
	ada := f.user("ada")
	f.post(ada.ID, 100, tokens.Bonus)
	for _, kind := range tokens.Types {
		for _, amount := range []int64{1, -1} {
			if !kind.Allows(amount) {
				continue
			}
			err := f.try(func(ctx context.Context, tx ports.Tx) error { return post(ctx, tx, f.newEntry(ada.ID, amount, kind)) })
			if err != nil {
				f.Errorf("posting %d of type %s returned %v", amount, kind, err)
			}
		}
	}
}

func severalWallets(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	entries := []tokens.Entry{
		f.newEntry(ben.ID, 10, tokens.Bonus), f.newEntry(ada.ID, 5, tokens.Bonus),
		f.newEntry(ben.ID, -10, tokens.Penalty),
		f.newEntry(ada.ID, -2, tokens.Penalty), f.newEntry(ben.ID, 3, tokens.Bonus),
	}
	receipts := write(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Receipt, error) {
		return tx.Tokens().Post(ctx, entries...)
	})
	type line struct {
		ID                 id.Transaction
		Seq, Before, After int64
	}
	var got []line
	for _, r := range receipts {
		got = append(got, line{r.Transaction.ID, r.Transaction.Seq, r.Transaction.BalanceBefore,
			r.Transaction.BalanceAfter})
	}
	sameList(f, "the receipts", got, []line{
		{entries[0].ID, 1, 0, 10}, {entries[1].ID, 1, 0, 5}, {entries[2].ID, 2, 10, 0}, {entries[3].ID, 2, 5, 3},
		{entries[4].ID, 3, 0, 3},
	})
	f.balanced(ada.ID, 3)
	f.balanced(ben.ID, 3)
}

// refused posts entries that the store must refuse without changing a row.
func (f *fixture) refused(what string, want error, entries ...tokens.Entry) {
	f.Helper()
	before := f.dump()
	err := f.try(func(ctx context.Context, tx ports.Tx) error { return post(ctx, tx, entries...) })
	if !errors.Is(err, want) {
		f.Errorf("%s returned %v, want %v", what, err, want)
	}
	f.unchanged(what, before)
}

func neverBelowZero(f *fixture) {
	ada := f.user("ada")
	f.refused("a debit of an empty wallet", tokens.ErrTooFewTokens, f.newEntry(ada.ID, -1, tokens.MessageSent))
	f.post(ada.ID, 5, tokens.Bonus)
	f.refused("one token too many", tokens.ErrTooFewTokens, f.newEntry(ada.ID, -6, tokens.Withdrawal))
	f.refused("a debit that a later credit would cover", tokens.ErrTooFewTokens,
		f.newEntry(ada.ID, -6, tokens.Withdrawal), f.newEntry(ada.ID, 6, tokens.Deposit))
	f.refused("the second of two debits", tokens.ErrTooFewTokens,
		f.newEntry(ada.ID, -3, tokens.Withdrawal), f.newEntry(ada.ID, -3, tokens.Withdrawal))
	f.refused("a debit of the largest amount", tokens.ErrTooFewTokens,
		f.newEntry(ada.ID, -tokens.MaxAmount, tokens.Withdrawal))
	f.post(ada.ID, -5, tokens.Withdrawal)
	f.balanced(ada.ID, 0)
}

func upToBalance(f *fixture) {
	ada := f.rich("ada", 10)
	penalty := func(amount int64) tokens.Entry {
		e := f.newEntry(ada.ID, -amount, tokens.Penalty)
		e.UpToBalance = true
		return e
	}
	for _, step := range []struct{ asked, taken, left int64 }{{4, 4, 6}, {100, 6, 0}} {
		receipts := write(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Receipt, error) {
			return tx.Tokens().Post(ctx, penalty(step.asked))
		})
		got := receipts[0].Transaction
		f.same("amount and balance", []int64{got.Amount, got.BalanceAfter}, []int64{-step.taken, step.left})
		f.balanced(ada.ID, step.left)
	}
	f.refused("a penalty on an empty wallet", tokens.ErrTooFewTokens, penalty(1))
	f.post(ada.ID, 3, tokens.Bonus)
	f.refused("a penalty after one that empties the wallet", tokens.ErrTooFewTokens, penalty(3), penalty(1))
	f.balanced(ada.ID, 3)
}

func neverTooMany(f *fixture) {
	ada := f.rich("ada", tokens.MaxBalance-1)
	f.refused("one token too many", tokens.ErrTooManyTokens, f.newEntry(ada.ID, 2, tokens.Bonus))
	f.refused("a credit of the largest amount", tokens.ErrTooManyTokens,
		f.newEntry(ada.ID, tokens.MaxAmount, tokens.Bonus))
	f.refused("a credit that a later debit would compensate", tokens.ErrTooManyTokens,
		f.newEntry(ada.ID, 2, tokens.Bonus), f.newEntry(ada.ID, -5, tokens.Penalty))
	f.post(ada.ID, 1, tokens.Bonus)
	f.balanced(ada.ID, tokens.MaxBalance)
}

func entriesAllOrNone(f *fixture) {
	ada, ben := f.rich("ada", 10), f.rich("ben", 10)
	dora := f.account("dora")
	f.refused("the last of three entries", tokens.ErrTooFewTokens,
		f.newEntry(ada.ID, 5, tokens.Bonus), f.newEntry(ben.ID, -5, tokens.Penalty), f.newEntry(ben.ID, -6,
			tokens.Penalty))
	f.refused("an entry for an account without a wallet", fault.NotFound,
		f.newEntry(ada.ID, 5, tokens.Bonus), f.newEntry(dora.ID, 5, tokens.Bonus))
}

// timeCut posts as a host does that takes its time from somewhere else than a clock.Clock.
func timeCut(f *fixture) {
	ada := f.rich("ada", 10)
	at := noon.Add(time.Millisecond)
	bonus := tokens.Movement{UserID: ada.ID, Amount: 1, Type: tokens.Bonus}
	written := write(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Transaction, error) {
		return tokens.NewLedger(f.ids).Post(ctx, tx, at.Add(999*time.Microsecond+999), bonus)
	})
	lines := f.ledger(ada.ID)
	f.same("the times that were returned and stored",
		[]time.Time{written[0].CreatedAt, lines[len(lines)-1].CreatedAt}, []time.Time{at, at})
}

func walletClosed(f *fixture) {
	ada, ben := f.rich("ada", 10), f.rich("ben", 10)
	w := f.wallet(ada.ID)
	w.Closed = true
	for range 2 { // closing it again changes nothing
		got := write(f, func(ctx context.Context, tx ports.Tx) (tokens.Wallet, error) {
			return tx.Tokens().Close(ctx, ada.ID)
		})
		f.same("the wallet that was closed", got, w)
	}
	f.same("a closed wallet", f.wallet(ada.ID), w)
	receipts := write(f, func(ctx context.Context, tx ports.Tx) ([]tokens.Receipt, error) {
		return tx.Tokens().Post(ctx, f.newEntry(ada.ID, -10, tokens.Withdrawal), f.newEntry(ben.ID, 1, tokens.Bonus),
			f.newEntry(ada.ID, 4, tokens.Refund))
	})
	f.same("closed", []bool{receipts[0].Closed, receipts[1].Closed, receipts[2].Closed}, []bool{true, false, true})
	f.balanced(ada.ID, 4)
	f.same("the other wallet is closed", f.wallet(ben.ID).Closed, false)
}

func ledgerPages(f *fixture) {
	ada, ben := f.user("ada"), f.user("ben")
	for i := range paged {
		f.post(ada.ID, int64(i+1), tokens.Bonus)
		f.post(ben.ID, 1, tokens.Bonus)
	}
	want := f.ledger(ada.ID)
	f.same("the length of the ledger", len(want), paged)
	slices.Reverse(want)
	pages(f, "the ledger", want, tokens.Place,
		func(ctx context.Context, tx ports.Tx, below *int64, limit int) ([]tokens.Transaction, error) {
			return tx.Tokens().Transactions(ctx, ada.ID, below, limit)
		})
}

func concurrentCharges(f *fixture) {
	const people = 10
	each := rounds(10, 500)
	ada := f.rich("ada", 1_000_000)
	f.allConcurrently(people, func(i int) error {
		for range each {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(ada.ID, int64(-1-i), tokens.Withdrawal))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	f.balanced(ada.ID, 1_000_000-int64(each)*people*(people+1)/2)
	f.same("the length of the ledger", len(f.ledger(ada.ID)), 1+people*each)
	f.audited()
}

func lastTokens(f *fixture) {
	const callers, balance = 40, 10
	for i := range rounds(2, 100) {
		ada := f.rich(fmt.Sprintf("ada%d", i), balance)
		errs := concurrently(callers, func(int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(ada.ID, -1, tokens.Withdrawal))
			})
		})
		f.outcomes("charges", errs, balance, tokens.ErrTooFewTokens)
		f.balanced(ada.ID, 0)
	}
	f.audited()
}

func concurrentTransfers(f *fixture) {
	ring := f.many(3, "ring")
	for _, u := range ring {
		f.post(u.ID, 1000, tokens.SignupBonus)
	}
	each := rounds(15, 500)
	f.allConcurrently(6, func(i int) error {
		from, to := ring[i%3].ID, ring[(i+1+i/3)%3].ID // every pair in both directions
		for range each {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(from, -1, tokens.AdminAdjustment),
					f.newEntry(to, 1, tokens.AdminAdjustment))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, u := range ring {
		f.balanced(u.ID, 1000)
	}
	f.audited()
}
