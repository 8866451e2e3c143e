package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// cancellation tests that a context that ends stops the work, but not the cleaning up.
var cancellation = []test{
	{"a unit that is cancelled before it begins keeps nothing", cancelledBefore},
	{"a unit that is cancelled at any call keeps nothing", cancelledDuring},
	{"a unit that is cancelled before its commit keeps nothing", cancelledAtTheEnd},
	{"a unit that is cancelled while it waits for another ends", cancelledWaiting},
	{"a deadline ends waiting", deadlineWaiting},
	{"an error that the caller returns after the cancellation is kept", cancelledWithError},
}

// closing tests Close.
var closing = []test{
	{"a closed store refuses units", unitsAfterClose},
	{"closing twice does nothing", closedTwice},
	{"closing waits for the units under way", closeWaits},
	{"closing ends with its context", closeGivesUp},
}

// alive fails the test if the store no longer works.
func (f *fixture) alive() {
	f.Helper()
	name := f.newUser("").ID.String()
	f.user(name)
}

func cancelledBefore(f *fixture) {
	before := f.dump()
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for _, mode := range []uow.Mode{uow.Write, uow.Read, uow.Snapshot} {
		err := f.storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().List(ctx, users.Filter{}, nil, 1)
			return err
		})
		if !errors.Is(err, context.Canceled) {
			f.Errorf("mode %d: a unit under a cancelled context returned %v", mode, err)
		}
	}
	err := f.storage.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, f.newUser("ada"), users.PasswordHash{})
		return err
	})
	if !errors.Is(err, context.Canceled) {
		f.Errorf("a unit under a cancelled context returned %v", err)
	}
	f.unchanged("a unit under a cancelled context", before)
	f.alive()
}

func cancelledDuring(f *fixture) {
	w := f.town()
	before := f.dump()
	for _, c := range w.calls(f) {
		ctx, cancel := context.WithCancel(f.ctx)
		err := f.in(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			if _, err := tx.Users().Add(ctx, f.newUser("unborn"), users.PasswordHash{}); err != nil {
				return err
			}
			cancel()
			return c.run(ctx, tx)
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			f.Errorf("a unit that was cancelled before %s returned %v", c.name, err)
		}
	}
	f.unchanged("units that were cancelled", before)
	f.alive()
}

func cancelledAtTheEnd(f *fixture) {
	before := f.dump()
	ctx, cancel := context.WithCancel(f.ctx)
	err := f.in(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Add(ctx, f.newUser("unborn"), users.PasswordHash{})
		if !errors.Is(err, uow.ErrConflict) {
			cancel()
		}
		return err
	})
	if !errors.Is(err, context.Canceled) {
		f.Errorf("a unit that was cancelled before its commit returned %v", err)
	}
	f.unchanged("a unit that was cancelled before its commit", before)
	f.alive()
}

func cancelledWithError(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	err := f.in(ctx, uow.Write, func(context.Context, ports.Tx) error {
		cancel()
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		f.Errorf("a unit returned %v, want the error of its function", err)
	}
	f.alive()
}

// promptly is the time limit for calls that must end by themselves. It is far longer than they
// take, because the machine may be busy.
const promptly = 10 * time.Second

// whileHeld begins a second unit under ctx while a first one holds the same guard, and returns the
// error of the second. It ends the test if the second unit does not end before the first one.
func (f *fixture) whileHeld(ctx context.Context, g guard, meanwhile func()) error {
	f.Helper()
	var waiting *task
	var second error
	err := f.try(func(holding context.Context, tx ports.Tx) error {
		if waiting != nil { // an earlier run lost after the second unit had ended
			return nil
		}
		if err := g.hold(holding, tx); err != nil {
			return err
		}
		waiting = inBackground(func() error { return f.storage.Run(ctx, uow.Write, g.hold) })
		waiting.endsSoon()
		meanwhile()
		limit, stop := context.WithTimeout(f.ctx, promptly)
		defer stop()
		second = waiting.wait(limit)
		return nil
	})
	if err != nil {
		f.Fatalf("the unit that held the guard failed: %v", err)
	}
	if errors.Is(second, errNeverEnded) {
		f.Fatal("a unit that waits for another one does not end with its context")
	}
	return second
}

// Not every guard excludes itself: the second unit may be in its commit when its context ends.
func cancelledWaiting(f *fixture) {
	w := f.town()
	for name, g := range w.guards(f) {
		ctx, cancel := context.WithCancel(f.ctx)
		err := f.whileHeld(ctx, g, cancel)
		if !lostOrNil(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, uow.ErrOutcomeUnknown) {
			f.Errorf("%s: a unit that was cancelled while it waited returned %v", name, err)
		}
	}
	f.alive()
}

func deadlineWaiting(f *fixture) {
	w := f.town()
	for name, g := range w.guards(f) {
		ctx, cancel := context.WithTimeout(f.ctx, patience)
		err := f.whileHeld(ctx, g, func() { <-ctx.Done() })
		cancel()
		if !lostOrNil(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, uow.ErrOutcomeUnknown) {
			f.Errorf("%s: a unit that reached its deadline while it waited returned %v", name, err)
		}
	}
	f.alive()
}

func unitsAfterClose(f *fixture) {
	ada := f.account("ada")
	if err := f.storage.Close(f.ctx); err != nil {
		f.Fatal(err)
	}
	for _, mode := range []uow.Mode{uow.Write, uow.Read, uow.Snapshot} {
		err := f.storage.Run(f.ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().User(ctx, ada.ID)
			return err
		})
		if !errors.Is(err, fault.Unavailable) {
			f.Errorf("mode %d: a unit on a closed store returned %v, want a fault.Unavailable", mode, err)
		}
	}
	if err := f.storage.Ping(f.ctx); !errors.Is(err, fault.Unavailable) {
		f.Errorf("Ping of a closed store returned %v, want a fault.Unavailable", err)
	}
}

func closedTwice(f *fixture) {
	for range 2 {
		if err := f.storage.Close(f.ctx); err != nil {
			f.Errorf("close: %v", err)
		}
	}
}

func closeWaits(f *fixture) {
	var closing *task
	under := func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, f.newUser("ada"), users.PasswordHash{}); err != nil {
			return err
		}
		closing = inBackground(func() error { return f.storage.Close(f.ctx) })
		if closing.endsSoon() {
			return fmt.Errorf("close returned while a unit was under way: %w", closing.wait(f.ctx))
		}
		_, err := tx.Users().Add(ctx, f.newUser("ben"), users.PasswordHash{})
		return err
	}
	err := f.once(under)
	// After Close has begun, the unit cannot be run again.
	for closing == nil && errors.Is(err, uow.ErrConflict) && f.ctx.Err() == nil {
		err = f.once(under)
	}
	if !lostOrNil(err) {
		f.Errorf("a unit that was under way when the store was closed returned %v", err)
	}
	if closing == nil {
		return
	}
	if err := closing.wait(f.ctx); err != nil {
		f.Errorf("close: %v", err)
	}
}

func closeGivesUp(f *fixture) {
	begun, end := make(chan struct{}), make(chan struct{})
	under := inBackground(func() error {
		return f.once(func(context.Context, ports.Tx) error {
			close(begun)
			<-end
			return nil
		})
	})
	select {
	case <-begun:
	case <-under.done:
		f.Fatalf("the unit did not begin: %v", under.err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	closing := inBackground(func() error { return f.storage.Close(ctx) })
	limit, stop := context.WithTimeout(f.ctx, promptly)
	defer stop()
	if err := closing.wait(limit); errors.Is(err, errNeverEnded) {
		f.Error("closing did not end with its context")
	}
	close(end)
	_ = under.wait(f.ctx) // the store is closed, so the unit may return any error
}
