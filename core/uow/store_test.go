package uow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/uow"
)

// tx is the transaction of the units of work in these tests.
type tx struct{ attempt int }

// script is a Runner with a predetermined error for each attempt. An attempt returns the error of
// fn if there is one. After the last error of the script, every further attempt returns that one.
type script struct {
	ends     []error
	attempts int
	modes    []uow.Mode
}

func (s *script) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, tx) error) error {
	end := s.ends[min(s.attempts, len(s.ends)-1)]
	s.attempts++
	s.modes = append(s.modes, mode)
	if err := fn(ctx, tx{s.attempts}); err != nil {
		return err
	}
	return end
}

func scripted(ends ...error) *script { return &script{ends: ends} }

func nothing(context.Context, tx) error { return nil }

var (
	errOther = errors.New("something else")
	lost     = fmt.Errorf("commit: %w", uow.ErrConflict)
	unknown  = fmt.Errorf("commit: %w", uow.ErrOutcomeUnknown)
)

func TestRetries(t *testing.T) {
	type run = func(*uow.Store[tx], context.Context, func(context.Context, tx) error) error
	do, repeatable := (*uow.Store[tx]).Do, (*uow.Store[tx]).DoRepeatable
	view, snapshot := (*uow.Store[tx]).View, (*uow.Store[tx]).Snapshot
	for name, test := range map[string]struct {
		run      run
		ends     []error
		want     error
		attempts int
	}{
		"Do, no retry after success":                 {do, []error{nil}, nil, 1},
		"Do, retry after conflicts":                  {do, []error{lost, lost, lost, nil}, nil, 4},
		"Do, no retry after another error":           {do, []error{errOther}, errOther, 1},
		"Do, no retry after an unknown outcome":      {do, []error{unknown}, uow.ErrOutcomeUnknown, 1},
		"Do, no retry if the store is unreachable":   {do, []error{uow.ErrUnreachable}, uow.ErrUnreachable, 1},
		"Do, retry until another error":              {do, []error{lost, errOther}, errOther, 2},
		"DoRepeatable, retry after conflicts":        {repeatable, []error{lost, nil}, nil, 2},
		"DoRepeatable, retry after unknown outcomes": {repeatable, []error{unknown, lost, unknown, nil}, nil, 4},
		"DoRepeatable, no retry after another error": {repeatable, []error{unknown, errOther}, errOther, 2},
		"View, retry after conflicts":                {view, []error{lost, nil}, nil, 2},
		"View, no retry after an unknown outcome":    {view, []error{unknown}, uow.ErrOutcomeUnknown, 1},
		"Snapshot, retry after conflicts":            {snapshot, []error{lost, nil}, nil, 2},
		"Snapshot, no retry after unknown outcome":   {snapshot, []error{unknown}, uow.ErrOutcomeUnknown, 1},
		"Snapshot, no retry after another error":     {snapshot, []error{io.EOF}, io.EOF, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scripted(test.ends...)
				err := test.run(uow.NewStore(s, uow.Policy{}), t.Context(), nothing)
				if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("got error %v, want %v", err, test.want)
				}
				if s.attempts != test.attempts {
					t.Errorf("%d attempts, want %d", s.attempts, test.attempts)
				}
			})
		})
	}
}

// TestRetryAfterConflictInFn checks that a conflict which fn returns, wrapped, is retried as well.
func TestRetryAfterConflictInFn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := uow.NewStore(scripted(nil), uow.Policy{}).Do(t.Context(), func(_ context.Context, tx tx) error {
			if tx.attempt < 3 {
				return fmt.Errorf("save: %w", uow.ErrConflict)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutRetry(t *testing.T) {
	s := scripted(lost, nil)
	err := uow.NewStore(s, uow.Policy{}).DoRepeatable(uow.WithoutRetry(t.Context()), nothing)
	if !errors.Is(err, uow.ErrConflict) || s.attempts != 1 {
		t.Errorf("%d attempts and error %v, want 1 and %v", s.attempts, err, uow.ErrConflict)
	}
}

func TestModes(t *testing.T) {
	s := scripted(nil)
	store := uow.NewStore(s, uow.Policy{})
	for _, run := range []func(context.Context, func(context.Context, tx) error) error{
		store.Do, store.DoRepeatable, store.View, store.Snapshot,
	} {
		if err := run(t.Context(), nothing); err != nil {
			t.Fatal(err)
		}
	}
	if want := []uow.Mode{uow.Write, uow.Write, uow.Read, uow.Snapshot}; !slices.Equal(s.modes, want) {
		t.Errorf("got the modes %v, want %v", s.modes, want)
	}
}

func TestRetriesEndAfterMaxTime(t *testing.T) {
	for name, test := range map[string]struct {
		policy uow.Policy
		within time.Duration
	}{
		"default": {uow.Policy{}, 10 * time.Second},
		"set": {
			uow.Policy{MaxTime: time.Minute, MinPause: 10 * time.Millisecond, MaxPause: time.Second}, time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := scripted(lost)
				begun := time.Now()
				err := uow.NewStore(s, test.policy).Do(t.Context(), nothing)
				if !errors.Is(err, uow.ErrConflict) || !errors.Is(err, fault.Unavailable) {
					t.Errorf("got error %v, want %v, which matches fault.Unavailable", err, uow.ErrConflict)
				}
				maxPause := max(test.policy.MaxPause, uow.DefaultPolicy().MaxPause)
				if took := time.Since(begun); took > test.within || took < test.within-maxPause {
					t.Errorf("gave up after %v, want at most one pause less than %v", took, test.within)
				}
				if s.attempts < int(test.within/maxPause) {
					t.Errorf("only %d attempts: the pauses are longer than the policy allows", s.attempts)
				}
			})
		})
	}
}

// TestPausesAreRandom checks that pauses differ, so that two units that collided once do not
// collide at every retry.
func TestPausesAreRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := map[time.Duration]bool{}
		for range 20 {
			begun := time.Now()
			if err := uow.NewStore(scripted(lost, nil), uow.Policy{MinPause: time.Second}).Do(t.Context(), nothing); err != nil {
				t.Fatal(err)
			}
			pause := time.Since(begun)
			if pause > time.Second {
				t.Errorf("the first pause took %v, want at most %v", pause, time.Second)
			}
			took[pause] = true
		}
		if len(took) < 10 {
			t.Errorf("20 pauses had %d different lengths, want at least 10", len(took))
		}
	})
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := scripted(nil)
	if err := uow.NewStore(s, uow.Policy{}).Do(ctx, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
	if s.attempts != 0 {
		t.Error("the unit was begun")
	}
}

func TestCancelledWhilePausing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		err := uow.NewStore(scripted(lost), uow.Policy{}).Do(ctx, nothing)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, uow.ErrConflict) {
			t.Errorf("got error %v, want both %v and %v", err, context.DeadlineExceeded, uow.ErrConflict)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("ended after %v, want one second", took)
		}
	})
}

type slim struct{ of tx }

func narrow(t tx) slim { return slim{t} }

func TestNested(t *testing.T) {
	s := scripted(nil)
	store := uow.NewStore(s, uow.Policy{})
	narrowed := uow.Narrow(store, narrow)
	other := uow.NewStore(scripted(nil), uow.Policy{})

	inner := map[string]func(ctx context.Context) error{
		"Do":           func(ctx context.Context) error { return store.Do(ctx, nothing) },
		"View":         func(ctx context.Context) error { return store.View(ctx, nothing) },
		"Snapshot":     func(ctx context.Context) error { return store.Snapshot(ctx, nothing) },
		"DoRepeatable": func(ctx context.Context) error { return store.DoRepeatable(ctx, nothing) },
		"Do of a narrowed store": func(ctx context.Context) error {
			return narrowed.Do(ctx, func(context.Context, slim) error { return nil })
		},
		"Do of a store narrowed twice": func(ctx context.Context) error {
			return uow.Narrow(narrowed, func(s slim) tx { return s.of }).Do(ctx, nothing)
		},
		"Do with a derived context": func(ctx context.Context) error {
			return store.Do(context.WithoutCancel(ctx), nothing)
		},
	}
	for name, begin := range inner {
		err := store.Do(t.Context(), func(ctx context.Context, _ tx) error { return begin(ctx) })
		if !errors.Is(err, uow.ErrNested) {
			t.Errorf("%s in a unit: got error %v, want %v", name, err, uow.ErrNested)
		}
		err = narrowed.View(t.Context(), func(ctx context.Context, _ slim) error { return begin(ctx) })
		if !errors.Is(err, uow.ErrNested) {
			t.Errorf("%s in a unit of a narrowed store: got error %v, want %v", name, err, uow.ErrNested)
		}
	}
	if s.attempts != 2*len(inner) {
		t.Errorf("the store began %d units, want %d", s.attempts, 2*len(inner))
	}
	if err := store.Do(t.Context(), func(ctx context.Context, _ tx) error { return other.Do(ctx, nothing) }); err != nil {
		t.Errorf("a unit of another store: %v", err)
	}
	if err := store.Do(t.Context(), nothing); err != nil {
		t.Errorf("a unit after another one: %v", err)
	}
}

// TestNarrow checks that a narrowed store retries like the original, and passes the narrowed
// transaction.
func TestNarrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scripted(lost, nil)
		var seen []int
		err := uow.Narrow(uow.NewStore(s, uow.Policy{}), narrow).Do(t.Context(), func(_ context.Context, tx slim) error {
			seen = append(seen, tx.of.attempt)
			return nil
		})
		if err != nil || !slices.Equal(seen, []int{1, 2}) {
			t.Errorf("got the attempts %v and error %v, want [1 2]", seen, err)
		}
	})
}

func TestPanicsContinue(t *testing.T) {
	s := scripted(nil)
	defer func() {
		if got := recover(); got != "ouch" {
			t.Errorf("recovered %v, want the panic of fn", got)
		}
		if s.attempts != 1 {
			t.Errorf("%d attempts, want 1", s.attempts)
		}
	}()
	_ = uow.NewStore(s, uow.Policy{}).Do(t.Context(), func(context.Context, tx) error { panic("ouch") })
	t.Error("the panic was swallowed")
}

func TestContextValues(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "Ada")
	err := uow.NewStore(scripted(nil), uow.Policy{}).Do(ctx, func(ctx context.Context, _ tx) error {
		if ctx.Value(key{}) != "Ada" {
			return errOther
		}
		return nil
	})
	if err != nil {
		t.Error("the context of the unit lacks a value of the caller's context")
	}
}

// All attempts of a unit see when the first one began.
func TestBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var attempts []time.Duration
		store := uow.NewStore[*int](&tally{}, uow.Policy{})
		err := store.Do(t.Context(), func(ctx context.Context, _ *int) error {
			attempts = append(attempts, uow.Began(ctx).Sub(start))
			if len(attempts) < 3 {
				time.Sleep(time.Second)
				return uow.ErrConflict
			}
			return nil
		})
		if err != nil || len(attempts) != 3 || slices.Max(attempts) != 0 {
			t.Errorf("Do = %v; the attempts began %v after the start of the unit, want 3 zeros", err, attempts)
		}
		time.Sleep(time.Second)
		if got := uow.Began(t.Context()).Sub(start); got < 3*time.Second {
			t.Errorf("outside of a unit, Began is %v after the start, want the present time", got)
		}
	})
}

// TestAttempt checks that a Runner learns which attempt runs.
func TestAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		store := uow.NewStore[tx](scripted(uow.ErrConflict, uow.ErrConflict, nil), uow.Policy{})
		count := func(ctx context.Context, _ tx) error {
			got = append(got, uow.Attempt(ctx))
			return nil
		}
		for range 2 {
			if err := store.Do(t.Context(), count); err != nil {
				t.Error(err)
			}
		}
		if want := []int{1, 2, 3, 1}; !slices.Equal(got, want) {
			t.Errorf("got the attempts %v, want %v", got, want)
		}
		if n := uow.Attempt(t.Context()); n != 1 {
			t.Errorf("without a Store: got %d, want 1", n)
		}
	})
}
