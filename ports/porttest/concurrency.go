package porttest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// patience is how long the kit watches for something that must not happen, like a second unit
// getting past a guard. Nothing signals that it will not happen. A store that waits never fails a
// test by being slow.
const patience = 30 * time.Millisecond

// concurrently makes n concurrent calls of fn, and returns the error of each.
func concurrently(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-begin
			attempt(&errs[i], func() error { return fn(i) })
		})
	}
	close(begin)
	wg.Wait()
	return errs
}

// allConcurrently is concurrently for calls that must all succeed.
func (f *fixture) allConcurrently(n int, fn func(i int) error) {
	f.Helper()
	for i, err := range concurrently(n, fn) {
		if err != nil {
			f.Fatalf("call %d of %d concurrent ones failed: %v", i+1, n, err)
		}
	}
}

// task is a function that runs concurrently with the test.
type task struct {
	done chan struct{}
	err  error
}

func inBackground(fn func() error) *task {
	t := &task{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		attempt(&t.err, fn)
	}()
	return t
}

// attempt sets *err to the error of fn, also if fn panics or ends its goroutine by failing the
// test.
func attempt(err *error, fn func() error) {
	defer func() {
		if p := panicked(recover()); p != nil {
			*err = p
		}
	}()
	*err = errTestFailed // until fn returns
	*err = fn()
}

// endsSoon reports whether the task ends within patience.
func (t *task) endsSoon() bool {
	select {
	case <-t.done:
		return true
	case <-time.After(patience):
		return false
	}
}

// wait returns the error of the task, or errNeverEnded if ctx ends first.
func (t *task) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return errNeverEnded
	}
}

var (
	errNeverEnded = errors.New("the call did not end in time")
	errTestFailed = errors.New("the call ended by failing the test")
)

// lostOrNil reports whether err is nil, or the conflict of a unit that lost against another one.
func lostOrNil(err error) bool { return err == nil || errors.Is(err, uow.ErrConflict) }

// count returns how many errors match target; nil counts the successes.
func count(errs []error, target error) (n int) {
	for _, err := range errs {
		if target == nil && err == nil || target != nil && errors.Is(err, target) {
			n++
		}
	}
	return n
}

// outcomes fails the test unless exactly as many of the concurrent calls as succeeded returned nil,
// and all others returned refusal. It prints the first other error.
func (f *fixture) outcomes(calls string, errs []error, succeeded int, refusal error) {
	f.Helper()
	for i, err := range errs {
		if err != nil && !errors.Is(err, refusal) {
			f.Errorf("%s: call %d of %d concurrent ones returned %v, want success or %v", calls, i+1, len(errs), err, refusal)
			return
		}
	}
	f.same(calls+" that succeeded", count(errs, nil), succeeded)
}
