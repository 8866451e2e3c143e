package ports

import (
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
)

// Store runs units of work over all ports. The functions below narrow it to the store that the
// service of each domain takes.
type Store = uow.Store[Tx]

// NewStore returns a Store over a Storage. Zero fields of the policy take the defaults.
func NewStore(s Storage, policy uow.Policy) *Store { return uow.NewStore(s, policy) }

// ForIdempotency returns the store that core/idempotency uses.
func ForIdempotency(s *Store) *uow.Store[idempotency.Tx] {
	return uow.Narrow(s, func(tx Tx) idempotency.Tx { return tx })
}

// ForEvents returns the store that a relay of events uses.
func ForEvents(s *Store) *uow.Store[events.RelayTx] {
	return uow.Narrow(s, func(tx Tx) events.RelayTx { return tx })
}

// ForWebhooks returns the store that core/webhooks uses.
func ForWebhooks(s *Store) *uow.Store[webhooks.Tx] {
	return uow.Narrow(s, func(tx Tx) webhooks.Tx { return tx })
}

// ForTokens returns the store that core/tokens uses.
func ForTokens(s *Store) *uow.Store[tokens.Tx] {
	return uow.Narrow(s, func(tx Tx) tokens.Tx { return tx })
}

// ForUsers returns the store that core/users uses.
func ForUsers(s *Store) *uow.Store[users.Tx] {
	return uow.Narrow(s, func(tx Tx) users.Tx { return tx })
}

// ForModeration returns the store that core/moderation uses.
func ForModeration(s *Store) *uow.Store[moderation.Tx] {
	return uow.Narrow(s, func(tx Tx) moderation.Tx { return tx })
}

// ForMatching returns the store that core/matching uses.
func ForMatching(s *Store) *uow.Store[matching.Tx] {
	return uow.Narrow(s, func(tx Tx) matching.Tx { return tx })
}

// ForMessaging returns the store that core/messaging uses.
func ForMessaging(s *Store) *uow.Store[messaging.Tx] {
	return uow.Narrow(s, func(tx Tx) messaging.Tx { return tx })
}

// ForReservations returns the store that core/reservations uses.
func ForReservations(s *Store) *uow.Store[reservations.Tx] {
	return uow.Narrow(s, func(tx Tx) reservations.Tx { return tx })
}

// ForNotifications returns the store that core/notifications and core/privacy use.
func ForNotifications(s *Store) *uow.Store[notifications.Tx] {
	return uow.Narrow(s, func(tx Tx) notifications.Tx { return tx })
}
