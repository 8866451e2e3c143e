package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// unit is a unit of work. Every method of every repository calls read or write.
type unit struct {
	*uow.Unit
	conn  *conn
	added []events.Event // are written together: see flush

	presence *users.Presence // whose check is due; nil if there is none
	touched  bool            // a method has read or written anything
}

func newUnit(mode uow.Mode, c *conn) *unit { return &unit{Unit: uow.NewUnit("sqlite", mode), conn: c} }

// run calls fn with the unit and ends the unit. It returns the error of fn, or that of the
// repository that ended the unit.
func (u *unit) run(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if u.Mode() == uow.Write {
		ctx = context.WithValue(ctx, unitKey{}, u)
	}
	err := u.Run(func() error {
		if err := fn(ctx, u); err != nil || len(u.added) == 0 {
			return err
		}
		return u.write(ctx, func(*conn) error { return u.flush(ctx) })
	})
	if err != nil && (ctx.Err() != nil || errors.Is(err, fault.Unavailable)) {
		return err // the check would fail for the same reason
	}
	refused := u.settle(ctx)
	if refused != nil && (err == nil || ctx.Err() == nil && !errors.Is(refused, fault.Unavailable)) {
		return fmt.Errorf("sqlite: %w", refused)
	}
	return err
}

// errWhole is returned for a call after the one that did the whole unit.
var errWhole = errors.New("the unit of work was done in one step, and makes no other call")

// call calls f with the unit's connection, after the check of a session that is due.
func (u *unit) call(ctx context.Context, writes bool, f func(c *conn) error) error {
	return u.Call(ctx, writes, func() error {
		if u.conn.undoing == never {
			return errWhole
		}
		if err := u.settle(ctx); err != nil {
			return err
		}
		u.touched = true
		if writes {
			if err := u.conn.protect(); err != nil {
				return err
			}
		}
		return f(u.conn)
	})
}

// read calls f with the unit's connection. Several statements of f see one moment only in a unit
// that writes or that is a snapshot: see together.
func (u *unit) read(ctx context.Context, f func(c *conn) error) error { return u.call(ctx, false, f) }

// readPresent is read for an f that begins with listPresent, which makes the check of a session that
// is due.
func (u *unit) readPresent(ctx context.Context, f func() error) error {
	return u.Call(ctx, false, func() error {
		if u.conn.undoing == never {
			return errWhole
		}
		u.touched = true
		return f()
	})
}

// together is like read, for an f with several statements that must see one moment.
func (u *unit) together(ctx context.Context, f func(c *conn) error) error {
	if u.Mode() != uow.Read {
		return u.read(ctx, f)
	}
	return u.read(ctx, func(c *conn) error { return atOneMoment(ctx, c, f) })
}

// write calls f with the unit's connection. A method that locks a record without changing it calls
// write, too: units that write run one at a time, so they lock everything.
func (u *unit) write(ctx context.Context, f func(c *conn) error) error { return u.call(ctx, true, f) }

// The repositories of the unit.

func (u *unit) Idempotency() idempotency.Repository     { return idempotencyRepository{u} }
func (u *unit) Events() events.Repository               { return eventsRepository{u} }
func (u *unit) Subscriptions() events.Subscriptions     { return subscriptionsRepository{u} }
func (u *unit) Tokens() tokens.Repository               { return tokensRepository{u} }
func (u *unit) Users() users.Repository                 { return usersRepository{u} }
func (u *unit) Moderation() moderation.Repository       { return moderationRepository{u} }
func (u *unit) Matching() matching.Repository           { return matchingRepository{u} }
func (u *unit) Messaging() messaging.Repository         { return messagingRepository{u} }
func (u *unit) Reservations() reservations.Repository   { return reservationsRepository{u} }
func (u *unit) Notifications() notifications.Repository { return notificationsRepository{u} }
func (u *unit) Webhooks() webhooks.Repository           { return webhooksRepository{u} }
func (u *unit) Rows() ports.Rows                        { return rows{u} }
func (u *unit) Marks() ports.Marks                      { return marks{u} }
