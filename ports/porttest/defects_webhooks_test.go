package porttest_test

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// keepsNoOldSecrets does not store the secret before a rotation.
type keepsNoOldSecrets struct{ webhooks.Repository }

func (r keepsNoOldSecrets) Put(ctx context.Context, e webhooks.Endpoint) error {
	e.OldSecret = nil
	return r.Repository.Put(ctx, e)
}

// keepsWebhooks removes no webhook.
type keepsWebhooks struct{ webhooks.Repository }

func (keepsWebhooks) Remove(context.Context, id.Webhook) error { return nil }

// repeatsWebhooks begins a page with the webhook that it should begin after.
type repeatsWebhooks struct{ webhooks.Repository }

func (r repeatsWebhooks) List(ctx context.Context, after id.Webhook, limit int) ([]webhooks.Endpoint, error) {
	page, err := r.Repository.List(ctx, after, limit)
	if e, missing := r.Endpoint(ctx, after); missing == nil {
		page = slices.Insert(page, 0, e)
	}
	return page[:min(limit, len(page))], err
}
