// Package coretest is the world in which core is tested: all services over one store, a
// clock that stands still until it is told, and fast stand-ins for what lies outside.
//
//	w := coretest.NewWorld(t, memory.New())
//	ada, luca := w.Person("Ada"), w.Local("Luca")
//	talk := w.Conversation(ada, luca)
//	w.Clock.Advance(time.Hour)
//
// When the test ends, the store is audited: a test that leaves a rule of core/README.md broken fails,
// whatever it looked at itself. So does one in which a use case changes something without its event: see Told.
package coretest

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Policies are those of the services, and how long units of work are run again. Tests that need others than the
// defaults change them through NewWorld.
type Policies struct {
	services.Policies
	Units uow.Policy
}

// World is one community: its services, and what they are made of.
type World struct {
	*services.Services

	Store   *ports.Store
	Ledger  *tokens.Ledger
	IDs     id.Source
	Clock   *Clock
	Hasher  *Hasher
	Access  *AccessTokens
	TOTP    TOTP
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
	p := Policies{Policies: services.DefaultPolicies()}
	for _, c := range change {
		c(&p)
	}
	w := &World{Clock: NewClock(), Hasher: &Hasher{}, Mailbox: &Mailbox{}, Ctx: t.Context(), t: t}
	w.Store = ports.NewStore(storage, p.Units)
	w.IDs = id.NewGenerator(w.Clock.Now)
	w.Access = &AccessTokens{Clock: w.Clock}
	w.auditor = audit.New(ports.ForAudit(w.Store))
	w.Ledger = tokens.NewLedger(w.IDs)
	var err error
	told := ports.NewStore(Told(t, storage), p.Units)
	w.Services, err = services.New(ports.ForServices(told), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: w.Mailbox, Images: Images{}, Clock: w.Clock.Now, IDs: w.IDs,
	}, p.Policies)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Ctx = context.Background()
		w.Audit()
		if err := storage.Close(w.Ctx); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return w
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
