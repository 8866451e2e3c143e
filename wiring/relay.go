package wiring

import (
	"context"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// NewRelay returns the relay that delivers events to the subscribers of the Config, and
// to joined ones what was deferred. App.Run runs it.
// Config.Decorate does not see its units of work.
func NewRelay(c Checked, storage ports.Storage, r *Readiness, now clock.Clock, ids id.Source) (*events.Relay, error) {
	if storage == nil {
		return nil, nil // services.New says what is missing
	}
	runner, err := join(c, r.watch(storage), now, ids)
	if err != nil {
		return nil, err
	}
	subscribers := slices.Clone(c.Subscribers)
	for _, s := range c.JoinedSubscribers {
		subscribers = append(subscribers, s.Later())
	}
	notifier, _ := storage.(events.Notifier)
	relay, err := events.NewRelay(events.RelayDeps{
		Store: ports.ForEvents(uow.NewStore(runner, c.Units)), Notifier: notifier, Clock: now, IDs: ids,
		Policy: c.Events, Subscribers: subscribers,
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: deliver events: %w", err)
	}
	return relay, nil
}

// waking wakes the relay when a unit that may have added events is committed.
type waking struct {
	uow.Runner[ports.Tx]
	relay *events.Relay
}

// Run implements uow.Runner.
func (w waking) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	err := w.Runner.Run(ctx, mode, fn)
	if err == nil && mode == uow.Write {
		w.relay.Wake()
	}
	return err
}
