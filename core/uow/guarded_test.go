package uow_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/cicerone-go/cicerone/core/uow"
)

// TestGuarded checks that units begin with a guard until one of them has succeeded, also those of a
// narrowed store, and that the units of another store do not.
func TestGuarded(t *testing.T) {
	store := uow.NewStore[*int](&tally{total: 3}, uow.Policy{})
	slim := uow.Narrow(store, func(n *int) any { return n })
	other := uow.NewStore[*int](&tally{}, uow.Policy{})

	var refusal error
	checked := 0
	ctx, passed := store.Guarded(t.Context(), func(_ context.Context, n *int) error {
		if *n != 3 {
			t.Errorf("the guard found %d, want the number of its store", *n)
		}
		checked++
		return refusal
	})
	ran := 0
	run := func(what string, wantErr error, wantRuns, wantChecks int, wantPassed bool, unit func() error) {
		t.Helper()
		ran, checked = 0, 0
		if err := unit(); !errors.Is(err, wantErr) || wantErr == nil && err != nil {
			t.Errorf("%s returned %v, want %v", what, err, wantErr)
		}
		if ran != wantRuns || checked != wantChecks || passed() != wantPassed {
			t.Errorf("%s ran %d times with %d checks, passed %v; want %d, %d, %v", what, ran, checked, passed(), wantRuns, wantChecks, wantPassed)
		}
	}
	var failure error
	fn := func(context.Context, *int) error { ran++; return failure }
	do := func() error { return store.Do(ctx, fn) }
	view := func() error { return store.View(ctx, fn) }

	run("a unit of another store", nil, 1, 0, false, func() error { return other.Do(ctx, fn) })
	refusal = io.ErrClosedPipe
	run("a unit that is refused", io.ErrClosedPipe, 0, 1, false, do)
	run("a view that is refused", io.ErrClosedPipe, 0, 1, false, view)
	refusal, failure = nil, io.ErrShortWrite
	run("a unit that fails", io.ErrShortWrite, 1, 1, false, do)
	failure = nil
	run("a unit that conflicts once", nil, 2, 2, true, func() error {
		return store.Do(ctx, func(context.Context, *int) error {
			if ran++; ran == 1 {
				return uow.ErrConflict
			}
			return nil
		})
	})
	refusal = io.ErrClosedPipe
	run("a unit after one that succeeded", nil, 1, 0, true, view)

	ctx, passed = slim.Guarded(t.Context(), func(context.Context, any) error { checked++; return nil })
	run("a view of a store that was narrowed", nil, 1, 1, true, view)
}

// TestGuardOfAnotherType checks that a guard which cannot use the transaction of a unit refuses it.
func TestGuardOfAnotherType(t *testing.T) {
	store := uow.NewStore[*int](&tally{}, uow.Policy{})
	slim := uow.Narrow(store, func(n *int) string { return "narrow" })
	ctx, _ := slim.Guarded(t.Context(), func(context.Context, string) error { return nil })
	err := store.Do(ctx, func(context.Context, *int) error { t.Error("the unit ran"); return nil })
	if err == nil {
		t.Error("got no error")
	}
}
