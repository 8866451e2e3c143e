package mongodb

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
	txn *txn
}

// read calls f with the unit's transaction. If f sends several queries, they must see one moment:
// see txn.together.
func (u *unit) read(ctx context.Context, f func(t *txn) error) error {
	return u.Call(ctx, false, u.afterCheck(ctx, f))
}

// write calls f with the unit's transaction. A method that locks a document without changing it
// calls write, too.
func (u *unit) write(ctx context.Context, f func(t *txn) error) error {
	return u.Call(ctx, true, u.afterCheck(ctx, f))
}

// afterCheck returns f after the check of the session with which the unit may begin.
func (u *unit) afterCheck(ctx context.Context, f func(t *txn) error) func() error {
	return func() error {
		if u.txn.whole {
			return errWhole
		}
		u.txn.used = true
		if err := u.txn.checkPresence(ctx); err != nil {
			return err
		}
		return f(u.txn)
	}
}

// unchecked is read or write for a method that makes the check of txn.present itself.
func (u *unit) unchecked(ctx context.Context, writes bool, f func(t *txn) error) error {
	return u.Call(ctx, writes, func() error {
		if u.txn.whole {
			return errWhole
		}
		return f(u.txn)
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
func (u *unit) Notifications() notifications.Repository { return notificationsRepository{u} }
func (u *unit) Webhooks() webhooks.Repository           { return webhooksRepository{u} }
func (u *unit) Rows() ports.Rows                        { return rows{u} }
func (u *unit) Marks() ports.Marks                      { return marks{u} }

func (u *unit) Reservations() reservations.Repository {
	if u.txn.store.sharded {
		return reservationsRepository{u}
	}
	return fundsRepository{reservationsRepository{u}}
}
