package porttest

import (
	"context"
	"errors"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// units tests the promises of a unit of work with accounts only. The suite calls tests them with
// every method of every repository.
var units = []test{
	{"a store that can be reached answers a ping", pinged},
	{"an account that a unit commits is read by other units", keptAccount},
	{"a unit that fails or panics keeps no account", lostAccounts},
	{"a unit that only reads adds no account", readersAddNone},
	{"an account is not read after the end of a unit", notReadAfterEnd},
	{"a unit inside another is refused", nested},
	{"the context is made from the caller's", sameContext},
	{"a stale save is a conflict, and succeeds when run again", staleSave},
}

var errBoom = errors.New("boom")

func pinged(f *fixture) {
	if err := f.storage.Ping(f.ctx); err != nil {
		f.Errorf("Ping returned %v", err)
	}
}

// stored reports whether an account is stored.
func (f *fixture) stored(u users.User) bool {
	f.Helper()
	err := f.in(f.ctx, uow.Read, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().User(ctx, u.ID)
		return err
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		f.Fatalf("read an account: %v", err)
	}
	return err == nil
}

func keptAccount(f *fixture) {
	ada := f.account("ada")
	f.same("the account", f.accountOf(ada.ID), ada)
}

func lostAccounts(f *fixture) {
	ada, ben := f.newUser("ada"), f.newUser("ben")
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, ada, hashOf("ada")); err != nil {
			return err
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		f.Errorf("a unit returned %v, want the error that its function returned", err)
	}
	f.panics(func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, ben, hashOf("ben"))
		return err
	})
	f.unitsContinue()
	f.same("accounts of units that failed are stored", []bool{f.stored(ada), f.stored(ben)}, []bool{false, false})
}

// unitsContinue ends the test unless a unit is committed promptly. A store that does not release
// what a failed unit held would block all later units.
func (f *fixture) unitsContinue() {
	f.Helper()
	cleo := f.newUser("cleo")
	limit, stop := context.WithTimeout(f.ctx, promptly)
	defer stop()
	err := inBackground(func() error {
		return f.store.Do(limit, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().Add(ctx, cleo, hashOf("cleo"))
			return err
		})
	}).wait(limit)
	if err != nil {
		f.Fatalf("a unit after one that failed and one that panicked returned %v", err)
	}
}

// panics runs a unit that panics after fn has returned nil, and fails the test if the panic does
// not reach the caller.
func (f *fixture) panics(fn unit) {
	f.Helper()
	defer func() {
		if got := recover(); got != errBoom && got != nil {
			f.Errorf("recovered %v, want the value that the function panicked with", got)
		}
	}()
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		panic(errBoom)
	})
	f.Errorf("a unit that panics returned %v", err)
}

func readersAddNone(f *fixture) {
	ada := f.newUser("ada")
	for _, mode := range reading {
		err := f.in(f.ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().Add(ctx, ada, hashOf("ada"))
			return err
		})
		if !errors.Is(err, uow.ErrReadOnly) {
			f.Errorf("in mode %d, adding an account returned %v, want ErrReadOnly", mode, err)
		}
	}
	f.same("an account of a unit that only reads is stored", f.stored(ada), false)
}

func notReadAfterEnd(f *fixture) {
	ada := f.account("ada")
	var ended ports.Tx
	f.view(func(_ context.Context, tx ports.Tx) error {
		ended = tx
		return nil
	})
	if _, err := ended.Users().User(f.ctx, ada.ID); !errors.Is(err, uow.ErrEnded) {
		f.Errorf("after the end of its unit, reading an account returned %v, want ErrEnded", err)
	}
}

func nested(f *fixture) {
	ada := f.newUser("ada")
	var inner []error
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, ada, hashOf("ada")); err != nil {
			return err
		}
		ran := func(context.Context, ports.Tx) error { return errors.New("the inner unit ran") }
		inner = []error{f.store.Do(ctx, ran), f.store.View(ctx, ran), f.store.Snapshot(ctx, ran)}
		return nil
	})
	for _, err := range inner {
		if !errors.Is(err, uow.ErrNested) {
			f.Errorf("a unit inside another one returned %v, want ErrNested", err)
		}
	}
	f.same("the account that the outer unit added is stored", f.stored(ada), true)
}

func sameContext(f *fixture) {
	type key struct{}
	ctx := context.WithValue(f.ctx, key{}, "the caller's")
	for _, mode := range []uow.Mode{uow.Write, uow.Read, uow.Snapshot} {
		var value any
		err := f.in(ctx, mode, func(ctx context.Context, _ ports.Tx) error {
			value = ctx.Value(key{})
			return nil
		})
		if err != nil {
			f.Errorf("in mode %d: %v", mode, err)
		}
		f.same("a value of the context", value, "the caller's")
	}
}

func staleSave(f *fixture) {
	ada := f.account("ada")
	ada.Bio = "first"
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, ada) })
	before := f.dump()

	stale := ada // the store has the next version
	stale.Bio = "second"
	ben := f.newUser("ben")
	err := f.once(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, ben, hashOf("ben")); err != nil {
			return err
		}
		return tx.Users().Save(ctx, stale)
	})
	if !errors.Is(err, uow.ErrConflict) {
		f.Errorf("a stale save returned %v, want ErrConflict", err)
	}
	f.same("an account added in a unit with a stale save is stored", f.stored(ben), false)
	f.unchanged("a unit with a stale save", before)

	lost := false
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if !lost {
			lost = true
			return tx.Users().Save(ctx, stale)
		}
		u, err := tx.Users().User(ctx, ada.ID)
		if err != nil {
			return err
		}
		u.Bio = "third"
		return tx.Users().Save(ctx, u)
	})
	ada.Bio, ada.Version = "third", 3
	f.same("the account that the second run saved", f.accountOf(ada.ID), ada)
}
