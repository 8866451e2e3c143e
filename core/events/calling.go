package events

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNotHeld is returned by attempt if this run does not hold the subscription any more.
var errNotHeld = errors.New("the subscription is not held any more, or its event was dropped")

// handler is the function with which a subscriber handles events.
type handler = func(ctx context.Context, e Event) error

// attempt hands an event to the subscriber, and returns its error. A joined subscriber is called in
// the unit of work in which done stores that the event is handled; next is the subscription after
// that. If done reports false, attempt returns errNotHeld. For any other subscriber it calls
// handle, and not done.
func (d *delivery) attempt(
	ctx context.Context, e Event, handle handler, next Subscription, done func(ctx context.Context, s Subscriptions) (bool, error),
) error {
	if d.present.Load().joined == nil {
		return d.call(ctx, e, handle)
	}
	err := d.call(ctx, e, func(ctx context.Context, e Event) error {
		return d.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) error {
			if err := d.present.Load().joined(ctx, tx, e); err != nil {
				return err
			}
			if stored, err := done(ctx, tx.Subscriptions()); err != nil || stored {
				return err
			}
			return errNotHeld
		})
	})
	if err == nil {
		d.held = &next
	}
	return err
}

// call calls handle with a limit of time. It returns its error, or a panicked if it panics.
func (d *delivery) call(ctx context.Context, e Event, handle handler) (err error) {
	limit := d.deps.Policy.HandleTime
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	late := time.AfterFunc(2*limit, func() {
		d.report(fmt.Errorf("subscriber %s: it has not returned from the event %s, although its time of %v is over", d.name, e.Type, limit))
	})
	defer late.Stop()
	defer func() {
		if value := recover(); value != nil {
			err = newPanicked(value)
		}
	}()
	return handle(ctx, e)
}

// preparation is what a subscriber has prepared of a batch.
type preparation struct {
	of     *Subscriber
	handle handler // nil if the subscriber prepares nothing
	upTo   int64   // the position of the last event that handle is for
	alone  bool    // the subscriber failed to prepare several events together
}

// prepare sets p.handle to the function for the first of the events that come next, which the
// subscriber wants, and for the others that it wants. If the subscriber fails to prepare several
// events, prepare asks it for the first one alone, unless the error is passing. It returns the error
// for a single event, or the one that is passing.
func (d *delivery) prepare(ctx context.Context, p *preparation, s *Subscriber, next []Numbered) error {
	if s.Prepare == nil {
		p.of, p.handle = s, s.Handle
		return nil
	}
	if p.of == s && next[0].Position <= p.upTo {
		return nil
	}
	var batch []Event
	for _, e := range next {
		if wanted, wants := s.wants(e.Event); wants {
			batch, p.upTo = append(batch, wanted), e.Position
		}
		if p.alone {
			break
		}
	}
	p.of = s
	err := d.prepareAll(ctx, p, batch)
	if err == nil || len(batch) == 1 || passing(err) || ctx.Err() != nil {
		return err
	}
	d.report(fmt.Errorf("subscriber %s: the events after position %d are prepared one by one: %w", d.name, next[0].Position-1, err))
	p.alone, p.upTo = true, next[0].Position
	return d.prepareAll(ctx, p, batch[:1])
}

func (d *delivery) prepareAll(ctx context.Context, p *preparation, batch []Event) error {
	return d.call(ctx, batch[0], func(ctx context.Context, _ Event) (err error) {
		p.handle, err = p.of.Prepare(ctx, batch)
		return err
	})
}
