package postgres

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
	conn   *conn
	inside inside
}

func newUnit(outside context.Context, mode uow.Mode, c *conn) *unit {
	u := &unit{Unit: uow.NewUnit("postgres", mode), conn: c}
	u.inside = inside{outside, u}
	return u
}

// inside is the context of a unit.
type inside struct {
	context.Context
	unit *unit
}

// Value returns the unit for unitKey if the unit writes.
func (i *inside) Value(key any) any {
	if key == (unitKey{}) && i.unit.Mode() == uow.Write {
		return i.unit
	}
	return i.Context.Value(key)
}

// read calls f with the unit's connection. f sends a single query, so that it sees one moment.
func (u *unit) read(ctx context.Context, f func(c *conn) error) error {
	return u.Call(ctx, false, func() error { return f(u.conn) })
}

// write calls f with the unit's connection. A method that locks a row without changing it calls
// write, too.
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
