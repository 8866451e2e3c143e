package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/core/idempotency"
)

// AsideEvents lists the events that subscribers could not handle. It is for admins.
func (c *Client) AsideEvents(ctx context.Context, f AsideFilter, p Paging) (Page[AsideEvent], error) {
	return call(ctx, c, asideEvents, asideEventsRequest{f, p})
}

// RetryEvent lets a subscriber try an event again. It is for admins.
func (c *Client) RetryEvent(ctx context.Context, subscriber string, position int64, key idempotency.Key) (AsideEvent, error) {
	return call(ctx, c, retryEvent, retryEventRequest{pathName(subscriber), pathPosition(position), keyedBy(key)})
}

// Subscriptions lists the subscriptions by name. It is for admins.
func (c *Client) Subscriptions(ctx context.Context, p Paging) (Page[Subscription], error) {
	return call(ctx, c, subscriptions, p)
}

// ChangeSubscription switches a subscription off, or makes it begin at a position. It is for admins.
func (c *Client) ChangeSubscription(ctx context.Context, name string, change SubscriptionChange) (Subscription, error) {
	return call(ctx, c, changeSubscription, changeSubscriptionRequest{pathName(name), change})
}
