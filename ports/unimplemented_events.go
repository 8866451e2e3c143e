package ports

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
)

// UnimplementedEvents is an events.Repository whose methods return fault.Unimplemented.
type UnimplementedEvents struct{}

func (UnimplementedEvents) Add(context.Context, ...events.Event) error {
	return unimplemented("events.Repository.Add")
}
func (UnimplementedEvents) Number(context.Context, int) (int, error) {
	return 0, unimplemented("events.Repository.Number")
}
func (UnimplementedEvents) After(context.Context, int64, int) ([]events.Numbered, error) {
	return nil, unimplemented("events.Repository.After")
}
func (UnimplementedEvents) At(context.Context, ...int64) ([]events.Numbered, error) {
	return nil, unimplemented("events.Repository.At")
}
func (UnimplementedEvents) Trim(context.Context, int64, int) (int, error) {
	return 0, unimplemented("events.Repository.Trim")
}
func (UnimplementedEvents) Backlog(context.Context) (events.Backlog, error) {
	return events.Backlog{}, unimplemented("events.Repository.Backlog")
}

// UnimplementedSubscriptions is an events.Subscriptions whose methods return fault.Unimplemented.
type UnimplementedSubscriptions struct{}

func (UnimplementedSubscriptions) Subscribe(context.Context, events.Subscription) (bool, error) {
	return false, unimplemented("events.Subscriptions.Subscribe")
}
func (UnimplementedSubscriptions) Drop(context.Context, string) error {
	return unimplemented("events.Subscriptions.Drop")
}
func (UnimplementedSubscriptions) Subscription(context.Context, string) (events.Subscription, error) {
	return events.Subscription{}, unimplemented("events.Subscriptions.Subscription")
}
func (UnimplementedSubscriptions) List(context.Context, string, int) ([]events.Subscription, error) {
	return nil, unimplemented("events.Subscriptions.List")
}
func (UnimplementedSubscriptions) Lease(context.Context, string, string, time.Time, time.Time) (events.Subscription, bool, error) {
	return events.Subscription{}, false, unimplemented("events.Subscriptions.Lease")
}
func (UnimplementedSubscriptions) Release(context.Context, events.Lease) (bool, error) {
	return false, unimplemented("events.Subscriptions.Release")
}
func (UnimplementedSubscriptions) Advance(context.Context, events.Lease, int64) (bool, error) {
	return false, unimplemented("events.Subscriptions.Advance")
}
func (UnimplementedSubscriptions) Postpone(context.Context, events.Lease, int64, time.Time) (bool, error) {
	return false, unimplemented("events.Subscriptions.Postpone")
}
func (UnimplementedSubscriptions) SetAside(context.Context, events.Lease, events.SetAside) (bool, error) {
	return false, unimplemented("events.Subscriptions.SetAside")
}
func (UnimplementedSubscriptions) Switch(context.Context, string, events.State, events.State, time.Time) (bool, error) {
	return false, unimplemented("events.Subscriptions.Switch")
}
func (UnimplementedSubscriptions) Begin(context.Context, string, int64, time.Time) (bool, error) {
	return false, unimplemented("events.Subscriptions.Begin")
}
func (UnimplementedSubscriptions) Aside(context.Context, events.AsideFilter, *events.AsidePlace, int) ([]events.SetAside, error) {
	return nil, unimplemented("events.Subscriptions.Aside")
}
func (UnimplementedSubscriptions) Retry(context.Context, events.AsidePlace) (bool, error) {
	return false, unimplemented("events.Subscriptions.Retry")
}
func (UnimplementedSubscriptions) Return(context.Context, events.Lease, events.SetAside) (bool, error) {
	return false, unimplemented("events.Subscriptions.Return")
}
func (UnimplementedSubscriptions) Resolve(context.Context, events.Lease, int64) (bool, error) {
	return false, unimplemented("events.Subscriptions.Resolve")
}
