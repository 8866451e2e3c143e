package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
)

// delivery hands events to one subscriber.
type delivery struct {
	*relayRun
	name    string
	present atomic.Pointer[Subscriber]
	sourced bool               // by the Source of the relay
	stop    context.CancelFunc // ends it
	woken   chan struct{}
	asks    atomic.Bool   // it has to read the subscription, and what is marked to be tried again
	waits   int64         // how often in a row an event could not be handled yet: see passing
	held    *Subscription // as the store has it while this run has the lease; nil if it is to be read

	ahead   []Numbered // what was read of the events that follow aheadOf
	aheadOf int64

	skipped   int64     // the subscriber wants no event from the stored position up to this one; 0 if the lease is new
	skippedAt time.Time // when it became higher than that
}

const (
	// storeTime is how long a delivery may take to store its position after the context of Run has ended.
	storeTime = 5 * time.Second

	triedAtOnce = 10 // events that are set aside
)

// run delivers events whenever it is woken, until ctx ends.
func (d *delivery) run(ctx context.Context) {
	defer d.release(ctx)
	rest := d.newRest()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.woken:
		}
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = d.deliver(ctx); err != nil {
				more, d.held = false, nil // it is not known what the store has
				if d.sourced && errors.Is(err, fault.NotFound) {
					continue // its subscription was dropped
				}
				err = fmt.Errorf("subscriber %s: %w", d.name, err)
			}
			rest.after(ctx, err)
		}
	}
}

// deliver hands over events that are marked to be tried again, and a batch of those that come next.
// It reports whether there may be more.
func (d *delivery) deliver(ctx context.Context) (more bool, err error) {
	if leased, err := d.lease(ctx, d.skipped); !leased || err != nil {
		return false, err
	}
	next, err := d.next(ctx)
	if err != nil {
		return false, err
	}
	tries, rests := d.asks.Swap(false), d.deps.Clock.Now().Before(d.held.RetryAt)
	var marked []SetAside
	if tries || !rests && d.wantsAny(next) {
		var again []Numbered
		var current Subscription
		if current, marked, again, err = d.current(ctx, tries); err != nil {
			return false, err
		}
		if current.State != Active || current.Leased() != d.held.Leased() {
			d.held = nil // it was switched off, or told to begin elsewhere
			return current.State == Active, nil
		}
		for _, e := range again {
			i := slices.IndexFunc(marked, func(m SetAside) bool { return m.Position == e.Position })
			if tried, err := d.tryAgain(ctx, marked[i], e); !tried || err != nil {
				return false, err
			}
		}
	}
	if rests {
		return false, nil
	}
	more, err = d.handle(ctx, next)
	return more || len(marked) == triedAtOnce, err
}

// next returns the batch of events that come next. It keeps what was read for the batches after it.
func (d *delivery) next(ctx context.Context) (batch []Numbered, err error) {
	at := d.reached()
	if d.ahead = following(d.ahead, at); len(d.ahead) == 0 || at < d.aheadOf {
		if d.ahead, err = d.tail.after(ctx, at); err != nil {
			return nil, err
		}
	}
	d.aheadOf = at
	return d.ahead[:min(len(d.ahead), d.deps.Policy.Batch)], nil
}

// reached returns the position up to which everything was handled, or is not wanted.
func (d *delivery) reached() int64 { return max(d.held.Position, d.skipped) }

// wantsAny reports whether there is an event for the subscriber.
func (d *delivery) wantsAny(next []Numbered) bool {
	s := d.present.Load()
	return slices.ContainsFunc(next, func(e Numbered) bool {
		_, wants := s.wants(e.Event)
		return wants
	})
}

// current reads the subscription, and if tries is true also the events that are marked to be tried
// again.
func (d *delivery) current(ctx context.Context, tries bool) (s Subscription, marked []SetAside, again []Numbered, err error) {
	err = d.deps.Store.View(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		marked, again = nil, nil
		if s, err = tx.Subscriptions().Subscription(ctx, d.name); err != nil || !tries {
			return err
		}
		filter := AsideFilter{Subscriber: d.name, State: Retried}
		if marked, err = tx.Subscriptions().Aside(ctx, filter, nil, triedAtOnce); err != nil || len(marked) == 0 {
			return err
		}
		positions := make([]int64, len(marked))
		for i, e := range marked {
			positions[i] = e.Position
		}
		again, err = tx.Events().At(ctx, positions...)
		return err
	})
	if err != nil {
		return Subscription{}, nil, nil, fmt.Errorf("read the subscription: %w", err)
	}
	if len(marked) == triedAtOnce {
		d.asks.Store(true)
	}
	return s, marked, again, nil
}

// handle hands over the events that come next. It stores how far it is at the end, and whenever it
// renews the lease. It reports whether there may be more.
func (d *delivery) handle(ctx context.Context, next []Numbered) (more bool, err error) {
	done, some := d.reached(), false
	var p preparation
	for i, e := range next {
		if ctx.Err() != nil {
			break
		}
		s := d.present.Load()
		if wanted, wants := s.wants(e.Event); wants {
			some = true
			err := d.prepare(ctx, &p, s, next[i:])
			if leased, err := d.lease(ctx, done); !leased || err != nil {
				return false, err
			}
			if err == nil {
				err = d.attempt(ctx, wanted, p.handle, d.passed(e.Position), func(ctx context.Context, s Subscriptions) (bool, error) {
					return s.Advance(ctx, d.held.Leased(), e.Position)
				})
			}
			if errors.Is(err, errNotHeld) {
				d.held = nil
				return true, nil
			}
			if err != nil && ctx.Err() == nil {
				return d.failed(ctx, done, e, err)
			} else if err != nil {
				break // the relay stops, so that this was no attempt
			}
		}
		done, d.waits = e.Position, 0
	}
	if more = len(next) > 0; done == d.held.Position || !some && d.skip(done) {
		return more, nil
	}
	return more, d.store(ctx, d.passed(done), func(ctx context.Context, s Subscriptions) (bool, error) {
		return s.Advance(ctx, d.held.Leased(), done)
	})
}

// skipTime is how long the position is not stored while the subscriber wants none of the events.
const skipTime = time.Second

// skip notes that the subscriber wants no event up to done. It reports false if it is time to store
// that.
func (d *delivery) skip(done int64) bool {
	now := d.deps.Clock.Now()
	if d.skipped <= d.held.Position {
		d.skippedAt = now
	}
	d.skipped = done
	return now.Sub(d.skippedAt) < skipTime
}

// passed returns the subscription with a higher position.
func (d *delivery) passed(position int64) Subscription {
	s := *d.held
	s.Position, s.Attempts, s.RetryAt = position, 0, time.Time{}
	return s
}

// failed stores that an event has failed, after all up to done were handled. It reports whether
// there may be more to handle now.
func (d *delivery) failed(ctx context.Context, done int64, e Numbered, failure error) (more bool, err error) {
	held, now := *d.held, d.deps.Clock.Now()
	if done > held.Position {
		held.Position, held.Attempts = done, 0
	}
	lease := held.Leased()
	later := d.present.Load().TryFor == 0 && passing(failure)
	if later {
		d.waits++
	} else {
		held.Attempts++
	}
	attempts, tried := held.Attempts, held.Attempts+d.waits
	aside := !later && attempts >= int64(d.deps.Policy.MaxTries) && now.Sub(e.At) >= d.present.Load().TryFor
	d.report(d.describe(e, tried, failure, aside))
	if aside {
		d.waits = 0
		held.Position, held.Attempts, held.RetryAt = e.Position, 0, time.Time{}
	} else {
		held.RetryAt = clock.Truncate(now.Add(d.deps.Policy.pause(tried)))
	}
	return aside, d.store(ctx, held, func(ctx context.Context, s Subscriptions) (bool, error) {
		if before := d.held.Leased(); lease != before {
			if advanced, err := s.Advance(ctx, before, lease.Position); !advanced || err != nil {
				return false, err
			}
		}
		if aside {
			// It is set aside already if the subscription was told to begin before it.
			if already, err := d.isAside(ctx, s, e.Position); err != nil {
				return false, err
			} else if already {
				return s.Advance(ctx, lease, e.Position)
			}
			return s.SetAside(ctx, lease, d.setAside(e, attempts, failure))
		}
		return s.Postpone(ctx, lease, attempts, held.RetryAt)
	})
}

// passing reports whether an error says that the event can be handled later, as when a server cannot
// be reached. The event waits then, until the subscription is behind.
func passing(failure error) bool {
	_, panicked := errors.AsType[*panicked](failure)
	return !panicked && errors.Is(failure, fault.Unavailable)
}

// isAside reports whether an event is set aside already.
func (d *delivery) isAside(ctx context.Context, s Subscriptions, position int64) (bool, error) {
	name := d.name
	next, err := s.Aside(ctx, AsideFilter{Subscriber: name}, &AsidePlace{name, position - 1}, 1)
	return len(next) > 0 && next[0].Position == position, err
}

func (d *delivery) setAside(e Numbered, attempts int64, failure error) SetAside {
	return SetAside{
		Subscriber: d.name, Position: e.Position, Attempts: attempts, Class: classOf(failure),
		At: d.deps.Clock.Now(), State: Waiting,
	}
}

func (d *delivery) describe(e Numbered, attempts int64, failure error, aside bool) error {
	then := ""
	if aside {
		then = "; it is set aside"
	}
	return fmt.Errorf("subscriber %s: the event %s at position %d failed %d times%s: %w",
		d.name, e.Type, e.Position, attempts, then, failure)
}

// tryAgain hands over an event that was set aside, once. It reports false if the delivery has to
// stop.
func (d *delivery) tryAgain(ctx context.Context, aside SetAside, e Numbered) (tried bool, err error) {
	if leased, err := d.lease(ctx, 0); !leased || err != nil {
		return false, err
	}
	resolve := func(ctx context.Context, s Subscriptions) (bool, error) {
		return s.Resolve(ctx, d.held.Leased(), e.Position)
	}
	var failure error
	s := d.present.Load()
	if wanted, wants := s.wants(e.Event); wants { // not if it has other types than before
		var p preparation
		if failure = d.prepare(ctx, &p, s, []Numbered{e}); failure == nil {
			failure = d.attempt(ctx, wanted, p.handle, *d.held, resolve)
		}
	}
	switch {
	case errors.Is(failure, errNotHeld):
		d.held = nil
		return false, nil
	case failure != nil && ctx.Err() != nil:
		return false, nil //nolint:nilerr // the relay stops, so that this was no attempt
	}
	if failure != nil {
		d.report(d.describe(e, aside.Attempts+1, failure, true))
	}
	err = d.store(ctx, *d.held, func(ctx context.Context, s Subscriptions) (bool, error) {
		if failure != nil {
			_, err := s.Return(ctx, d.held.Leased(), d.setAside(e, aside.Attempts+1, failure))
			return true, err
		}
		_, err := resolve(ctx, s)
		return true, err
	})
	return d.held != nil, err
}

// lease takes the subscription, or renews the lease if less than half of it remains, and then also
// stores that all events up to done were handled. It reports whether this run has the lease.
func (d *delivery) lease(ctx context.Context, done int64) (leased bool, err error) {
	now := d.deps.Clock.Now()
	if d.held != nil && d.held.HeldUntil.Sub(now) >= d.deps.Policy.Lease/2 {
		return true, nil
	}
	if d.held == nil {
		done, d.skipped = 0, 0
	}
	var s Subscription
	err = d.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		s, leased, err = tx.Subscriptions().Lease(ctx, d.name, d.holder, now, now.Add(d.deps.Policy.Lease))
		if err != nil || !leased {
			return err
		}
		if d.held != nil && d.held.Position != s.Position {
			leased = false // it was told to begin elsewhere
			return nil
		}
		if done > s.Position {
			if leased, err = tx.Subscriptions().Advance(ctx, s.Leased(), done); err != nil {
				return err
			}
			s.Position, s.Attempts, s.RetryAt = done, 0, time.Time{}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("lease the subscription: %w", err)
	}
	if d.held = nil; leased {
		d.held = &s
	}
	return leased, nil
}

// store runs a unit that changes the subscription to next, also if ctx has ended. fn may run more
// than once, and returns false if this run does not have the lease any more.
func (d *delivery) store(ctx context.Context, next Subscription, fn func(context.Context, Subscriptions) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	var done bool
	err := d.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		done, err = fn(ctx, tx.Subscriptions())
		return err
	})
	if err != nil {
		return fmt.Errorf("store what was handled: %w", err)
	}
	if d.held = nil; done {
		d.held = &next
	}
	return nil
}

// release ends the lease, so that another process need not wait for its end.
func (d *delivery) release(ctx context.Context) {
	if d.held == nil {
		return
	}
	err := d.store(ctx, *d.held, func(ctx context.Context, s Subscriptions) (bool, error) {
		l := d.held.Leased()
		if d.skipped > l.Position {
			if advanced, err := s.Advance(ctx, l, d.skipped); !advanced || err != nil {
				return false, err
			}
			l.Position = d.skipped
		}
		return s.Release(ctx, l)
	})
	if err != nil {
		d.report(fmt.Errorf("subscriber %s: %w", d.name, err))
	}
}
