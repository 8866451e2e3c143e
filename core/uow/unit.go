package uow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Unit keeps, for adapters, what every Runner owes alike: a unit of work ends for good by the first error of
// a repository but fault.NotFound, or because fn has returned; one that only reads refuses writes;
// a context that has ended is honoured. Every method of every repository goes through Call.
type Unit struct {
	adapter string
	mode    Mode

	mu    sync.Mutex // a goroutine that fn left behind must not meet a commit
	ended error
}

// NewUnit makes the Unit of one run; the adapter's name stands before its errors.
func NewUnit(adapter string, mode Mode) *Unit { return &Unit{adapter: adapter, mode: mode} }

// Mode says what the unit may do.
func (u *Unit) Mode() Mode { return u.mode }

// Run runs fn and ends the unit, also where fn panics. The error is fn's, or else that of the
// repository that ended the unit before fn returned nil.
func (u *Unit) Run(fn func() error) (err error) {
	defer func() {
		if before := u.end(); err == nil {
			err = before
		}
	}()
	return fn()
}

// end makes every later call fail, and returns the error that had ended the unit before, if any.
func (u *Unit) end() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.ended
	u.ended = fmt.Errorf("%s: %w", u.adapter, ErrEnded)
	return before
}

// Call runs what one method of a repository does, one at a time. Errors: those of do; what had ended the
// unit, or ErrEnded; ErrReadOnly for a write in a unit that only reads; ctx.Err(). All are wrapped.
func (u *Unit) Call(ctx context.Context, writes bool, do func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended != nil {
		return u.ended
	}
	err := ctx.Err()
	switch {
	case err != nil:
	case writes && u.mode != Write:
		err = ErrReadOnly
	default:
		err = do()
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", u.adapter, err)
	if !errors.Is(err, fault.NotFound) {
		u.ended = err
	}
	return err
}
