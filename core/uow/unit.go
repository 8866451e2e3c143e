package uow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Unit implements, for adapters, the obligations of a Runner that are the same for every store: the
// first error of a repository except fault.NotFound ends the unit of work, as does the return of
// fn; a unit that only reads rejects writes; a context that has ended is honoured. An adapter runs
// every method of every repository through Call.
type Unit struct {
	adapter string
	mode    Mode

	mu    sync.Mutex // also excludes a goroutine that fn started and did not wait for from the commit
	ended error
	over  bool // whether fn has returned
}

// NewUnit returns the Unit of one run. Its errors begin with the name of the adapter.
func NewUnit(adapter string, mode Mode) *Unit { return &Unit{adapter: adapter, mode: mode} }

// Mode returns the mode of the unit.
func (u *Unit) Mode() Mode { return u.mode }

// Run runs fn and ends the unit, also if fn panics. It returns the error of fn. If fn returns nil,
// it returns the error of the repository that had ended the unit, if any.
func (u *Unit) Run(fn func() error) (err error) {
	defer func() {
		if before := u.end(); err == nil {
			err = before
		}
	}()
	return fn()
}

// end makes every later call fail. It returns the error that had already ended the unit, if any.
func (u *Unit) end() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	return u.ended
}

// Call runs do, the body of one method of a repository. Calls run one at a time. Call returns the
// error of do, the error that had ended the unit, ErrEnded after Run returned, ErrReadOnly for a
// write in a unit that only reads, or ctx.Err(). All are wrapped.
func (u *Unit) Call(ctx context.Context, writes bool, do func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.over:
		return fmt.Errorf("%s: %w", u.adapter, ErrEnded)
	case u.ended != nil:
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
