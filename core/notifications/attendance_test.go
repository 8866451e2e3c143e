package notifications_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// counted is a store that counts units of work.
type counted struct {
	ports.Storage
	units atomic.Int64
}

func (c *counted) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	c.units.Add(1)
	return c.Storage.Run(ctx, mode, fn)
}

// unhandled returns the events of a type that were committed after a position.
func (w *town) unhandled(of events.Type, after int64) (all []events.Event, last int64) {
	w.t.Helper()
	next, err := coretest.EventsAfter(w.Ctx, w.Store, after)
	coretest.Is(w.t, err, nil)
	for _, e := range next {
		if last = e.Position; e.Type == of {
			all = append(all, e.Event)
		}
	}
	return all, last
}

// answers lets Ada write to both others, who may then write to her as often as they like.
func (w *town) answers() {
	w.t.Helper()
	w.Fund(w.ada, 1000)
	for _, talk := range []id.Conversation{w.toBen, w.toMia} {
		w.says(w.ada, talk)
	}
	coretest.Is(w.t, w.Notify(), nil)
	w.Clock.Advance(delay)
	coretest.Is(w.t, w.Notify(), nil)
	w.unread()
}

// TestABatchIsReadAtOnce tests that the messages of a batch to users who have a notice cost one
// read, and those to one who gets a notice one more unit.
func TestABatchIsReadAtOnce(t *testing.T) {
	c := &counted{Storage: memory.New()}
	w := newTownIn(t, c)
	w.answers()
	w.says(w.ben, w.toBen)
	w.says(w.mia, w.toMia)
	coretest.Is(t, w.Notify(), nil)
	_, last := w.unhandled(events.TypeMessageSent, 0)
	for range 20 {
		w.says(w.ben, w.toBen)
		w.says(w.mia, w.toMia)
	}
	batch, last := w.unhandled(events.TypeMessageSent, last)
	before := c.units.Load()
	coretest.Is(t, coretest.Handle(w.Ctx, w.Notifications.Subscriber(), batch...), nil)
	if n := c.units.Load() - before; len(batch) != 40 || n != 1 {
		t.Errorf("%d messages cost %d units, want 1", len(batch), n)
	}

	coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
	for range 20 {
		w.says(w.ben, w.toBen)
	}
	batch, _ = w.unhandled(events.TypeMessageSent, last)
	before = c.units.Load()
	coretest.Is(t, coretest.Handle(w.Ctx, w.Notifications.Subscriber(), batch...), nil)
	if n := c.units.Load() - before; n != 2 {
		t.Errorf("%d messages to one who gets a notice cost %d units, want 2", len(batch), n)
	}
	w.Clock.Advance(delay)
	w.wants("the notice", "ada: new_message: 41 of Ben")
}

// TestOneWithoutMailCostsOneUnitInABatch tests that messages to a user who wants no mail about them
// cost no more units than to one who does.
func TestOneWithoutMailCostsOneUnitInABatch(t *testing.T) {
	c := &counted{Storage: memory.New()}
	w := newTownIn(t, c)
	w.answers()
	w.switchesOff(w.ada, notifications.NewMessage)
	_, last := w.unhandled(events.TypeMessageSent, 0)
	for range 20 {
		w.says(w.ben, w.toBen)
	}
	batch, _ := w.unhandled(events.TypeMessageSent, last)
	before := c.units.Load()
	coretest.Is(t, coretest.Handle(w.Ctx, w.Notifications.Subscriber(), batch...), nil)
	if n := c.units.Load() - before; n != 2 {
		t.Errorf("%d messages cost %d units, want 2", len(batch), n)
	}
	w.later("to one who wants none")
}

// TestHereSinceTheBatchWasRead tests that a user who comes here after a batch was read, and before
// its events are handled, is told of the messages that are sent afterwards, and of no earlier ones.
func TestHereSinceTheBatchWasRead(t *testing.T) {
	for name, noticed := range map[string]bool{"without a notice": false, "with one": true} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			if noticed {
				w.says(w.mia, w.toMia)
				coretest.Is(t, w.Notify(), nil)
			}
			_, last := w.unhandled(events.TypeMessageSent, 0)
			w.says(w.ben, w.toBen)
			batch, _ := w.unhandled(events.TypeMessageSent, last)
			handle, err := w.Notifications.Subscriber().Prepare(w.Ctx, batch)
			coretest.Is(t, err, nil)
			w.Clock.Advance(time.Minute)
			coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
			for _, e := range batch {
				coretest.Is(t, handle(w.Ctx, e), nil)
			}
			w.Clock.Advance(time.Hour)
			_, err = w.Notifications.Send(w.Ctx)
			coretest.Is(t, err, nil)
			if got := w.unread(); len(got) > 0 {
				t.Errorf("mailed %q", got)
			}
			w.says(w.ben, w.toBen)
			w.later("what was sent afterwards", "ada: new_message: 2 of Ben")
		})
	}
}

// TestReadingInABatch tests that reading and writing in one batch count in their order.
func TestReadingInABatch(t *testing.T) {
	w := newTown(t)
	sent := w.says(w.ben, w.toBen)
	w.Clock.Advance(time.Minute)
	_, err := w.Messaging.Read(w.Ctx, w.ada, w.toBen, sent.ID, "")
	coretest.Is(t, err, nil)
	w.later("read after it was sent")

	w.says(w.mia, w.toMia)
	w.later("sent again", "ada: new_message: 1 of Mia")
	w.Clock.Advance(time.Minute)
	last := w.says(w.mia, w.toMia)
	_, err = w.Messaging.Read(w.Ctx, w.ada, w.toMia, last.ID, "")
	coretest.Is(t, err, nil)
	w.says(w.ben, w.toBen)
	w.later("sent after others were read, although there was a notice", "ada: new_message: 1 of Ben")
}
