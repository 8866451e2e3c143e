package porttest

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

// eventReads returns the calls for events that only read.
func (w *town) eventReads() []call {
	return []call{
		discarding("Events.After", func(ctx context.Context, tx ports.Tx) (any, error) { return tx.Events().After(ctx, 0, 10) }),
		discarding("Events.At", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Events().At(ctx, w.sent.Position)
		}),
		discarding("Events.Backlog", func(ctx context.Context, tx ports.Tx) (any, error) { return tx.Events().Backlog(ctx) }),
		discarding("Subscriptions.Subscription", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Subscriptions().Subscription(ctx, "mail")
		}),
		discarding("Subscriptions.List", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Subscriptions().List(ctx, "", 10)
		}),
		discarding("Subscriptions.Aside", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Subscriptions().Aside(ctx, events.AsideFilter{}, nil, 10)
		}),
	}
}

// eventWrites returns the calls for events that write.
func (w *town) eventWrites(f *fixture) []call {
	later := noon.Add(2 * time.Hour)
	at := w.mail.Leased()
	next := events.Lease{Name: at.Name, Holder: at.Holder, Position: w.sent.Position}
	subscriptions := func(name string, run func(ctx context.Context, s events.Subscriptions) (bool, error)) call {
		return discarding("Subscriptions."+name, func(ctx context.Context, tx ports.Tx) (any, error) {
			return run(ctx, tx.Subscriptions())
		})
	}
	return []call{
		{"Events.Add", func(ctx context.Context, tx ports.Tx) error { return tx.Events().Add(ctx, f.newEvent(w.ben.ID, 1)) }},
		discarding("Events.Number", func(ctx context.Context, tx ports.Tx) (any, error) { return tx.Events().Number(ctx, 1) }),
		subscriptions("Subscribe", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Subscribe(ctx, events.Subscription{Name: "webhooks", State: events.Off, Since: later})
		}),
		{"Subscriptions.Lease", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Subscriptions().Lease(ctx, at.Name, at.Holder, later, later.Add(time.Minute))
			return err
		}},
		subscriptions("Postpone", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Postpone(ctx, at, 1, later)
		}),
		subscriptions("SetAside", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.SetAside(ctx, at, newAside(at.Name, w.sent.Position))
		}),
		subscriptions("Retry", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Retry(ctx, w.aside.Place())
		}),
		subscriptions("Return", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Return(ctx, next, w.aside)
		}),
		subscriptions("Resolve", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Resolve(ctx, next, w.aside.Position)
		}),
		subscriptions("Advance", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Advance(ctx, next, w.sent.Position+1)
		}),
		subscriptions("Release", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Release(ctx, events.Lease{Name: at.Name, Holder: at.Holder, Position: w.sent.Position + 1})
		}),
		subscriptions("Switch", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Switch(ctx, at.Name, events.Active, events.Behind, later)
		}),
		subscriptions("Begin", func(ctx context.Context, s events.Subscriptions) (bool, error) {
			return s.Begin(ctx, "webhooks", 1, later)
		}),
		{"Subscriptions.Drop", func(ctx context.Context, tx ports.Tx) error { return tx.Subscriptions().Drop(ctx, "webhooks") }},
		discarding("Events.Trim", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Events().Trim(ctx, w.sent.Position, 10)
		}),
	}
}

// eventsMissing returns calls that name a subscription that does not exist.
func eventsMissing() []call {
	return []call{
		discarding("Subscriptions.Subscription", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Subscriptions().Subscription(ctx, "unknown")
		}),
		{"Subscriptions.Lease", func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Subscriptions().Lease(ctx, "unknown", "a", noon, noon.Add(time.Minute))
			return err
		}},
	}
}
