package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// isolation tests what units of work see of one another.
var isolation = []test{
	{"uncommitted writes are invisible", noDirtyRead},
	{"rolled back writes are invisible", noPhantomOfRollback},
	{"a commit becomes visible as a whole", wholeCommits},
	{"a snapshot shows one moment", oneMoment},
	{"each read of a reading unit sees the commits before it", freshReads},
	{"load, change and save lose no update", noLostUpdate},
	{"two admins cannot demote each other", noWriteSkew},
}

// readDuring lists all accounts in a second unit while a unit that added one is under way. first
// reports whether the reader ended before that unit. If the store's readers wait for its writer,
// the reader ends later.
func (f *fixture) readDuring(end error) (seen []users.User, first bool) {
	f.Helper()
	var look *task
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, f.newUser("unseen"), users.PasswordHash{}); err != nil {
			return err
		}
		if look == nil {
			look = inBackground(func() error {
				return f.in(f.ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) (err error) {
					seen, err = tx.Users().List(ctx, users.Filter{}, nil, 100)
					return err
				})
			})
			first = look.endsSoon()
		}
		return end
	})
	if !errors.Is(err, end) || look == nil {
		f.Fatalf("the unit returned %v, want %v", err, end)
	}
	if err := look.wait(f.ctx); err != nil {
		f.Fatalf("a reader failed: %v", err)
	}
	return seen, first
}

// allAccounts lists all accounts.
func (f *fixture) allAccounts() []users.User {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().List(ctx, users.Filter{}, nil, 100)
	})
}

func noDirtyRead(f *fixture) {
	f.user("ada")
	if seen, first := f.readDuring(nil); first && len(seen) != 1 {
		f.Errorf("a reader saw an account before its commit: %+v", seen)
	}
	f.same("the number of accounts that a reader sees after the commit", len(f.allAccounts()), 2)
}

func noPhantomOfRollback(f *fixture) {
	f.user("ada")
	if seen, _ := f.readDuring(errBoom); len(seen) != 1 {
		f.Errorf("a reader saw an account that was rolled back: %+v", seen)
	}
	f.same("the number of accounts after the rollback", len(f.allAccounts()), 1)
}

// wholeCommits moves tokens around a ring of accounts while snapshots sum their balances: no token
// may be missing or counted twice.
func wholeCommits(f *fixture) {
	f.wholeCommits(uow.Snapshot, func(ctx context.Context, tx ports.Tx, ring []id.User) (sum int64, err error) {
		for _, u := range ring {
			w, err := tx.Tokens().Wallet(ctx, u)
			if err != nil {
				return 0, err
			}
			sum += w.Balance
		}
		return sum, nil
	})
}

// wholeReads is wholeCommits for a single read, in each mode.
func wholeReads(f *fixture) {
	for _, mode := range reading {
		f.wholeCommits(mode, balances)
	}
}

func (f *fixture) wholeCommits(
	mode uow.Mode, balances func(ctx context.Context, tx ports.Tx, ring []id.User) (int64, error),
) {
	f.Helper()
	const people, each = 4, 100
	ring := make([]id.User, people)
	for i, u := range f.many(people, fmt.Sprint("ring", mode)) {
		ring[i] = u.ID
		f.post(u.ID, each, tokens.SignupBonus)
	}
	writing := inBackground(func() error {
		for i := range rounds(60, 2000) {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx,
					f.newEntry(ring[i%people], -3, tokens.AdminAdjustment), f.newEntry(ring[(i+1)%people], 3,
						tokens.AdminAdjustment))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	for over := false; !over; {
		select {
		case <-writing.done:
			over = true // after one more read
		default:
		}
		var sum int64
		err := f.in(f.ctx, mode, func(ctx context.Context, tx ports.Tx) (err error) {
			sum, err = balances(ctx, tx, ring)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		if sum != people*each {
			f.Fatalf("in mode %d, a reader saw %d tokens, want %d: a part of a unit", mode, sum, people*each)
		}
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	f.audited()
}

// balances sums the balances of some accounts, by a single read of all wallets.
func balances(ctx context.Context, tx ports.Tx, of []id.User) (sum int64, err error) {
	wallets, err := tx.Rows().Read(ctx, ports.Wallets, nil, 1000)
	if err == nil {
		err = ports.Wallets.Check(wallets...)
	}
	if err != nil {
		return 0, err
	}
	for _, w := range wallets {
		if slices.Contains(of, id.User(w[1].([16]byte))) {
			sum += w[2].(int64)
		}
	}
	return sum, nil
}

func oneMoment(f *fixture) {
	ada, ben := f.rich("ada", 10), f.rich("ben", 10)
	var first, second tokens.Wallet
	var ledger []tokens.Transaction
	var writing *task
	err := f.in(f.ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) (err error) {
		if first, err = tx.Tokens().Wallet(ctx, ada.ID); err != nil {
			return err
		}
		if writing == nil {
			writing = inBackground(func() error {
				return f.try(func(ctx context.Context, tx ports.Tx) error {
					return post(ctx, tx, f.newEntry(ada.ID, -4, tokens.AdminAdjustment),
						f.newEntry(ben.ID, 4, tokens.AdminAdjustment))
				})
			})
			writing.endsSoon() // unless it waits for the end of the snapshot
		}
		if second, err = tx.Tokens().Wallet(ctx, ben.ID); err != nil {
			return err
		}
		ledger, err = tx.Tokens().Transactions(ctx, ben.ID, nil, 10)
		return err
	})
	if err != nil {
		f.Error(err)
	}
	if writing == nil {
		return
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	if first.Balance+second.Balance != 20 || int64(len(ledger)) != 1+(second.Balance-10)/4 {
		f.Errorf("a snapshot saw the balances %d and %d and %d lines of a ledger, which never existed together",
			first.Balance, second.Balance, len(ledger))
	}
	f.same("the balance afterwards", f.wallet(ben.ID).Balance, 14)
}

func freshReads(f *fixture) {
	ada := f.rich("ada", 10)
	var writing *task
	var written bool
	var w tokens.Wallet
	err := f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		if writing == nil {
			writing = inBackground(func() error {
				return f.try(func(ctx context.Context, tx ports.Tx) error {
					return post(ctx, tx, f.newEntry(ada.ID, 5, tokens.Bonus))
				})
			})
		}
		written = writing.endsSoon() // unless the writer waits for the reader
		w, err = tx.Tokens().Wallet(ctx, ada.ID)
		return err
	})
	if err != nil {
		f.Error(err)
	}
	if writing == nil {
		return
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	if written {
		f.same("a balance read after a commit", w.Balance, 15)
	}
}

func noLostUpdate(f *fixture) {
	const people = 8
	each := rounds(5, 200)
	ada := f.user("ada")
	f.allConcurrently(people, func(int) error {
		for range each {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				u, err := tx.Users().User(ctx, ada.ID)
				if err != nil {
					return err
				}
				n, _ := strconv.Atoi(u.Bio) // "" is 0
				u.Bio = strconv.Itoa(n + 1)
				return tx.Users().Save(ctx, u)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	got := read(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, ada.ID) })
	f.same("a counter that concurrent units raised", got.Bio, people*each)
	f.same("the version of the account", got.Version, 1+people*each)
	f.audited()
}

func noWriteSkew(f *fixture) {
	for i := range rounds(10, 300) {
		ada, ben := f.user(fmt.Sprintf("ada%d", i), admin), f.user(fmt.Sprintf("ben%d", i), admin)
		demoted := make([]bool, 2)
		f.allConcurrently(2, func(i int) error {
			target := []users.User{ada, ben}[i].ID
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				demoted[i] = false
				u, others, err := tx.Users().HoldWithAdmins(ctx, target)
				if err != nil || others == 0 {
					return err
				}
				demoted[i] = true
				u.Role = users.RoleUser
				return tx.Users().Save(ctx, u)
			})
		})
		left := read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
			return tx.Users().List(ctx, users.Filter{Role: users.RoleAdmin}, nil, 10)
		})
		if len(left) != 1 || demoted[0] == demoted[1] {
			f.Fatalf("round %d: %d admins are left after two tried to demote each other, want 1", i, len(left))
		}
		left[0].Role = users.RoleUser
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, left[0]) })
	}
}
