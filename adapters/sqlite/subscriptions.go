package sqlite

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of events.Subscriptions.

var (
	subscriptions = tableOf(ports.SubscriptionLayout)
	asides        = tableOf(ports.SetAsideLayout)
)

// leased is the condition of the holder of a lease. Its arguments are the first ones.
const leased = " WHERE name = ?1 AND holder = ?2 AND position = ?3 AND state = 'active'"

type subscriptionsRepository struct{ *unit }

// change runs a statement, and reports whether it changed a row.
func (repo subscriptionsRepository) change(ctx context.Context, s string, args ...any) (changed bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, s, args...)
		changed = n > 0
		return err
	})
	return changed && err == nil, err
}

func (repo subscriptionsRepository) Subscribe(ctx context.Context, s events.Subscription) (bool, error) {
	return repo.change(ctx, subscriptions.insert+" ON CONFLICT (name) DO NOTHING", subscriptions.args(s)...)
}

func (repo subscriptionsRepository) Drop(ctx context.Context, name string) error {
	return repo.write(ctx, func(c *conn) error {
		if _, err := c.exec(ctx, "DELETE FROM set_aside_events WHERE subscriber = ?", name); err != nil {
			return err
		}
		_, err := c.exec(ctx, "DELETE FROM subscriptions WHERE name = ?", name)
		return err
	})
}

func (repo subscriptionsRepository) Subscription(ctx context.Context, name string) (s events.Subscription, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		s, err = findSubscription(ctx, c, name)
		return err
	})
	return s, err
}

func findSubscription(ctx context.Context, c *conn, name string) (events.Subscription, error) {
	s, err := find(ctx, c, subscriptions.scan, "SELECT "+subscriptions.columns+" FROM subscriptions WHERE name = ?1", name)
	return s, orNotFound(err, "a subscription")
}

func (repo subscriptionsRepository) List(ctx context.Context, after string, limit int) (page []events.Subscription, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, subscriptions.scan, "SELECT "+subscriptions.columns+
			" FROM subscriptions WHERE name > ?1 ORDER BY name LIMIT +?2", after, limited(limit))
		return err
	})
	return page, err
}

func (repo subscriptionsRepository) Lease(
	ctx context.Context, name, holder string, now, until time.Time,
) (s events.Subscription, leased bool, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		s, err = find(ctx, c, subscriptions.scan, `UPDATE subscriptions SET holder = ?2, held_until = ?4
			WHERE name = ?1 AND state = 'active' AND (holder IS NULL OR holder = ?2 OR held_until <= ?3)
			RETURNING `+subscriptions.columns, name, holder, milli(now), milli(until))
		if leased = err == nil; errors.Is(err, errNone) {
			s, err = findSubscription(ctx, c, name)
		}
		return err
	})
	return s, leased && err == nil, err
}

func (repo subscriptionsRepository) Release(ctx context.Context, l events.Lease) (bool, error) {
	return repo.change(ctx, "UPDATE subscriptions SET holder = NULL, held_until = NULL"+leased, l.Name, l.Holder, l.Position)
}

const advance = "UPDATE subscriptions SET position = ?4, attempts = 0, retry_at = NULL" + leased

func (repo subscriptionsRepository) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	return repo.change(ctx, advance, l.Name, l.Holder, l.Position, to)
}

func (repo subscriptionsRepository) Postpone(
	ctx context.Context, l events.Lease, attempts int64, until time.Time,
) (bool, error) {
	return repo.change(ctx, "UPDATE subscriptions SET attempts = ?4, retry_at = ?5"+leased,
		l.Name, l.Holder, l.Position, attempts, milliOrNull(until))
}

func (repo subscriptionsRepository) SetAside(ctx context.Context, l events.Lease, e events.SetAside) (done bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, advance, l.Name, l.Holder, l.Position, e.Position)
		if done = n > 0; err != nil || !done {
			return err
		}
		_, err = c.exec(ctx, asides.insert, asides.args(e)...)
		return err
	})
	return done && err == nil, err
}

func (repo subscriptionsRepository) Switch(ctx context.Context, name string, from, to events.State, at time.Time) (bool, error) {
	return repo.change(ctx, `UPDATE subscriptions SET state = ?3, since = ?4, holder = NULL, held_until = NULL
		WHERE name = ?1 AND state = ?2`, name, string(from), string(to), milli(at))
}

func (repo subscriptionsRepository) Begin(ctx context.Context, name string, position int64, at time.Time) (bool, error) {
	return repo.change(ctx, `UPDATE subscriptions SET state = 'active', since = ?3, position = ?2, holder = NULL, held_until = NULL,
		attempts = 0, retry_at = NULL WHERE name = ?1 AND state <> 'active'`, name, position, milli(at))
}

func (repo subscriptionsRepository) Aside(
	ctx context.Context, f events.AsideFilter, after *events.AsidePlace, limit int,
) (page []events.SetAside, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		if after == nil {
			after = &events.AsidePlace{Subscriber: f.Subscriber}
		}
		where, args := "(subscriber, position) > (?1, ?2)", []any{after.Subscriber, after.Position, limited(limit)}
		if f.Subscriber != "" {
			where, args = where+" AND subscriber = ?"+strconv.Itoa(len(args)+1), append(args, f.Subscriber)
		}
		if f.State != "" {
			where, args = where+" AND state = ?"+strconv.Itoa(len(args)+1), append(args, string(f.State))
		}
		page, err = list(ctx, c, asides.scan, "SELECT "+asides.columns+" FROM set_aside_events WHERE "+where+
			" ORDER BY subscriber, position LIMIT +?3", args...)
		return err
	})
	return page, err
}

func (repo subscriptionsRepository) Retry(ctx context.Context, place events.AsidePlace) (bool, error) {
	return repo.change(ctx, `UPDATE set_aside_events SET state = 'retry'
		WHERE subscriber = ?1 AND position = ?2 AND state = 'waiting'`, place.Subscriber, place.Position)
}

// retried is the condition of an event that was marked by Retry, for the holder of a lease. Its
// arguments are the first ones.
const retried = ` WHERE subscriber = ?1 AND position = ?4 AND state = 'retry'
	AND EXISTS (SELECT 1 FROM subscriptions WHERE name = ?1 AND holder = ?2 AND subscriptions.position = ?3 AND subscriptions.state = 'active')`

func (repo subscriptionsRepository) Return(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	return repo.change(ctx, "UPDATE set_aside_events SET attempts = ?5, class = ?6, failed_at = ?7, state = 'waiting'"+retried,
		l.Name, l.Holder, l.Position, e.Position, e.Attempts, e.Class, milli(e.At))
}

func (repo subscriptionsRepository) Resolve(ctx context.Context, l events.Lease, position int64) (bool, error) {
	return repo.change(ctx, "DELETE FROM set_aside_events"+retried, l.Name, l.Holder, l.Position, position)
}
