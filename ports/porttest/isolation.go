package porttest

import (
	"context"
	"errors"
	"fmt"
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

// lookAt reads the rows of everything from outside while a unit is under way; a store whose readers wait
// for its writer answers nil until then.
func (f *fixture) lookAt(inside func(look *task) error) (seen contents, unitErr error) {
	f.Helper()
	looking := make(chan *task, 1)
	unitErr = f.run(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, f.newUser("unseen"), users.PasswordHash{}); err != nil {
			return err
		}
		look := aside(func() error {
			return f.storage.Run(f.ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) (err error) {
				seen, err = dumpIn(ctx, tx)
				return err
			})
		})
		looking <- look
		return inside(look)
	})
	select {
	case look := <-looking:
		if err := look.wait(f.ctx); err != nil {
			f.Fatalf("a reader failed: %v", err)
		}
	default:
		f.Fatalf("the unit did not begin: %v", unitErr)
	}
	return seen, unitErr
}

func noDirtyRead(f *fixture) {
	f.user("ada")
	before := f.dump()
	first := false
	seen, err := f.lookAt(func(look *task) error {
		first = look.soon()
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	if first && diff(before, seen) != "" {
		f.Errorf("a reader saw what was not committed:\n%s", diff(before, seen))
	}
	if diff(before, f.dump()) == "" {
		f.Error("a reader that came after the commit did not see it")
	}
}

func noPhantomOfRollback(f *fixture) {
	f.user("ada")
	before := f.dump()
	seen, err := f.lookAt(func(look *task) error {
		look.soon()
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		f.Fatal(err)
	}
	if d := diff(before, seen); d != "" {
		f.Errorf("a reader saw what was rolled back:\n%s", d)
	}
}

// wholeCommits moves tokens around in a ring, and reads meanwhile: none may be missing.
func wholeCommits(f *fixture) {
	const people, each = 4, 100
	ring := make([]id.User, people)
	for i, u := range f.many(people, "ring") {
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
		for _, mode := range reading {
			var sum int64
			err := f.storage.Run(f.ctx, mode, func(ctx context.Context, tx ports.Tx) (err error) {
				sum, err = balances(ctx, tx)
				return err
			})
			if !lostOrNil(err) {
				f.Fatal(err)
			}
			if err == nil && sum != people*each {
				f.Fatalf("in mode %d, a reader saw %d tokens, want %d: half a unit", mode, sum, people*each)
			}
		}
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	f.audited()
}

// balances sums all wallets in one read.
func balances(ctx context.Context, tx ports.Tx) (sum int64, err error) {
	wallets, err := tx.Rows().Read(ctx, ports.Wallets, nil, 1000)
	for _, w := range wallets {
		balance, ok := w[2].(int64)
		if !ok {
			return 0, fmt.Errorf("a balance came as %T", w[2])
		}
		sum += balance
	}
	return sum, err
}

func oneMoment(f *fixture) {
	ada, ben := f.rich("ada", 10), f.rich("ben", 10)
	var first, second int64
	var writing *task
	err := f.storage.Run(f.ctx, uow.Snapshot, func(ctx context.Context, tx ports.Tx) error {
		a, err := tx.Tokens().Wallet(ctx, ada.ID)
		if err != nil {
			return err
		}
		writing = aside(func() error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(ada.ID, -4, tokens.AdminAdjustment), f.newEntry(ben.ID, 4, tokens.AdminAdjustment))
			})
		})
		writing.soon() // or it waits for the snapshot's end
		b, err := tx.Tokens().Wallet(ctx, ben.ID)
		if err != nil {
			return err
		}
		first, second = a.Balance, b.Balance
		list, err := tx.Tokens().Transactions(ctx, ben.ID, nil, 10)
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("the ledger has %d lines for the balance %d", len(list), second)
		}
		return err
	})
	if err != nil {
		f.Error(err)
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
	}
	if first != 10 || second != 10 {
		f.Errorf("a snapshot saw %d and %d, want 10 and 10", first, second)
	}
	f.same("the balance afterwards", f.wallet(ben.ID).Balance, 14)
}

func freshReads(f *fixture) {
	ada := f.rich("ada", 10)
	var writing *task
	err := f.storage.Run(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
		writing = aside(func() error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
				return post(ctx, tx, f.newEntry(ada.ID, 5, tokens.Bonus))
			})
		})
		if !writing.soon() {
			return nil // the writer waits for the reader
		}
		w, err := tx.Tokens().Wallet(ctx, ada.ID)
		if err == nil {
			f.same("a balance read after a commit", w.Balance, 15)
		}
		return err
	})
	if err != nil {
		f.Error(err)
	}
	if err := writing.wait(f.ctx); err != nil {
		f.Fatal(err)
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
