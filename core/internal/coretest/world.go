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
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
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
	Secrets *secret.Box
	Ctx     context.Context // ends with the test

	t       testing.TB
	auditor moderation.Auditor
	admin   id.User // see Admin
	mailed  int64   // see Deliver
	noted   int64   // see Notify
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
	w.Secrets = Secrets()
	w.Ledger = tokens.NewLedger(w.IDs)
	var err error
	told := ports.NewStore(Told(t, storage), p.Units)
	w.Services, err = services.New(ports.ForServices(told), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: w.Mailbox, Images: Images{}, Secrets: w.Secrets, Clock: w.Clock.Now, IDs: w.IDs,
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

// Deliver sends the mail that was requested, as the relay does, up to the first error, which it
// returns. It begins with the mail after the last that was sent.
func (w *World) Deliver() error {
	var err error
	w.mailed, err = Deliver(w.Ctx, w.Store, w.Users, w.mailed)
	return err
}

// Deliver sends the mail that was requested by events after a position, and returns the position of
// the last event that was handled.
func Deliver(ctx context.Context, store *ports.Store, s *users.Service, after int64) (int64, error) {
	next, err := EventsAfter(ctx, store, after)
	for _, e := range next {
		if e.Type == events.TypeMailRequested {
			if err := s.SendMail(ctx, e.Event); err != nil {
				return after, err
			}
		}
		after = e.Position
	}
	return after, err
}

// Notify hands the events after those of the last call to the subscriber of notifications, as the relay
// does, and sends the mail that is due. Its error is that of the sending.
func (w *World) Notify() error {
	w.t.Helper()
	next, err := EventsAfter(w.Ctx, w.Store, w.noted)
	var batch []events.Event
	for _, e := range next {
		batch, w.noted = append(batch, e.Event), e.Position
	}
	if err == nil {
		err = Handle(w.Ctx, w.Notifications.Subscriber(), batch...)
	}
	if err != nil {
		w.t.Fatalf("note what is due: %v", err)
	}
	_, err = w.Notifications.Send(w.Ctx)
	return err
}

// Handle hands the events that a subscriber wants to it, as one batch of the relay.
func Handle(ctx context.Context, s events.Subscriber, batch ...events.Event) error {
	batch = slices.DeleteFunc(batch, func(e events.Event) bool { return !slices.Contains(s.Types, e.Type) })
	handle, err := s.Prepare(ctx, batch)
	for _, e := range batch {
		if err == nil {
			err = handle(ctx, e)
		}
	}
	return err
}

// EventsAfter numbers the events of a store, and returns those after a position.
func EventsAfter(ctx context.Context, store *ports.Store, after int64) (next []events.Numbered, err error) {
	err = store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 10_000)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = store.View(ctx, func(ctx context.Context, tx ports.Tx) (err error) {
		next, err = tx.Events().After(ctx, after, 10_000)
		return err
	})
	return next, err
}

// Sent sends the mail that was requested, and returns all mail so far, oldest first.
func (w *World) Sent() []users.Mail {
	w.t.Helper()
	if err := w.Deliver(); err != nil {
		w.t.Fatal(err)
	}
	return w.Mailbox.Sent()
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
