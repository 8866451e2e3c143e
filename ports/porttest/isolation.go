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

// isolation is what units of work see, and do not see, of one another.
var isolation = []test{
	{"nobody sees what is not committed", noDirtyRead},
	{"nobody sees what was rolled back", noPhantomOfRollback},
	{"a commit is seen at once and whole", wholeCommits},
	{"a snapshot is one moment", oneMoment},
	{"a reading unit sees what was committed before each read", freshReads},
	{"load, change and save lose no update", noLostUpdate},
	{"two admins cannot demote each other", noWriteSkew},
}

// lookAt lists all accounts from outside while a unit that added one is under way. first reports whether the
// reader ended before that unit; a store whose readers wait for its writer lists them later.
func (f *fixture) lookAt(end error) (seen []users.User, first bool) {
	f.Helper()
	var look *task
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, f.newUser("unseen"), users.PasswordHash{}); err != nil {
			return err
		}
		if look == nil {
			look = aside(func() error {
				return f.in(f.ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) (err error) {
					seen, err = tx.Users().List(ctx, users.Filter{}, nil, 100)
					return err
				})
			})
			first = look.soon()
		}
		return end
	})
	if !errors.Is(err, end) || look == nil {
		f.Fatalf("the unit answered %v, want %v", err, end)
	}
	if err := look.wait(f.ctx); err != nil {
		f.Fatalf("a reader failed: %v", err)
	}
	return seen, first
}

// everybody lists all accounts.
func (f *fixture) everybody() []users.User {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]users.User, error) {
		return tx.Users().List(ctx, users.Filter{}, nil, 100)
	})
}

func noDirtyRead(f *fixture) {
	f.user("ada")
	if seen, first := f.lookAt(nil); first && len(seen) != 1 {
		f.Errorf("a reader saw what was not committed: %+v", seen)
	}
	f.same("how many accounts a reader sees that came after the commit", len(f.everybody()), 2)
}

func noPhantomOfRollback(f *fixture) {
	f.user("ada")
	if seen, _ := f.lookAt(errBoom); len(seen) != 1 {
		f.Errorf("a reader saw what was rolled back: %+v", seen)
	}
	f.same("how many accounts there are after the rollback", len(f.everybody()), 1)
}

// wholeCommits moves tokens around in a ring, and reads meanwhile: none may be missing in a snapshot.
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

func (f *fixture) wholeCommits(mode uow.Mode, balances func(ctx context.Context, tx ports.Tx, ring []id.User) (int64, error)) {
	f.Helper()
	const people, each = 4, 100
	ring := make([]id.User, people)
	for i, u := range f.many(people, fmt.Sprint("ring", mode)) {
		ring[i] = u.ID
		f.post(u.ID, each, tokens.SignupBonus)
	}
	writing := aside(func() error {
		for i := range rounds(60, 2000) {
			err := f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx,
					f.newEntry(ring[i%people], -3, tokens.AdminAdjustment), f.newEntry(ring[(i+1)%people], 3, tokens.AdminAdjustment))
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
			over = true // and look once more
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
			f.Fatalf("in mode %d, a reader saw %d tokens, want %d: half a unit", mode, sum, people*each)
		}
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	f.audited()
}

// balances sums the wallets of some people in one read of all.
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
			writing = aside(func() error {
				return f.try(func(ctx context.Context, tx ports.Tx) error {
					return post(ctx, tx, f.newEntry(ada.ID, -4, tokens.AdminAdjustment), f.newEntry(ben.ID, 4, tokens.AdminAdjustment))
				})
			})
			writing.soon() // or it waits for the snapshot's end
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
		f.Errorf("a snapshot saw the balances %d and %d and %d lines of a ledger, which are not of one moment",
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
			writing = aside(func() error {
				return f.try(func(ctx context.Context, tx ports.Tx) error {
					return post(ctx, tx, f.newEntry(ada.ID, 5, tokens.Bonus))
				})
			})
		}
		written = writing.soon() // or the writer waits for the reader
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
	f.allTogether(people, func(int) error {
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
	f.same("a count that all raised at once", got.Bio, people*each)
	f.same("the version after that", got.Version, 1+people*each)
	f.audited()
}

func noWriteSkew(f *fixture) {
	for i := range rounds(10, 300) {
		ada, ben := f.user(fmt.Sprintf("ada%d", i), admin), f.user(fmt.Sprintf("ben%d", i), admin)
		demoted := make([]bool, 2)
		f.allTogether(2, func(i int) error {
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
			f.Fatalf("round %d: %d admins are left after two demoted each other, want 1", i, len(left))
		}
		left[0].Role = users.RoleUser
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, left[0]) })
	}
}
