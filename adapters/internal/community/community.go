// Package community assembles the services of core on any store, with fast fakes for the other
// ports. It is for tests that run complete commands.
package community

import (
	"time"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Community has all services on one store.
type Community struct {
	*services.Services
	Auditor *audit.Auditor
	Store   *ports.Store
}

// New returns a Community with the default policies, except that the date of a proposal may lie 100
// years ahead, and that quotas are out of reach: the clients of package workload make thousands of
// proposals, one after the other.
func New(storage ports.Storage, clock *Clock, ids id.Source, units uow.Policy) *Community {
	store, policies := ports.NewStore(storage, units), services.DefaultPolicies()
	const plenty = 1_000_000
	policies.Reservations.MaxLead = 100 * 365 * 24 * time.Hour
	policies.Messaging.MaxOpened, policies.Reservations.MaxProposed, policies.Reservations.MaxPending = plenty, plenty, plenty
	policies.Messaging.MaxUnanswered, policies.Reservations.MaxUnanswered = plenty, plenty
	all, err := services.New(ports.ForServices(store), services.Parts{
		Hasher: hasher{}, Access: accessTokens{}, TOTP: TOTP{}, Mailer: mailer{}, Images: images{}, Secrets: secrets(), Clock: clock.Now, IDs: ids,
	}, policies)
	if err != nil {
		panic(err) // every part is there
	}
	return &Community{Services: all, Auditor: audit.New(ports.ForAudit(store)), Store: store}
}
