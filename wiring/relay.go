package wiring

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// NewRelay returns the relay. It delivers events to the subscribers of the Config, to those of the
// server itself and to the endpoints of webhooks, and deferred events to joined subscribers. App.Run
// runs it. Config.Decorate does not see its units of work.
func NewRelay(
	c Checked, s *services.Services, storage ports.Storage, r *Readiness, now clock.Clock, ids id.Source, w *Waker,
	hooks *webhooks.Deliveries,
) (*events.Relay, error) {
	runner, err := join(c, r.watch(storage), now, ids)
	if err != nil {
		return nil, err
	}
	subscribers := slices.Concat(builtIn(c, s), c.Subscribers)
	for _, s := range c.JoinedSubscribers {
		subscribers = append(subscribers, s.Later())
	}
	notifier, _ := storage.(events.Notifier)
	relay, err := events.NewRelay(events.RelayDeps{
		Store: ports.ForEvents(uow.NewStore(runner, c.Units)), Notifier: notifier, Clock: now, IDs: ids,
		Policy: c.Events, Subscribers: subscribers, Source: hooks.Subscribers,
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: deliver events: %w", err)
	}
	w.relay.Store(relay)
	return relay, nil
}

// Waker stands for the relay until it is made, which is after the services, because its subscribers
// call them.
type Waker struct{ relay atomic.Pointer[events.Relay] }

// NewWaker returns a Waker that does nothing until NewRelay has got it.
func NewWaker() *Waker { return &Waker{} }

// Watch implements live.Relay, once NewRelay has got the Waker.
func (w *Waker) Watch() (woken <-chan struct{}, stop func()) {
	if relay := w.relay.Load(); relay != nil {
		return relay.Watch()
	}
	return nil, func() {}
}

func (w *Waker) wake() {
	if relay := w.relay.Load(); relay != nil {
		relay.Wake()
	}
}

// waking wakes the relay when a unit that may have added events is committed.
type waking struct {
	uow.Runner[ports.Tx]
	waker *Waker
}

// Run implements uow.Runner.
func (w waking) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	err := w.Runner.Run(ctx, mode, fn)
	if err == nil && mode == uow.Write {
		w.waker.wake()
	}
	return err
}
