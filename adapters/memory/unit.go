package memory

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
	current func() *state // returns the published state; called for each read in mode uow.Read
	state   *state        // the unit's own copy, or its snapshot

	onCommit []func()
}

func newUnit(mode uow.Mode) *unit { return &unit{Unit: uow.NewUnit("memory", mode)} }

// run calls fn with the unit and ends the unit. It returns the error of fn, or that of the
// repository that ended the unit.
func (u *unit) run(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	if u.Mode() == uow.Write {
		ctx = context.WithValue(ctx, unitKey{}, u)
	}
	return u.Run(func() error { return fn(ctx, u) })
}

// read calls f with the state that the unit sees.
func (u *unit) read(ctx context.Context, f func(s *state) error) error {
	return u.call(ctx, false, f)
}

// write calls f with the unit's own state. A method that locks a record without changing it calls
// write, too: units that write run one at a time, so they lock everything.
func (u *unit) write(ctx context.Context, f func(s *state) error) error {
	return u.call(ctx, true, f)
}

func (u *unit) call(ctx context.Context, writes bool, f func(s *state) error) error {
	return u.Call(ctx, writes, func() error {
		if u.Mode() == uow.Read {
			return f(u.current())
		}
		return f(u.state)
	})
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
