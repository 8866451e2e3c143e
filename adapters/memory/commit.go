package memory

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoUnit is returned by OnCommit if the context is not one of a unit of work that writes.
var ErrNoUnit = errors.New("the context belongs to no unit of work that writes")

// OnCommit makes the unit of work of ctx call fn when it is committed, before the next unit that
// writes, so that a host program changes what it has in memory if and only if the unit is committed:
// see wiring.Config.JoinedSubscribers. The functions of a unit are called in the order in which they
// were added. They must return quickly, and begin no unit that writes. Errors: ErrNoUnit, and the
// error that ended the unit.
func OnCommit(ctx context.Context, fn func()) error {
	u, ok := ctx.Value(unitKey{}).(*unit)
	if !ok {
		return fmt.Errorf("memory: %w", ErrNoUnit)
	}
	return u.write(ctx, func(*state) error {
		u.onCommit = append(u.onCommit, fn)
		return nil
	})
}

type unitKey struct{}
