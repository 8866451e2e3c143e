// Package coretest is the world in which core is tested: all services over one store, a
// clock that stands still until it is told, and fast stand-ins for what lies outside.
//
//	w := coretest.NewWorld(t, memory.New())
//	ada, luca := w.Person("Ada"), w.Local("Luca")
//	talk := w.Conversation(ada, luca)
//	w.Clock.Advance(time.Hour)
//
// When the test ends, the store is audited: a test that leaves a rule of core/README.md broken fails,
// whatever it looked at itself.
package coretest

import (
	"context"
	"testing"

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

// Policies are what a community decides. Tests that need others than the defaults change them
// through NewWorld.
type Policies struct {
	Users        users.Policy
	Messaging    messaging.Policy
	Reservations reservations.Policy
	Units        uow.Policy
}

// World is one community: its services, and what they are made of.
type World struct {
	Users        *users.Service
	Tokens       *tokens.Service
	Moderation   *moderation.Service
	Matching     *matching.Service
	Messaging    *messaging.Service
	Reservations *reservations.Service
	Privacy      *privacy.Service

	Store   *ports.Store
	Ledger  *tokens.Ledger
	IDs     id.Source
	Clock   *Clock
	Hasher  *Hasher
	Access  *AccessTokens
	Mailbox *Mailbox
	Ctx     context.Context // ends with the test

	t       testing.TB
	auditor moderation.Auditor
	admin   id.User // see Admin
}

// NewWorld makes a World over an empty storage: memory.New(), or one that fails in some way.
func NewWorld(t testing.TB, storage ports.Storage, change ...func(*Policies)) *World {
	t.Helper()
	storage = Ordered(t, storage)
	p := Policies{Users: users.DefaultPolicy(), Messaging: messaging.DefaultPolicy(), Reservations: reservations.DefaultPolicy()}
	for _, c := range change {
		c(&p)
	}
	w := &World{Clock: NewClock(), Hasher: &Hasher{}, Mailbox: &Mailbox{}, Ctx: t.Context(), t: t}
	w.Store = ports.NewStore(storage, p.Units)
	w.IDs = id.NewGenerator(w.Clock.Now)
	w.Access = &AccessTokens{Clock: w.Clock}
	w.auditor = audit.New(ports.ForAudit(w.Store))
	w.furnish(p)
	t.Cleanup(func() {
		w.Ctx = context.Background()
		w.Audit()
		if err := storage.Close(w.Ctx); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return w
}

func (w *World) furnish(p Policies) {
	w.Ledger = tokens.NewLedger(w.IDs)
	passwords := users.NewPasswords(w.Hasher)
	w.Users = users.NewService(users.Deps{
		Store: ports.ForUsers(w.Store), Ledger: w.Ledger, Passwords: passwords, Access: w.Access, Mailer: w.Mailbox,
		Clock: w.Clock.Now, IDs: w.IDs, Policy: p.Users,
	})
	w.Tokens = tokens.NewService(ports.ForTokens(w.Store))
	w.Moderation = moderation.NewService(moderation.Deps{
		Store: ports.ForModeration(w.Store), Ledger: w.Ledger, Auditor: w.auditor, Clock: w.Clock.Now, IDs: w.IDs,
	})
	w.Matching = matching.NewService(matching.Deps{Store: ports.ForMatching(w.Store), Clock: w.Clock.Now, IDs: w.IDs})
	w.Messaging = messaging.NewService(messaging.Deps{
		Store: ports.ForMessaging(w.Store), Ledger: w.Ledger, Images: Images{}, Clock: w.Clock.Now, IDs: w.IDs, Policy: p.Messaging,
	})
	w.Reservations = reservations.NewService(reservations.Deps{
		Store: ports.ForReservations(w.Store), Ledger: w.Ledger, Clock: w.Clock.Now, IDs: w.IDs, Policy: p.Reservations,
	})
	w.Privacy = privacy.NewService(privacy.Deps{
		Store: ports.ForReservations(w.Store), Ledger: w.Ledger, Passwords: passwords, Clock: w.Clock.Now,
	})
}

// Audit fails the test for every rule that the store breaks now.
func (w *World) Audit() {
	w.t.Helper()
	v, err := w.auditor.Audit(w.Ctx)
	if err != nil {
		w.t.Errorf("audit the store: %v", err)
	}
	for _, broken := range v.Violations {
		w.t.Errorf("the store breaks %s at %q: %s", broken.Rule, broken.Subject, broken.Detail)
	}
}
