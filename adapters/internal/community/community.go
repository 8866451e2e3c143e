// Package community assembles the services of core on any store, with fast fakes for the other
// ports. It is for tests that run complete commands.
package community

import (
	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/privacy"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// Community has all services on one store.
type Community struct {
	Users        *users.Service
	Tokens       *tokens.Service
	Moderation   *moderation.Service
	Matching     *matching.Service
	Messaging    *messaging.Service
	Reservations *reservations.Service
	Privacy      *privacy.Service
	Auditor      *audit.Auditor
	Store        *ports.Store
}

// New returns a Community with the default policies.
func New(storage ports.Storage, clock *Clock, ids id.Source, units uow.Policy) *Community {
	store := ports.NewStore(storage, units)
	ledger := tokens.NewLedger(ids)
	passwords := users.NewPasswords(hasher{})
	auditor := audit.New(ports.ForAudit(store))
	return &Community{
		Users: users.NewService(users.Deps{
			Store: ports.ForUsers(store), Ledger: ledger, Passwords: passwords, Access: accessTokens{},
			Mailer: mailer{}, Clock: clock.Now, IDs: ids, Policy: users.DefaultPolicy(),
		}),
		Tokens: tokens.NewService(ports.ForTokens(store)),
		Moderation: moderation.NewService(moderation.Deps{
			Store: ports.ForModeration(store), Ledger: ledger, Auditor: auditor, Clock: clock.Now, IDs: ids,
		}),
		Matching: matching.NewService(matching.Deps{Store: ports.ForMatching(store), Clock: clock.Now, IDs: ids}),
		Messaging: messaging.NewService(messaging.Deps{
			Store: ports.ForMessaging(store), Ledger: ledger, Images: images{}, Clock: clock.Now, IDs: ids,
			Policy: messaging.DefaultPolicy(),
		}),
		Reservations: reservations.NewService(reservations.Deps{
			Store: ports.ForReservations(store), Ledger: ledger, Clock: clock.Now, IDs: ids, Policy: reservations.DefaultPolicy(),
		}),
		Privacy: privacy.NewService(privacy.Deps{
			Store: ports.ForReservations(store), Ledger: ledger, Passwords: passwords, Clock: clock.Now,
		}),
		Auditor: auditor,
		Store:   store,
	}
}
