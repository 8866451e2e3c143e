package mongodb

import (
	"context"
	"errors"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of events.Subscriptions.

var (
	subscriptions = tableOf(ports.SubscriptionLayout)
	asides        = tableOf(ports.SetAsideLayout)
)

func asideKey(place events.AsidePlace) bson.D {
	return d("subscriber", place.Subscriber, "position", place.Position)
}

// leased is the condition of the holder of a lease.
func leased(l events.Lease) bson.D {
	return d("_id", l.Name, "holder", l.Holder, "position", l.Position, "state", string(events.Active))
}

type subscriptionsRepository struct{ *unit }

// change makes a change, and reports whether it matched a document.
func (repo subscriptionsRepository) change(ctx context.Context, in collection, m mongo.WriteModel) (changed bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		matched, err := t.apply(ctx, in, m)
		changed = matched > 0
		return err
	})
	return changed && err == nil, err
}

// setLeased is change for the holder of a lease.
func (repo subscriptionsRepository) setLeased(ctx context.Context, l events.Lease, fields ...any) (bool, error) {
	return repo.change(ctx, subscriptionsIn, changing(leased(l), d("$set", d(fields...))))
}

func (repo subscriptionsRepository) Subscribe(ctx context.Context, s events.Subscription) (added bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		there, err := t.exists(ctx, subscriptionsIn, d("_id", s.Name))
		if err != nil || there {
			return err
		}
		t.later(subscriptionsIn, inserting(subscriptions.doc(s)))
		added = true
		return nil
	})
	return added && err == nil, err
}

func (repo subscriptionsRepository) Drop(ctx context.Context, name string) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(setAsideIn, removingAll(asidesOf(name)))
		t.later(subscriptionsIn, removing(d("_id", name)))
		return nil
	})
}

// asidesOf is the condition of the events that a subscriber has set aside.
func asidesOf(name string) bson.D {
	return d("_id", d("$gte", asideKey(events.AsidePlace{Subscriber: name}),
		"$lte", asideKey(events.AsidePlace{Subscriber: name, Position: math.MaxInt64})))
}

func (repo subscriptionsRepository) Subscription(ctx context.Context, name string) (s events.Subscription, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		s, err = findSubscription(ctx, t, name)
		return err
	})
	return s, err
}

func findSubscription(ctx context.Context, t *txn, name string) (events.Subscription, error) {
	s, err := find(ctx, t, subscriptions.scan, query{in: subscriptionsIn, filter: d("_id", name)})
	return s, orNotFound(err, "a subscription")
}

func (repo subscriptionsRepository) List(ctx context.Context, after string, limit int) (page []events.Subscription, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		page, err = listPage(ctx, t, subscriptions.scan, limit, query{
			in: subscriptionsIn, filter: d("_id", d("$gt", after)), sort: d("_id", 1),
		})
		return err
	})
	return page, err
}

func (repo subscriptionsRepository) Lease(
	ctx context.Context, name, holder string, now, until time.Time,
) (s events.Subscription, leased bool, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		free := bson.A{d("holder", nil), d("holder", holder), d("held_until", d("$lte", date(now)))}
		if err := t.lift(ctx, subscriptionsIn, d("_id", name)); err != nil {
			return err
		}
		s, err = modify(ctx, t, subscriptions.scan, options.After, subscriptionsIn,
			d("_id", name, "state", string(events.Active), "$or", free), d("$set", d("holder", holder, "held_until", date(until))))
		if leased = err == nil; errors.Is(err, mongo.ErrNoDocuments) {
			s, err = findSubscription(ctx, t, name)
		}
		return err
	})
	return s, leased && err == nil, err
}

func (repo subscriptionsRepository) Release(ctx context.Context, l events.Lease) (bool, error) {
	return repo.setLeased(ctx, l, "holder", nil, "held_until", nil)
}

func (repo subscriptionsRepository) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	return repo.setLeased(ctx, l, "position", to, "attempts", int64(0), "retry_at", nil)
}

func (repo subscriptionsRepository) Postpone(
	ctx context.Context, l events.Lease, attempts int64, until time.Time,
) (bool, error) {
	return repo.setLeased(ctx, l, "attempts", attempts, "retry_at", dateOrNull(until))
}

func (repo subscriptionsRepository) SetAside(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	done, err := repo.Advance(ctx, l, e.Position)
	if err != nil || !done {
		return false, err
	}
	return true, repo.write(ctx, func(t *txn) error {
		t.later(setAsideIn, inserting(asides.doc(e)))
		return nil
	})
}

func (repo subscriptionsRepository) Switch(ctx context.Context, name string, from, to events.State, at time.Time) (bool, error) {
	return repo.change(ctx, subscriptionsIn, changing(d("_id", name, "state", string(from)),
		d("$set", d("state", string(to), "since", date(at), "holder", nil, "held_until", nil))))
}

func (repo subscriptionsRepository) Begin(ctx context.Context, name string, position int64, at time.Time) (bool, error) {
	begun := events.Subscription{Name: name, Position: position, State: events.Active, Since: at}
	return repo.change(ctx, subscriptionsIn, changing(d("_id", name, "state", d("$ne", string(events.Active))),
		d("$set", subscriptions.set(begun, "_id"))))
}

func (repo subscriptionsRepository) Aside(
	ctx context.Context, f events.AsideFilter, after *events.AsidePlace, limit int,
) (page []events.SetAside, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if f.State != "" {
			filter = append(filter, d("state", string(f.State))...)
		}
		bounds := bson.D{}
		if f.Subscriber != "" {
			bounds, _ = field(asidesOf(f.Subscriber), "_id").(bson.D)
		}
		if after != nil {
			bounds = append(bounds, d("$gt", asideKey(*after))...)
		}
		if len(bounds) > 0 {
			filter = append(filter, d("_id", bounds)...)
		}
		page, err = listPage(ctx, t, asides.scan, limit, query{in: setAsideIn, filter: filter, sort: d("_id", 1)})
		return err
	})
	return page, err
}

func (repo subscriptionsRepository) Retry(ctx context.Context, place events.AsidePlace) (bool, error) {
	return repo.change(ctx, setAsideIn, changing(d("_id", asideKey(place), "state", string(events.Waiting)),
		d("$set", d("state", string(events.Retried)))))
}

// retried makes a change of an event that was marked by Retry, for the holder of a lease, whose
// subscription stays as it is until the unit ends.
func (repo subscriptionsRepository) retried(
	ctx context.Context, l events.Lease, position int64, change func(filter bson.D) mongo.WriteModel,
) (bool, error) {
	held, err := repo.setLeased(ctx, l, "holder", l.Holder)
	if err != nil || !held {
		return false, err
	}
	place := events.AsidePlace{Subscriber: l.Name, Position: position}
	return repo.change(ctx, setAsideIn, change(d("_id", asideKey(place), "state", string(events.Retried))))
}

func (repo subscriptionsRepository) Return(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	e.Subscriber, e.State = l.Name, events.Waiting
	return repo.retried(ctx, l, e.Position, func(filter bson.D) mongo.WriteModel {
		return changing(filter, d("$set", asides.set(e, "_id")))
	})
}

func (repo subscriptionsRepository) Resolve(ctx context.Context, l events.Lease, position int64) (bool, error) {
	return repo.retried(ctx, l, position, removing)
}
