package porttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// noon is when everything in the tests happens, but for what says otherwise.
var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// policy is patient, for machines that are busy with other things: how long a store makes people wait is not
// what is judged here.
var policy = uow.Policy{MaxTime: time.Minute}

// unit is the body of a unit of work.
type unit = func(ctx context.Context, tx ports.Tx) error

// fixture is one test with its store.
type fixture struct {
	*testing.T
	open    func(t *testing.T) ports.Storage
	ctx     context.Context // ends when the test has taken far too long
	storage ports.Storage
	store   *ports.Store
	ids     *id.Generator
}

func newFixture(t *testing.T, open func(t *testing.T) ports.Storage) *fixture {
	t.Helper()
	limit := 2 * time.Minute
	if soak() {
		limit = time.Hour
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	f := &fixture{T: t, open: open, ctx: ctx, ids: id.NewGenerator(nil)}
	f.storage = f.another()
	f.store = ports.NewStore(f.storage, policy)
	return f
}

// another opens a further empty store, and closes it when the test is over.
func (f *fixture) another() ports.Storage {
	f.Helper()
	s := f.open(f.T)
	if s == nil {
		f.Fatal("no store was opened: it is nil")
	}
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), promptly)
		defer cancel()
		limit, stop := context.WithTimeout(context.Background(), 2*promptly)
		defer stop()
		err := aside(func() error { return s.Close(ctx) }).wait(limit)
		if err != nil && !errors.Is(err, fault.Unimplemented) { // which the suite closing reports
			f.Errorf("close the store: %v", err)
		}
	})
	return s
}

// do runs a unit that must be kept.
func (f *fixture) do(fn unit) {
	f.Helper()
	if err := f.store.Do(f.ctx, fn); err != nil {
		f.Fatalf("a unit of work failed: %v", err)
	}
}

// view runs a unit that reads.
func (f *fixture) view(fn unit) {
	f.Helper()
	if err := f.store.View(f.ctx, fn); err != nil {
		f.Fatalf("a unit of work that reads failed: %v", err)
	}
}

// once runs a unit of work that writes a single time: for tests in which a conflict is an answer. Everything
// else runs units again after a conflict, and so its closures return errors, and report none of them.
func (f *fixture) once(fn unit) error { return f.storage.Run(f.ctx, uow.Write, fn) }

// try runs a unit of work that writes, and returns its error.
func (f *fixture) try(fn unit) error { return f.store.Do(f.ctx, fn) }

// in runs a unit of work in a mode, and returns its error.
func (f *fixture) in(ctx context.Context, mode uow.Mode, fn unit) error {
	switch mode {
	case uow.Read:
		return f.store.View(ctx, fn)
	case uow.Snapshot:
		return f.store.Snapshot(ctx, fn)
	default:
		return f.store.Do(ctx, fn)
	}
}

// write answers what one call in a unit of its own does.
func write[T any](f *fixture, fn func(ctx context.Context, tx ports.Tx) (T, error)) (answer T) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		answer, err = fn(ctx, tx)
		return err
	})
	return answer
}

// read answers what one call in a reading unit of its own does.
func read[T any](f *fixture, fn func(ctx context.Context, tx ports.Tx) (T, error)) (answer T) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) (err error) {
		answer, err = fn(ctx, tx)
		return err
	})
	return answer
}

// same fails the test where two values read differently. A nil list or map is as good as an empty one.
func (f *fixture) same(what string, got, want any) {
	f.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		f.Errorf("%s:\n got %s\nwant %s", what, shorten(g), shorten(w))
	}
}

func shorten(s string) string {
	const most = 2000
	if len(s) > most {
		return fmt.Sprintf("%s… (%d bytes)", s[:most], len(s))
	}
	return s
}

// soak reports whether the long run was asked for.
func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// rounds is how often a concurrent test is repeated.
func rounds(small, full int) int {
	if soak() {
		return full
	}
	return small
}
