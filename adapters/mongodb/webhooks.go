package mongodb

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

var endpoints = tableOf(ports.WebhookLayout)

// webhooksRepository implements webhooks.Repository.
type webhooksRepository struct{ *unit }

func (repo webhooksRepository) Put(ctx context.Context, e webhooks.Endpoint) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(webhooksIn, putting(d("_id", uuid(e.ID)), d("$set", endpoints.set(e, "_id"))))
		return nil
	})
}

func (repo webhooksRepository) Remove(ctx context.Context, endpoint id.Webhook) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(webhooksIn, removing(d("_id", uuid(endpoint))))
		return nil
	})
}

func (repo webhooksRepository) Endpoint(ctx context.Context, endpoint id.Webhook) (e webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		e, err = find(ctx, t, endpoints.scan, query{in: webhooksIn, filter: d("_id", uuid(endpoint))})
		return orNotFound(err, "a webhook")
	})
	return e, err
}

func (repo webhooksRepository) List(ctx context.Context, after id.Webhook, limit int) (page []webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		page, err = listPage(ctx, t, endpoints.scan, limit, query{
			in: webhooksIn, filter: d("_id", d("$gt", uuid(after))), sort: d("_id", 1),
		})
		return err
	})
	return page, err
}
