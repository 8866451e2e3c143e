// Package services creates all services of core from a store, the parts that core does not
// implement, and the policies.
package services

import (
	"errors"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/live"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// Tx holds the repositories that the services use in a unit of work. ports.ForServices makes a
// store of Tx from any store.
type Tx interface {
	notifications.Tx // includes those of all other domains but webhooks
	webhooks.Tx
	audit.Tx
}

// Parts are the dependencies that core does not implement. adapters/bcrypt, adapters/jwt,
// adapters/totp, adapters/mail and adapters/images each have one.
type Parts struct {
	Hasher  users.Hasher
	Access  users.AccessTokens
	TOTP    users.TOTP
	Mailer  users.Mailer
	Images  messaging.Images
	Secrets *secret.Box // seals the secrets of webhooks
	Relay   live.Relay  // nil means that streams find each event after Policies.Live.LookEvery at most

	Unsubscribe notifications.Unsubscriber // see notifications.Deps

	Clock clock.Clock // nil means the system clock
	IDs   id.Source   // nil means an id.Generator that reads Clock
}

// Policies are the decisions of a community. Start with DefaultPolicies.
type Policies struct {
	Users         users.Policy
	Moderation    moderation.Policy
	Tokens        tokens.Policy
	Messaging     messaging.Policy
	Reservations  reservations.Policy
	Notifications notifications.Policy
	Live          live.Policy
	Webhooks      webhooks.Policy
}

// DefaultPolicies returns the default policy of each domain.
func DefaultPolicies() Policies {
	return Policies{
		Users: users.DefaultPolicy(), Moderation: moderation.DefaultPolicy(), Tokens: tokens.DefaultPolicy(),
		Messaging: messaging.DefaultPolicy(), Reservations: reservations.DefaultPolicy(),
		Notifications: notifications.DefaultPolicy(), Live: live.DefaultPolicy(),
		Webhooks: webhooks.DefaultPolicy(),
	}
}

// Services are all services over one store. Each is safe for concurrent use.
type Services struct {
	Users         *users.Service
	Tokens        *tokens.Service
	Sealer        *tokens.Sealer
	Moderation    *moderation.Service
	Matching      *matching.Service
	Messaging     *messaging.Service
	Reservations  *reservations.Service
	Notifications *notifications.Service
	Live          *live.Service
	Privacy       *privacy.Service
	Webhooks      *webhooks.Service
}

// New returns all services, or an error of kind fault.Internal that names each part that is
// missing.
func New(store *uow.Store[Tx], p Parts, policies Policies) (*Services, error) {
	if p.Clock == nil {
		p.Clock = clock.System()
	}
	if p.IDs == nil {
		p.IDs = id.NewGenerator(p.Clock)
	}
	err := fault.Missing("services", struct {
		Store   *uow.Store[Tx]
		Hasher  users.Hasher
		Access  users.AccessTokens
		TOTP    users.TOTP
		Mailer  users.Mailer
		Images  messaging.Images
		Secrets *secret.Box
		IDs     id.Source
	}{store, p.Hasher, p.Access, p.TOTP, p.Mailer, p.Images, p.Secrets, p.IDs})
	if err != nil {
		return nil, err
	}
	ledger, passwords := tokens.NewLedger(p.IDs), users.NewPasswords(p.Hasher)
	accounts := uow.Narrow(store, func(tx Tx) users.Tx { return tx })
	guard := users.NewGuard(accounts, passwords, p.IDs, p.Clock, policies.Users)
	var s Services
	var errs [11]error
	s.Users, errs[0] = users.NewService(users.Deps{
		Store: accounts, Ledger: ledger, Passwords: passwords, Guard: guard,
		Access: p.Access, TOTP: p.TOTP, Mailer: p.Mailer, Clock: p.Clock, IDs: p.IDs, Policy: policies.Users,
	})
	s.Tokens, errs[1] = tokens.NewService(uow.Narrow(store, func(tx Tx) tokens.Tx { return tx }))
	s.Moderation, errs[2] = moderation.NewService(moderation.Deps{
		Store: uow.Narrow(store, func(tx Tx) moderation.Tx { return tx }), Ledger: ledger,
		Auditor: audit.New(uow.Narrow(store, func(tx Tx) audit.Tx { return tx })), Clock: p.Clock, IDs: p.IDs,
		Policy: policies.Moderation,
	})
	s.Matching, errs[3] = matching.NewService(matching.Deps{
		Store: uow.Narrow(store, func(tx Tx) matching.Tx { return tx }), Clock: p.Clock, IDs: p.IDs,
	})
	s.Messaging, errs[4] = messaging.NewService(messaging.Deps{
		Store: uow.Narrow(store, func(tx Tx) messaging.Tx { return tx }), Ledger: ledger, Images: p.Images,
		Clock: p.Clock, IDs: p.IDs, Policy: policies.Messaging,
	})
	s.Reservations, errs[5] = reservations.NewService(reservations.Deps{
		Store: uow.Narrow(store, func(tx Tx) reservations.Tx { return tx }), Ledger: ledger,
		Clock: p.Clock, IDs: p.IDs, Policy: policies.Reservations,
	})
	s.Privacy, errs[6] = privacy.NewService(privacy.Deps{
		Store: uow.Narrow(store, func(tx Tx) privacy.Tx { return tx }), Ledger: ledger, Guard: guard,
		Images: p.Images, Clock: p.Clock, IDs: p.IDs,
	})
	s.Sealer, errs[7] = tokens.NewSealer(uow.Narrow(store, func(tx Tx) tokens.Tx { return tx }), p.Clock, policies.Tokens)
	s.Notifications, errs[8] = notifications.NewService(notifications.Deps{
		Store: uow.Narrow(store, func(tx Tx) notifications.Tx { return tx }), Mailer: p.Mailer, Clock: p.Clock, IDs: p.IDs,
		Policy: policies.Notifications, Unsubscribe: p.Unsubscribe,
	})
	s.Live, errs[9] = live.NewService(live.Deps{
		Store: uow.Narrow(store, func(tx Tx) live.Tx { return tx }), Relay: p.Relay, Clock: p.Clock,
		Policy: policies.Live, Users: policies.Users, Seen: s.Notifications.Seen,
	})
	s.Webhooks, errs[10] = webhooks.NewService(webhooks.Deps{
		Store: uow.Narrow(store, func(tx Tx) webhooks.Tx { return tx }), Secrets: p.Secrets, Clock: p.Clock, IDs: p.IDs,
		Policy: policies.Webhooks,
	})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return &s, nil
}
