package porttest

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// largeUnit has more events than a store keeps together, and numbers few of them at a time.
func largeUnit(f *fixture) {
	ada := id.User(f.ids.Next())
	var all []events.Event
	for seq := range int64(150) {
		all = append(all, f.newEvent(ada, seq+1))
	}
	f.addEvents(all...)
	for taken := 0; taken < len(all); taken += 40 {
		n := min(40, len(all)-taken)
		f.same("numbered", f.number(40), n)
		f.numbered("the events so far", 0, all[:taken+n]...)
	}
	f.same("numbered again", f.number(40), 0)
}

// eventsInUnit asks for events in the unit that adds them. A store may defer what it writes.
func eventsInUnit(f *fixture) {
	e := f.newEvent(id.User(f.ids.Next()), 1)
	var b events.Backlog
	var n int
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return inOrder(
			func() error { return tx.Events().Add(ctx, e) },
			func() (err error) { b, err = tx.Events().Backlog(ctx); return err },
		)
	})
	f.same("the backlog", b, events.Backlog{Oldest: e.At})
	f.same("numbered", f.number(10), 1)
	last := f.newEvent(e.Data.(events.ProfileChanged).UserID, 2) //nolint:forcetypeassert // newEvent makes it
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return inOrder(
			func() error { return tx.Events().Add(ctx, last) },
			func() (err error) { n, err = tx.Events().Number(ctx, 10); return err },
		)
	})
	f.same("numbered by the unit that adds", n, 1)
	f.numbered("the event", 1, last)
}

// rowsInUnit reads the rows of the outbox in the unit that adds an event.
func rowsInUnit(f *fixture) {
	e := f.newEvent(id.User(f.ids.Next()), 1)
	var waiting []ports.Row
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return inOrder(
			func() error { return tx.Events().Add(ctx, e) },
			func() (err error) { waiting, err = tx.Rows().Read(ctx, ports.Outbox, nil, 10); return err },
		)
	})
	f.same("the outbox has the event", slices.ContainsFunc(waiting, func(row ports.Row) bool {
		found, err := ports.OutboxLayout.Value(row)
		return err == nil && found.ID == e.ID
	}), true)
}
