package porttest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/core/uow"
)

// patience is how long the kit looks on when something must not happen, like a second unit getting past a
// guard: there is no signal for what does not come. A store that waits is never failed for being slow.
const patience = 30 * time.Millisecond

// together calls fn n times at once, and answers what each call did.
func together(n int, fn func(i int) error) []error {
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

// allTogether is together for calls that must all succeed.
func (f *fixture) allTogether(n int, fn func(i int) error) {
	f.Helper()
	for i, err := range together(n, fn) {
		if err != nil {
			f.Fatalf("call %d of %d at once failed: %v", i+1, n, err)
		}
	}
}

// task is something that runs concurrently with the test.
type task struct {
	done chan struct{}
	err  error
}

func aside(fn func() error) *task {
	t := &task{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		attempt(&t.err, fn)
	}()
	return t
}

// attempt sets *err to what fn returns in a goroutine of its own, also if fn panics, or fails the test.
func attempt(err *error, fn func() error) {
	defer func() {
		if p := panicked(recover()); p != nil {
			*err = p
		}
	}()
	*err = errTestFailed // until fn returns
	*err = fn()
}

// soon reports whether the task ends while the test is patient.
func (t *task) soon() bool {
	select {
	case <-t.done:
		return true
	case <-time.After(patience):
		return false
	}
}

// wait answers what the task did, or that it did not end.
func (t *task) wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return errNeverEnded
	}
}

var (
	errNeverEnded = errors.New("it never ended")
	errTestFailed = errors.New("it failed the test")
)

// lostOrNil reports whether a unit was kept, or lost against another one and may be run again.
func lostOrNil(err error) bool { return err == nil || errors.Is(err, uow.ErrConflict) }

// count says how many errors match a target; nil counts the successes.
func count(errs []error, target error) (n int) {
	for _, err := range errs {
		if target == nil && err == nil || target != nil && errors.Is(err, target) {
			n++
		}
	}
	return n
}
