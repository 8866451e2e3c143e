package events

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/cicerone-go/cicerone/core/fault"
)

// begin starts to deliver events to a subscriber, until ctx ends or the delivery is stopped.
func (r *relayRun) begin(ctx context.Context, s Subscriber, sourced bool) {
	ctx, stop := context.WithCancel(ctx)
	d := &delivery{relayRun: r, name: s.Name, sourced: sourced, stop: stop, woken: make(chan struct{}, 1)}
	d.asks.Store(true)
	d.present.Store(&s)
	r.deliveries[s.Name] = d
	r.running.Go(func() {
		defer stop()
		d.run(ctx)
	})
}

// askAnd asks the Source before a round, which also takes place if that fails.
func (r *relayRun) askAnd(round func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error { return errors.Join(r.ask(ctx), round(ctx)) }
}

// ask begins with the new subscribers of the Source, ends those that it does not have any more, and
// replaces the others, so that the next event is handled by the present one.
func (r *relayRun) ask(ctx context.Context) error {
	if r.deps.Source == nil {
		return nil
	}
	subscribers, err := r.deps.Source(ctx)
	if err != nil {
		return fmt.Errorf("list the subscribers of the source: %w", err)
	}
	if len(subscribers) > MaxSourced {
		return fmt.Errorf("the source has %d subscribers, but there may be at most %d", len(subscribers), MaxSourced)
	}
	var f fault.Fields
	CheckSubscribers(&f, append(subscribers[:len(subscribers):len(subscribers)], r.deps.Subscribers...))
	if err := f.Err(); err != nil {
		return fmt.Errorf("check the subscribers of the source: %w", err)
	}
	gone := maps.Clone(r.deliveries)
	for _, s := range subscribers {
		if d, found := r.deliveries[s.Name]; found {
			d.present.Store(&s)
			delete(gone, s.Name)
		} else {
			r.begin(ctx, s, true)
		}
	}
	for name, d := range gone {
		if d.sourced {
			d.stop()
			delete(r.deliveries, name)
		}
	}
	return nil
}
