package uow

import (
	"context"
	"fmt"
	"sync/atomic"
)

// guardKey is the context key of the guard of a store's units.
type guardKey struct{ store *int }

// guard is the context of a request whose units of work begin with a check.
type guard struct {
	context.Context
	of     *int // the store
	check  func(ctx context.Context, tx any) error
	passed atomic.Bool
}

// Value returns the guard for its key.
func (g *guard) Value(key any) any {
	if key == (guardKey{g.of}) {
		return g
	}
	return g.Context.Value(key)
}

// Guarded returns a context of one request in which the units of work of the store, and of all that
// are narrowed from it, begin with check, until one of them has succeeded; passed reports whether
// one has. An error of check ends its unit like one of a repository, so that nothing is read or
// written for a request that check refuses. A store may carry out what check asks together with the
// first question of the unit, which saves a round trip. check runs again in a unit that is retried.
func (s *Store[Tx]) Guarded(ctx context.Context, check func(ctx context.Context, tx Tx) error) (guarded context.Context, passed func() bool) {
	g := &guard{Context: ctx, of: s.key, check: func(ctx context.Context, tx any) error {
		own, ok := tx.(Tx)
		if !ok {
			return fmt.Errorf("uow: a guard cannot use the transaction %T", tx)
		}
		return check(ctx, own)
	}}
	return g, g.passed.Load
}

// guarded returns fn with the guard of ctx before it, and that guard. The guard is nil if there is
// none, or if it has passed.
func (s *Store[Tx]) guarded(
	ctx context.Context, fn func(ctx context.Context, tx Tx) error,
) (guarded func(ctx context.Context, tx Tx) error, g *guard) {
	g, _ = ctx.Value(guardKey{s.key}).(*guard)
	if g == nil || g.passed.Load() {
		return fn, nil
	}
	return func(ctx context.Context, tx Tx) error {
		if err := g.check(ctx, tx); err != nil {
			return err
		}
		return fn(ctx, tx)
	}, g
}
