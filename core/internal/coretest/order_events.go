package coretest

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
)

type orderedEvents struct {
	events.Repository
	h *held
}

// Add holds nothing: no other unit waits for an event.
func (r orderedEvents) Add(ctx context.Context, added ...events.Event) error {
	return r.Repository.Add(ctx, added...)
}

func (r orderedEvents) Number(ctx context.Context, limit int) (int, error) {
	r.h.rest("Events.Number")
	return r.Repository.Number(ctx, limit)
}

func (r orderedEvents) Trim(ctx context.Context, upTo int64, limit int) (int, error) {
	r.h.rest("Events.Trim")
	return r.Repository.Trim(ctx, upTo, limit)
}

type orderedSubscriptions struct {
	events.Subscriptions
	h *held
}

func (r orderedSubscriptions) Subscribe(ctx context.Context, s events.Subscription) (bool, error) {
	r.h.rest("Subscriptions.Subscribe")
	return r.Subscriptions.Subscribe(ctx, s)
}

func (r orderedSubscriptions) Drop(ctx context.Context, name string) error {
	r.h.rest("Subscriptions.Drop")
	return r.Subscriptions.Drop(ctx, name)
}

func (r orderedSubscriptions) Lease(ctx context.Context, name, holder string, now, until time.Time) (events.Subscription, bool, error) {
	r.h.rest("Subscriptions.Lease")
	return r.Subscriptions.Lease(ctx, name, holder, now, until)
}

func (r orderedSubscriptions) Release(ctx context.Context, l events.Lease) (bool, error) {
	r.h.rest("Subscriptions.Release")
	return r.Subscriptions.Release(ctx, l)
}

func (r orderedSubscriptions) Advance(ctx context.Context, l events.Lease, to int64) (bool, error) {
	r.h.rest("Subscriptions.Advance")
	return r.Subscriptions.Advance(ctx, l, to)
}

func (r orderedSubscriptions) Postpone(ctx context.Context, l events.Lease, attempts int64, until time.Time) (bool, error) {
	r.h.rest("Subscriptions.Postpone")
	return r.Subscriptions.Postpone(ctx, l, attempts, until)
}

func (r orderedSubscriptions) SetAside(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	r.h.rest("Subscriptions.SetAside")
	return r.Subscriptions.SetAside(ctx, l, e)
}

func (r orderedSubscriptions) Switch(ctx context.Context, name string, from, to events.State, at time.Time) (bool, error) {
	r.h.rest("Subscriptions.Switch")
	return r.Subscriptions.Switch(ctx, name, from, to, at)
}

func (r orderedSubscriptions) Begin(ctx context.Context, name string, position int64, at time.Time) (bool, error) {
	r.h.rest("Subscriptions.Begin")
	return r.Subscriptions.Begin(ctx, name, position, at)
}

func (r orderedSubscriptions) Retry(ctx context.Context, place events.AsidePlace) (bool, error) {
	r.h.rest("Subscriptions.Retry")
	return r.Subscriptions.Retry(ctx, place)
}

func (r orderedSubscriptions) Return(ctx context.Context, l events.Lease, e events.SetAside) (bool, error) {
	r.h.rest("Subscriptions.Return")
	return r.Subscriptions.Return(ctx, l, e)
}

func (r orderedSubscriptions) Resolve(ctx context.Context, l events.Lease, position int64) (bool, error) {
	r.h.rest("Subscriptions.Resolve")
	return r.Subscriptions.Resolve(ctx, l, position)
}
