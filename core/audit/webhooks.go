package audit

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// checkWebhooks compares the endpoints of webhooks with their subscriptions.
func (a *audit) checkWebhooks(ctx context.Context) error {
	endpoints := map[string]bool{} // by the name of the subscription
	err := a.each(ctx, "webhooks", func(r record) {
		endpoint := id.Webhook(r.id("id"))
		name := webhooks.Subscription(endpoint)
		if endpoints[name] = true; !a.subscribers[name] {
			a.broken("webhook", endpoint, "it has no subscription")
		}
		if (len(r.bytes("old_secret")) == 0) != r.time("old_until").IsZero() {
			a.broken("webhook", endpoint, "the secret before the last rotation has no end, or an end has no secret")
		}
	})
	for _, name := range slices.Sorted(maps.Keys(a.subscribers)) {
		if strings.HasPrefix(name, webhooks.SubscriptionPrefix) && !endpoints[name] {
			a.brokenBy("subscription", name, "its webhook does not exist")
		}
	}
	return err
}
