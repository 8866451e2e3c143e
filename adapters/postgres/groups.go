package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/core/uow"
)

// groups lets sends share a commit. Each group under way has one of the pool's connections.
type groups = uow.Groups[*pgxpool.Conn, *parcel, time.Time]

// fate is what became of a send in a group: its time, or an error, which is errNone if nothing was
// changed.
type fate = uow.Fate[*pgxpool.Conn, time.Time]

// dispatch sends a parcel, with others or alone. Like atOnce, it returns errNone if nothing was
// changed, and the unit then continues.
func (c *conn) dispatch(ctx context.Context, p *parcel) (at time.Time, err error) {
	s := c.store.groups
	if s == nil {
		return p.send(ctx, c)
	}
	m, taken := s.Join(c.lease, p)
	if m == nil {
		defer s.Done()
		return p.send(ctx, c)
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
	if f.Lease == nil && (f.Alone || errors.Is(f.Err, errNone)) {
		if f.Lease, err = c.store.acquire(ctx); err != nil {
			return at, err
		}
	}
	if f.Lease != nil {
		c.lease, c.on = f.Lease, f.Lease
	}
	switch {
	case f.Alone:
		return p.send(ctx, c)
	case f.Err == nil:
		c.whole, c.first = true, nil
	}
	return f.Result, f.Err
}
