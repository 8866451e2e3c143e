package events

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// upkeep reads how far the subscriptions are, switches off those that are too far behind, removes
// the events that no active one needs, and wakes the deliveries that have to try an event again.
func (r *relayRun) upkeep(ctx context.Context) error {
	b, err := r.backlog(ctx)
	if err != nil {
		return err
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	if err := r.count(ctx); err != nil {
		return err
	}
	p := Progress{At: r.deps.Clock.Now(), Oldest: b.Oldest}
	needed := b.Highest
	for _, name := range r.names() {
		one, err := r.check(ctx, r.known[name], b.Highest)
		if err != nil {
			return err
		}
		p.Subscriptions = append(p.Subscriptions, one)
		if one.State == Active {
			needed = min(needed, r.known[name].Position)
		}
	}
	r.mu.Lock()
	r.progress = p
	r.mu.Unlock()
	r.tail.news.Store(true) // a read just after a numbering may have gone to a database server that was behind
	if err := r.trim(ctx, min(needed, r.stayed(b.Highest))); err != nil {
		return err
	}
	return r.wakeMarked(ctx)
}

// check reads how far a subscription is, and switches it off if it is too far behind.
func (r *relayRun) check(ctx context.Context, s Subscription, highest int64) (SubscriptionProgress, error) {
	p := SubscriptionProgress{Name: s.Name, State: s.State, Waiting: max(highest-s.Position, 0), SetAside: r.asides[s.Name]}
	if s.State != Active || p.Waiting == 0 {
		return p, nil
	}
	next, err := r.after(ctx, s.Position, 1)
	if err != nil {
		return p, err
	}
	if len(next) == 0 { // they were removed
		p.Waiting = 0
		return p, nil
	}
	p.Oldest = next[0].At
	now := r.deps.Clock.Now()
	if late := r.deps.Policy.BehindAfter; now.Sub(p.Oldest) <= late || now.Sub(s.Since) <= late {
		return p, nil
	}
	var switched bool
	err = r.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		switched, err = tx.Subscriptions().Switch(ctx, s.Name, Active, Behind, now)
		return err
	})
	if err != nil {
		return p, fmt.Errorf("switch off the subscription %s: %w", s.Name, err)
	}
	if switched {
		r.report(fmt.Errorf("the subscription %s is switched off at position %d: its next event is older than %v; "+
			"tell it where to begin", s.Name, s.Position, r.deps.Policy.BehindAfter))
		p.State = Behind
	}
	return p, nil
}

func (r *relayRun) after(ctx context.Context, position int64, limit int) (page []Numbered, err error) {
	err = r.deps.Store.View(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		page, err = tx.Events().After(ctx, position, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return page, nil
}

// count counts the events that are set aside, now and then.
func (r *relayRun) count(ctx context.Context) error {
	now := r.deps.Clock.Now()
	if r.asides != nil && now.Sub(r.counted) < countEvery {
		return nil
	}
	counts := map[string]int{}
	for _, name := range r.names() {
		page, err := r.aside(ctx, AsideFilter{Subscriber: name}, MaxCounted)
		if err != nil {
			return err
		}
		counts[name] = len(page)
	}
	r.asides, r.counted = counts, now
	return nil
}

func (r *relayRun) aside(ctx context.Context, f AsideFilter, limit int) (page []SetAside, err error) {
	err = r.deps.Store.View(ctx, func(ctx context.Context, tx RelayTx) (err error) {
		page, err = tx.Subscriptions().Aside(ctx, f, nil, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list events that are set aside: %w", err)
	}
	return page, nil
}

// wakeMarked wakes the deliveries that have an event to try again.
func (r *relayRun) wakeMarked(ctx context.Context) error {
	for name, d := range r.deliveries {
		if r.known[name].State != Active {
			continue
		}
		marked, err := r.aside(ctx, AsideFilter{Subscriber: name, State: Retried}, 1)
		if err != nil {
			return err
		}
		if len(marked) > 0 {
			d.asks.Store(true)
			wake(d.woken)
		}
	}
	return nil
}

// trim removes the events that all active subscriptions have passed, and that are old enough.
func (r *relayRun) trim(ctx context.Context, needed int64) error {
	upTo, err := r.old(ctx, needed)
	if err != nil {
		return err
	}
	if upTo <= r.trimmed {
		return nil
	}
	for full := true; full; {
		var n int
		err := r.deps.Store.Do(ctx, func(ctx context.Context, tx RelayTx) (err error) {
			n, err = tx.Events().Trim(ctx, upTo, trimmedAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("remove events: %w", err)
		}
		full = n == trimmedAtOnce
	}
	r.trimmed = upTo
	return nil
}

// MinStay is how long an event stays after it was numbered, however old it is then, so that a reader
// that reads more often misses none: if Policy.Keep is not less.
const MinStay = time.Minute

// reached is the highest position at a time.
type reached struct {
	at       time.Time
	position int64
}

// stayed notes the highest position, and returns that of MinStay ago, or of Policy.Keep if that is
// less: all events up to it have stayed for so long.
func (r *relayRun) stayed(highest int64) (position int64) {
	now := r.deps.Clock.Now()
	r.reached = append(r.reached, reached{now, highest})
	since := now.Add(-min(MinStay, r.deps.Policy.Keep))
	later := slices.IndexFunc(r.reached, func(was reached) bool { return was.at.After(since) })
	if later < 0 {
		later = len(r.reached)
	}
	if later == 0 {
		return 0
	}
	r.reached = r.reached[later-1:]
	return r.reached[0].position
}

// old returns the highest position, at most upTo, up to which all events are older than Policy.Keep.
func (r *relayRun) old(ctx context.Context, upTo int64) (int64, error) {
	if r.deps.Policy.Keep == 0 {
		return upTo, nil
	}
	until := r.deps.Clock.Now().Add(-r.deps.Policy.Keep)
	if r.young.After(until) {
		return min(r.passed, upTo), nil
	}
	for full := true; full; {
		page, err := r.after(ctx, r.passed, trimmedAtOnce)
		if err != nil {
			return 0, err
		}
		for _, e := range page {
			if e.At.After(until) {
				r.young = e.At
			}
			if e.Position > upTo || e.At.After(until) {
				return min(r.passed, upTo), nil
			}
			r.passed = e.Position
		}
		full = len(page) == trimmedAtOnce
	}
	return min(r.passed, upTo), nil
}
