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

// noon is the time of every event in the tests, unless a test chooses another one.
var noon = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)

// policy retries for long, because a busy machine is slow and the kit does not judge how long units
// wait.
var policy = uow.Policy{MaxTime: time.Minute}

// unit is the body of a unit of work.
type unit = func(ctx context.Context, tx ports.Tx) error

// fixture is a running test and its store.
type fixture struct {
	*testing.T
	open    func(t *testing.T) ports.Storage
	ctx     context.Context // ends after far more time than the test needs
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

// another opens a further empty store, and closes it when the test ends.
func (f *fixture) another() ports.Storage {
	f.Helper()
	s := f.open(f.T)
	if s == nil {
		f.Fatal("the function that opens a store returned nil")
	}
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), promptly)
		defer cancel()
		limit, stop := context.WithTimeout(context.Background(), 2*promptly)
		defer stop()
		err := inBackground(func() error { return s.Close(ctx) }).wait(limit)
		if err != nil && !errors.Is(err, fault.Unimplemented) { // the suite closing reports this
			f.Errorf("close the store: %v", err)
		}
	})
	return s
}

// do runs a unit of work that writes, and ends the test if it is not committed.
func (f *fixture) do(fn unit) {
	f.Helper()
	if err := f.store.Do(f.ctx, fn); err != nil {
		f.Fatalf("a unit of work failed: %v", err)
	}
}

// view runs a unit of work that reads, and ends the test if it fails.
func (f *fixture) view(fn unit) {
	f.Helper()
	if err := f.store.View(f.ctx, fn); err != nil {
		f.Fatalf("a unit of work that reads failed: %v", err)
	}
}

// once runs a unit of work that writes a single time, for tests that expect conflicts. The other
// functions here run a unit again after a conflict, so its closure must return errors and not
// report them to the test.
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

// write makes one call in a unit of work of its own that writes, and returns its result.
func write[T any](f *fixture, fn func(ctx context.Context, tx ports.Tx) (T, error)) (answer T) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) (err error) {
		answer, err = fn(ctx, tx)
		return err
	})
	return answer
}

// read makes one call in a unit of work of its own that reads, and returns its result.
func read[T any](f *fixture, fn func(ctx context.Context, tx ports.Tx) (T, error)) (answer T) {
	f.Helper()
	f.view(func(ctx context.Context, tx ports.Tx) (err error) {
		answer, err = fn(ctx, tx)
		return err
	})
	return answer
}

// same fails the test if two values are printed differently. A nil list or map equals an empty one.
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

// soak reports whether the environment asks for the long run.
func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// rounds returns how often a concurrent test is repeated.
func rounds(small, full int) int {
	if soak() {
		return full
	}
	return small
}
