package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/uow"
)

// inOneStep commits a unit of work as a unit of a kind. If it is not untouched, the outcome is
// idempotency.Unsupported. What step.take has read counts only if the outcome is idempotency.Done.
func (u *unit) inOneStep(ctx context.Context, of func(c *conn) (*step, error)) (outcome idempotency.Outcome, err error) {
	err = u.write(ctx, func(c *conn) error {
		if !c.untouched() {
			return nil
		}
		p, err := of(c)
		if err != nil {
			return err
		}
		switch err := c.dispatch(ctx, p); {
		case isUndone(err):
			outcome = idempotency.NotDone
			return nil
		case err != nil:
			return err
		}
		outcome = idempotency.Done
		return nil
	})
	return outcome, err
}

// groups lets units share a commit. Each group under way has one of the pool's connections.
type groups = uow.Groups[*pgxpool.Conn, *step, struct{}]

// fate is what became of a unit in a group. Its error is errNone if nothing was changed.
type fate = uow.Fate[*pgxpool.Conn, struct{}]

// dispatch commits a unit, with others or alone. Like atOnce, it returns errNone if nothing was
// changed, and the unit then continues.
func (c *conn) dispatch(ctx context.Context, p *step) error {
	s := c.store.groups
	if s == nil {
		return p.goAlone(ctx, c)
	}
	m, taken := s.Join(c.lease, p)
	if m == nil {
		defer s.Done()
		return p.goAlone(ctx, c)
	}
	if c.lease != nil {
		if !taken { // others need it more while this unit waits
			c.release()
		}
		c.lease, c.on = nil, nil
	}
	f := s.Await(ctx, m)
	if f.Alone {
		defer s.Done()
	}
	switch {
	case f.Lease != nil:
		c.lease, c.on = f.Lease, f.Lease
	case f.Alone || errors.Is(f.Err, errNone):
		if err := c.acquire(ctx); err != nil {
			return err
		}
	}
	switch {
	case f.Alone:
		return p.goAlone(ctx, c)
	case f.Err == nil:
		c.whole, c.first = true, nil
	}
	return f.Err
}
