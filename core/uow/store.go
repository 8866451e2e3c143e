package uow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy bounds how long a unit of work is run again after conflicts.
type Policy struct {
	MaxTime  time.Duration // from the first attempt to giving up; default 10 s
	MinPause time.Duration // ceiling of the first pause, doubled after each; default 2 ms
	MaxPause time.Duration // ceiling of every pause; default 250 ms
}

// DefaultPolicy is what NewStore takes for what is left zero.
var DefaultPolicy = Policy{MaxTime: 10 * time.Second, MinPause: 2 * time.Millisecond, MaxPause: 250 * time.Millisecond}

// Store is what services hold: it runs units of work, and runs them again when they lost against
// others. It is safe for concurrent use. The closures may run more than once, so nothing outside the
// store may happen in them.
type Store[Tx any] struct {
	run    func(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error) error
	policy Policy
	key    *int // identity of the store behind all its narrowings: nesting is per store
}

// NewStore puts a Store in front of a Runner; zero fields of the policy take the defaults. Without a Runner
// it returns nil, which those who need a store report.
func NewStore[Tx any](runner Runner[Tx], policy Policy) *Store[Tx] {
	if runner == nil {
		return nil
	}
	if policy.MaxTime <= 0 {
		policy.MaxTime = DefaultPolicy.MaxTime
	}
	if policy.MinPause <= 0 {
		policy.MinPause = DefaultPolicy.MinPause
	}
	if policy.MaxPause <= 0 {
		policy.MaxPause = DefaultPolicy.MaxPause
	}
	return &Store[Tx]{run: runner.Run, policy: policy, key: new(int)}
}

// Narrow gives the same store, seen by someone who may touch less:
//
//	uow.Narrow(store, func(tx ports.Tx) messaging.Tx { return tx })
//
// A nil store stays nil, which those who need a store report.
func Narrow[Wide, Slim any](s *Store[Wide], narrow func(Wide) Slim) *Store[Slim] {
	if s == nil {
		return nil
	}
	return &Store[Slim]{
		run: func(ctx context.Context, mode Mode, fn func(context.Context, Slim) error) error {
			return s.run(ctx, mode, func(ctx context.Context, tx Wide) error { return fn(ctx, narrow(tx)) })
		},
		policy: s.policy,
		key:    s.key,
	}
}

// Do runs fn in a unit of work that writes: all of it is kept, or none. After a conflict it is run
// again, with a random pause, until the policy's time is over: then the error matches ErrConflict,
// which is a fault.Unavailable. Do returns fn's error, ctx.Err() (wrapped), ErrNested inside another
// unit of the same store, ErrOutcomeUnknown where it is not known whether fn's work was kept.
func (s *Store[Tx]) Do(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Write, fn, ErrConflict)
}

// DoRepeatable is Do for a fn that finds out by itself whether it was done before, as one with an
// idempotency key does: it is also run again after ErrOutcomeUnknown.
func (s *Store[Tx]) DoRepeatable(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Write, fn, ErrConflict, ErrOutcomeUnknown)
}

// View runs fn in a unit of work that only reads; each read sees what is committed when it begins.
// Errors are those of Do; there is no unknown outcome.
func (s *Store[Tx]) View(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Read, fn, ErrConflict)
}

// Snapshot is View with all reads seeing the store as it was at one moment.
func (s *Store[Tx]) Snapshot(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Snapshot, fn, ErrConflict)
}

// inside marks the context of a unit of work with its store.
type inside struct{ store *int }

// once marks a context in which nothing is run again.
type once struct{}

// Once gives a context in which no unit of work is run again: for adapters whose units can be made part of a host's
// own transaction, which a conflict ends as a whole.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, once{}, true) }

func (s *Store[Tx]) retry(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error, on ...error) error {
	if ctx.Value(inside{s.key}) != nil {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("begin a unit of work: %w", err)
	}
	marked := context.WithValue(ctx, inside{s.key}, true)
	deadline := time.Now().Add(s.policy.MaxTime)
	ceiling := s.policy.MinPause
	for {
		err := s.run(marked, mode, fn)
		if err == nil || !isAny(err, on) || ctx.Value(once{}) != nil {
			return err
		}
		pause := rand.N(ceiling) + 1 // #nosec G404 -- full jitter wants spread, not secrecy
		if time.Now().Add(pause).After(deadline) {
			return fmt.Errorf("gave up after %v: %w", s.policy.MaxTime, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("wait to run a unit of work again: %w", errors.Join(ctx.Err(), err))
		}
		ceiling = min(2*ceiling, s.policy.MaxPause)
	}
}

func isAny(err error, targets []error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}
