package porttest

import (
	"context"
	"errors"
	"strconv"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// reading are the modes that only read.
var reading = []uow.Mode{uow.Read, uow.Snapshot}

func readOnly(f *fixture) {
	w := f.town()
	before := f.dump()
	for _, mode := range reading {
		for _, c := range w.writes(f) {
			err := f.storage.Run(f.ctx, mode, func(ctx context.Context, tx ports.Tx) error { return c.run(ctx, tx) })
			if !errors.Is(err, uow.ErrReadOnly) {
				f.Errorf("in mode %d, %s answered %v, want ErrReadOnly", mode, c.name, err)
			}
		}
	}
	f.unchanged("a unit that only reads", before)
}

func readingModes(f *fixture) {
	w := f.town()
	for _, mode := range reading {
		err := f.storage.Run(f.ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			for _, c := range w.reads() {
				if err := c.run(ctx, tx); err != nil {
					f.Errorf("in mode %d, %s failed: %v", mode, c.name, err)
				}
			}
			return nil
		})
		if err != nil {
			f.Errorf("in mode %d, reading failed: %v", mode, err)
		}
	}
}

func usedAfterEnd(f *fixture) {
	w := f.town()
	for _, end := range []struct {
		name string
		mode uow.Mode
		err  error
	}{{"a commit", uow.Write, nil}, {"a rollback", uow.Write, errBoom}, {"reading", uow.Read, nil}, {"a snapshot", uow.Snapshot, nil}} {
		var kept ports.Tx
		err := f.storage.Run(f.ctx, end.mode, func(_ context.Context, tx ports.Tx) error {
			kept = tx
			return end.err
		})
		if !errors.Is(err, end.err) {
			f.Fatal(err)
		}
		before := f.dump()
		for _, c := range w.calls(f) {
			if err := c.run(f.ctx, kept); !errors.Is(err, uow.ErrEnded) {
				f.Errorf("after %s, %s answered %v, want ErrEnded", end.name, c.name, err)
			}
		}
		f.unchanged("a unit that was over", before)
	}
}

func nested(f *fixture) {
	ada := f.newUser("ada")
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, ada, users.PasswordHash{}); err != nil {
			return err
		}
		inner := func(context.Context, ports.Tx) error {
			f.Error("the inner unit ran")
			return nil
		}
		for _, err := range []error{f.store.Do(ctx, inner), f.store.View(ctx, inner), f.store.Snapshot(ctx, inner)} {
			if !errors.Is(err, uow.ErrNested) {
				f.Errorf("a unit inside another one answered %v, want ErrNested", err)
			}
		}
		return nil
	})
	read(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, ada.ID) })
}

func sameContext(f *fixture) {
	type key struct{}
	ctx := context.WithValue(f.ctx, key{}, "the caller's")
	for _, mode := range []uow.Mode{uow.Write, uow.Read, uow.Snapshot} {
		err := f.storage.Run(ctx, mode, func(ctx context.Context, _ ports.Tx) error {
			f.same("a value of the context", ctx.Value(key{}), "the caller's")
			return nil
		})
		if err != nil {
			f.Errorf("in mode %d: %v", mode, err)
		}
	}
}

func staleSave(f *fixture) {
	ada := f.user("ada")
	ada.Bio = "first"
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().Save(ctx, ada) })
	before := f.dump()

	stale := ada // its version was stored once already
	stale.Bio = "second"
	err := f.run(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, f.newUser("ben"), users.PasswordHash{}); err != nil {
			return err
		}
		return tx.Users().Save(ctx, stale)
	})
	if !errors.Is(err, uow.ErrConflict) {
		f.Errorf("a stale save answered %v, want ErrConflict", err)
	}
	f.unchanged("a unit with a stale save", before)

	attempts := 0
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if attempts++; attempts == 1 {
			return tx.Users().Save(ctx, stale)
		}
		u, err := tx.Users().User(ctx, ada.ID)
		if err != nil {
			return err
		}
		u.Bio = "attempt " + strconv.Itoa(attempts)
		return tx.Users().Save(ctx, u)
	})
	got := read(f, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, ada.ID) })
	ada.Bio, ada.Version = "attempt 2", 3
	f.same("the account that was saved at the second attempt", got, ada)
}

func pinged(f *fixture) {
	if err := f.storage.Ping(f.ctx); err != nil {
		f.Errorf("a store that can be reached answered a ping with %v", err)
	}
}
