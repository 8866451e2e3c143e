package uow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy limits how long a unit of work is retried after conflicts.
type Policy struct {
	MaxTime  time.Duration // from the first attempt to giving up; default 10 s
	MinPause time.Duration // maximum of the first pause, doubled for each further pause; default 2 ms
	MaxPause time.Duration // maximum of every pause; default 250 ms
}

// DefaultPolicy returns the values that NewStore uses for the zero fields of a Policy.
func DefaultPolicy() Policy {
	return Policy{MaxTime: 10 * time.Second, MinPause: 2 * time.Millisecond, MaxPause: 250 * time.Millisecond}
}

// Store runs units of work for the services, and retries them after conflicts. It is safe for
// concurrent use. The functions passed to it may run more than once, so they must have no effects
// outside the store.
type Store[Tx any] struct {
	run    func(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error) error
	policy Policy
	key    *int // identifies the store and everything narrowed from it, to detect nesting
}

// NewStore returns a Store that runs its units with runner. Zero fields of the policy mean those of
// DefaultPolicy. If runner is nil, NewStore returns nil, which the services report as missing.
func NewStore[Tx any](runner Runner[Tx], policy Policy) *Store[Tx] {
	if runner == nil {
		return nil
	}
	defaults := DefaultPolicy()
	if policy.MaxTime <= 0 {
		policy.MaxTime = defaults.MaxTime
	}
	if policy.MinPause <= 0 {
		policy.MinPause = defaults.MinPause
	}
	if policy.MaxPause <= 0 {
		policy.MaxPause = defaults.MaxPause
	}
	return &Store[Tx]{run: runner.Run, policy: policy, key: new(int)}
}

// Narrow returns the same store with a transaction type that has fewer methods:
//
//	uow.Narrow(store, func(tx ports.Tx) messaging.Tx { return tx })
//
// If s is nil, Narrow returns nil, which the services report as missing.
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

// Do runs fn in a unit of work that writes: either all writes are committed or none. After a
// conflict it pauses for a random time and runs fn again. When the time of the policy is over, it
// returns an error that matches ErrConflict and fault.Unavailable. Do also returns the error of fn,
// ctx.Err() (wrapped), ErrNested inside another unit of the same store, and ErrOutcomeUnknown if it
// is not known whether the writes were committed.
func (s *Store[Tx]) Do(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Write, fn, ErrConflict)
}

// DoRepeatable is Do for a fn that detects whether it was committed before, for instance by an
// idempotency key. It runs fn again after ErrOutcomeUnknown as well.
func (s *Store[Tx]) DoRepeatable(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Write, fn, ErrConflict, ErrOutcomeUnknown)
}

// View runs fn in a unit of work that only reads. Each read sees what was committed before the read
// began. View returns the errors of Do except ErrOutcomeUnknown.
func (s *Store[Tx]) View(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Read, fn, ErrConflict)
}

// Snapshot is View, but all reads see the store at one point in time.
func (s *Store[Tx]) Snapshot(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error {
	return s.retry(ctx, Snapshot, fn, ErrConflict)
}

// inside is the context key that marks the context of a unit of work with its store.
type inside struct{ store *int }

// once is the context key that marks a context without retries.
type once struct{}

// WithoutRetry returns a context in which no unit of work is retried. It is for adapters that can run a
// unit as part of a transaction of the host program, because a conflict ends that transaction as a
// whole.
func WithoutRetry(ctx context.Context) context.Context { return context.WithValue(ctx, once{}, true) }

// attempts is the context of a unit of work. It counts the attempts, for the Runner.
type attempts struct {
	context.Context
	of      *int // the store
	began   time.Time
	running int // the number of the attempt that runs, from 1
}

type attemptsKey struct{}

// Value returns the attempts for their key, and marks the context as one of a unit of the store.
func (a *attempts) Value(key any) any {
	switch key {
	case attemptsKey{}:
		return a
	case inside{a.of}:
		return true
	}
	return a.Context.Value(key)
}

// Began returns when the first attempt of the unit of work of ctx began, or the present time if a
// Runner was called without a Store. Adapters use it to limit what all attempts of a unit take.
func Began(ctx context.Context) time.Time {
	if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok {
		return a.began
	}
	return time.Now()
}

// Attempt returns the number of the attempt of the unit of work of ctx that runs, from 1, so that a
// Runner can count retries. It returns 1 if the Runner was called without a Store.
func Attempt(ctx context.Context) int {
	if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok {
		return a.running
	}
	return 1
}

func (s *Store[Tx]) retry(ctx context.Context, mode Mode, fn func(ctx context.Context, tx Tx) error, on ...error) error {
	if ctx.Value(inside{s.key}) != nil {
		return ErrNested
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("begin a unit of work: %w", err)
	}
	try := &attempts{Context: ctx, of: s.key, began: time.Now()}
	deadline := try.began.Add(s.policy.MaxTime)
	ceiling := s.policy.MinPause
	fn, g := s.guarded(ctx, fn)
	for {
		try.running++
		err := s.run(try, mode, fn)
		if err == nil && g != nil {
			g.passed.Store(true)
		}
		if err == nil || !isAny(err, on) || ctx.Value(once{}) != nil {
			return err
		}
		pause := rand.N(ceiling) + 1 // #nosec G404 -- jitter need not be unpredictable
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
