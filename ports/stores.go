package ports

import (
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Store is a unit of work's store over the union of all ports. The functions below give it to each
// domain as the narrow store that its service takes.
type Store = uow.Store[Tx]

// NewStore puts a store in front of a Storage; zero fields of the policy take the defaults.
func NewStore(s Storage, policy uow.Policy) *Store { return uow.NewStore(s, policy) }

// ForIdempotency is the store as core/idempotency sees it.
func ForIdempotency(s *Store) *uow.Store[idempotency.Tx] {
	return uow.Narrow(s, func(tx Tx) idempotency.Tx { return tx })
}

// ForTokens is the store as core/tokens sees it.
func ForTokens(s *Store) *uow.Store[tokens.Tx] {
	return uow.Narrow(s, func(tx Tx) tokens.Tx { return tx })
}

// ForUsers is the store as core/users sees it.
func ForUsers(s *Store) *uow.Store[users.Tx] {
	return uow.Narrow(s, func(tx Tx) users.Tx { return tx })
}

// ForModeration is the store as core/moderation sees it.
func ForModeration(s *Store) *uow.Store[moderation.Tx] {
	return uow.Narrow(s, func(tx Tx) moderation.Tx { return tx })
}

// ForMatching is the store as core/matching sees it.
func ForMatching(s *Store) *uow.Store[matching.Tx] {
	return uow.Narrow(s, func(tx Tx) matching.Tx { return tx })
}

// ForMessaging is the store as core/messaging sees it.
func ForMessaging(s *Store) *uow.Store[messaging.Tx] {
	return uow.Narrow(s, func(tx Tx) messaging.Tx { return tx })
}

// ForReservations is the store as core/reservations and core/privacy see it.
func ForReservations(s *Store) *uow.Store[reservations.Tx] {
	return uow.Narrow(s, func(tx Tx) reservations.Tx { return tx })
}
