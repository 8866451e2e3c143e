package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
)

// The methods of events.Subscriptions.

func (t *eventTables) addSubscription(s events.Subscription) error {
	switch {
	case t.subscriptions.has(textKey(s.Name)):
		return taken("a subscription")
	case !s.State.Valid() || s.Position < 0 || s.Attempts < 0:
		return broken("a subscription must have a state, and its position and attempts must not be negative")
	}
	t.subscriptions.put(textKey(s.Name), &s)
	return nil
}

func asideKey(place events.AsidePlace) string {
	return textKey(place.Subscriber) + intKey(place.Position)
}

func (t *eventTables) addAside(e events.SetAside) error {
	switch {
	case t.asides.has(asideKey(e.Place())):
		return taken("an event that is set aside")
	case !t.subscriptions.has(textKey(e.Subscriber)):
		return noTarget("the subscription of an event that is set aside")
	case !t.events.has(intKey(e.Position)):
		return noTarget("the event that is set aside")
	case !e.State.Valid() || e.Attempts < 0:
		return broken("an event that is set aside must have a state, and its attempts must not be negative")
	}
	t.putAside(e)
	return nil
}

func (t *eventTables) putAside(e events.SetAside) {
	if before, found := t.asides.get(asideKey(e.Place())); found {
		t.dropAside(before)
	}
	key := asideKey(e.Place())
	t.asides.put(key, &e)
	t.asidesOf.put(intKey(e.Position)+textKey(e.Subscriber), &e)
	t.asidesIn.put(textKey(string(e.State))+key, &e)
}

func (t *eventTables) dropAside(e *events.SetAside) {
	key := asideKey(e.Place())
	t.asides.drop(key)
	t.asidesOf.drop(intKey(e.Position) + textKey(e.Subscriber))
	t.asidesIn.drop(textKey(string(e.State)) + key)
}

// isAside reports whether an event is set aside for a subscriber.
func (t *eventTables) isAside(position int64) bool {
	for range t.asidesOf.ascend(intKey(position), "") {
		return true
	}
	return false
}

type subscriptionsRepository struct{ *unit }

// change stores the result of fn for a copy of a subscription, if there is one with the name and fn
// returns true.
func (repo subscriptionsRepository) change(
	ctx context.Context, name string, fn func(s *state, sub *events.Subscription) (changed bool, err error),
) (changed bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.subscriptions.get(textKey(name))
		if !found {
			return nil
		}
		sub := *there
		if changed, err = fn(s, &sub); changed && err == nil {
			s.subscriptions.put(textKey(name), &sub)
		}
		return err
	})
	return changed && err == nil, err
}

// leased is change for the holder of a lease.
func (repo subscriptionsRepository) leased(
	ctx context.Context, l events.Lease, fn func(s *state, sub *events.Subscription) (changed bool, err error),
) (changed bool, err error) {
	return repo.change(ctx, l.Name, func(s *state, sub *events.Subscription) (bool, error) {
		if sub.State != events.Active || sub.Holder != l.Holder || sub.Position != l.Position {
			return false, nil
		}
		return fn(s, sub)
	})
}

func (repo subscriptionsRepository) Subscribe(ctx context.Context, sub events.Subscription) (added bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		if s.subscriptions.has(textKey(sub.Name)) {
			return nil
		}
		added = true
		return s.addSubscription(sub)
	})
	return added && err == nil, err
}

func (repo subscriptionsRepository) Drop(ctx context.Context, name string) error {
	return repo.write(ctx, func(s *state) error {
		var gone []*events.SetAside
		for _, e := range s.asides.ascend(textKey(name), "") {
			gone = append(gone, e)
		}
		for _, e := range gone {
			s.dropAside(e)
		}
		s.subscriptions.drop(textKey(name))
		return nil
	})
}

func (repo subscriptionsRepository) Subscription(ctx context.Context, name string) (sub events.Subscription, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.subscriptions.get(textKey(name))
		if !found {
			return notFound("a subscription")
		}
		sub = *there
		return nil
	})
	return sub, err
}

func (repo subscriptionsRepository) List(ctx context.Context, after string, limit int) (page []events.Subscription, err error) {
	err = repo.read(ctx, func(s *state) error {
		if after != "" {
			after = textKey(after)
		}
		for _, sub := range s.subscriptions.ascend("", after) {
			if len(page) >= limit {
				break
			}
			page = append(page, *sub)
		}
		return nil
	})
	return page, err
}

func (repo subscriptionsRepository) Lease(
	ctx context.Context, name, holder string, now, until time.Time,
) (sub events.Subscription, leased bool, err error) {
	found := false
	leased, err = repo.change(ctx, name, func(_ *state, there *events.Subscription) (bool, error) {
		found = true
		free := there.Holder == "" || there.Holder == holder || !now.Before(there.HeldUntil)
		if free = free && there.State == events.Active; free {
			there.Holder, there.HeldUntil = holder, until
		}
		sub = *there
		return free, nil
	})
	if err == nil && !found {
		err = repo.read(ctx, func(*state) error { return notFound("a subscription") })
	}
	return sub, leased, err
}

func (repo subscriptionsRepository) Release(ctx context.Context, l events.Lease) (bool, error) {
	return repo.leased(ctx, l, func(_ *state, sub *events.Subscription) (bool, error) {
		sub.Holder, sub.HeldUntil = "", time.Time{}
		return true, nil
	})
}

func (repo subscriptionsRepository) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	return repo.leased(ctx, l, func(_ *state, sub *events.Subscription) (bool, error) {
		sub.Position, sub.Attempts, sub.RetryAt = to, 0, time.Time{}
		return true, nil
	})
}

func (repo subscriptionsRepository) Postpone(
	ctx context.Context, l events.Lease, attempts int64, until time.Time,
) (bool, error) {
	return repo.leased(ctx, l, func(_ *state, sub *events.Subscription) (bool, error) {
		sub.Attempts, sub.RetryAt = attempts, until
		return true, nil
	})
}

func (repo subscriptionsRepository) SetAside(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	return repo.leased(ctx, l, func(s *state, sub *events.Subscription) (bool, error) {
		sub.Position, sub.Attempts, sub.RetryAt = e.Position, 0, time.Time{}
		return true, s.addAside(e)
	})
}

func (repo subscriptionsRepository) Switch(ctx context.Context, name string, from, to events.State, at time.Time) (bool, error) {
	return repo.change(ctx, name, func(_ *state, sub *events.Subscription) (bool, error) {
		if sub.State != from {
			return false, nil
		}
		sub.State, sub.Since, sub.Holder, sub.HeldUntil = to, at, "", time.Time{}
		return true, nil
	})
}

func (repo subscriptionsRepository) Begin(ctx context.Context, name string, position int64, at time.Time) (bool, error) {
	return repo.change(ctx, name, func(_ *state, sub *events.Subscription) (bool, error) {
		if sub.State == events.Active {
			return false, nil
		}
		*sub = events.Subscription{Name: name, Position: position, State: events.Active, Since: at}
		return true, nil
	})
}

func (repo subscriptionsRepository) Aside(
	ctx context.Context, f events.AsideFilter, after *events.AsidePlace, limit int,
) (page []events.SetAside, err error) {
	err = repo.read(ctx, func(s *state) error {
		in, prefix := &s.asides, ""
		if f.State != "" {
			in, prefix = &s.asidesIn, textKey(string(f.State))
		}
		from := ""
		if after != nil {
			from = prefix + asideKey(*after)
		}
		if f.Subscriber != "" {
			prefix += textKey(f.Subscriber)
		}
		for _, e := range in.ascend(prefix, from) {
			if len(page) >= limit {
				break
			}
			page = append(page, *e)
		}
		return nil
	})
	return page, err
}

func (repo subscriptionsRepository) Retry(ctx context.Context, place events.AsidePlace) (marked bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		e, found := s.asides.get(asideKey(place))
		if marked = found && e.State == events.Waiting; marked {
			again := *e
			again.State = events.Retried
			s.putAside(again)
		}
		return nil
	})
	return marked, err
}

func (repo subscriptionsRepository) Return(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	return repo.leased(ctx, l, func(s *state, _ *events.Subscription) (bool, error) {
		there, found := s.asides.get(asideKey(events.AsidePlace{Subscriber: l.Name, Position: e.Position}))
		if !found || there.State != events.Retried {
			return false, nil
		}
		again := *there
		again.Attempts, again.Class, again.At, again.State = e.Attempts, e.Class, e.At, events.Waiting
		s.putAside(again)
		return true, nil
	})
}

func (repo subscriptionsRepository) Resolve(ctx context.Context, l events.Lease, position int64) (bool, error) {
	return repo.leased(ctx, l, func(s *state, _ *events.Subscription) (bool, error) {
		there, found := s.asides.get(asideKey(events.AsidePlace{Subscriber: l.Name, Position: position}))
		if !found || there.State != events.Retried {
			return false, nil
		}
		s.dropAside(there)
		return true, nil
	})
}
