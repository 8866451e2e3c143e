package sqlite

import (
	"context"

	"github.com/cicerone-go/cicerone/core/events"
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
}

func newUnit(mode uow.Mode, c *conn) *unit { return &unit{Unit: uow.NewUnit("sqlite", mode), conn: c} }

// run calls fn with the unit and ends the unit. It returns the error of fn, or that of the
// repository that ended the unit.
func (u *unit) run(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if u.Mode() == uow.Write {
		ctx = context.WithValue(ctx, unitKey{}, u)
	}
	return u.Run(func() error {
		if err := fn(ctx, u); err != nil || len(u.added) == 0 {
			return err
		}
		return u.write(ctx, func(*conn) error { return u.flush(ctx) })
	})
}

// read calls f with the unit's connection. Several statements of f see one moment only in a unit
// that writes or that is a snapshot: see together.
func (u *unit) read(ctx context.Context, f func(c *conn) error) error {
	return u.Call(ctx, false, func() error { return f(u.conn) })
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
func (u *unit) write(ctx context.Context, f func(c *conn) error) error {
	return u.Call(ctx, true, func() error { return f(u.conn) })
}

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
