package sqlite

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
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, endpoints.insert+` ON CONFLICT DO UPDATE SET url = excluded.url, description = excluded.description,
			types = excluded.types, secret = excluded.secret, old_secret = excluded.old_secret, old_until = excluded.old_until,
			created_at = excluded.created_at, updated_at = excluded.updated_at`, endpoints.args(e)...)
		return err
	})
}

func (repo webhooksRepository) Remove(ctx context.Context, endpoint id.Webhook) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM webhooks WHERE id = ?", blob(endpoint))
		return err
	})
}

func (repo webhooksRepository) Endpoint(ctx context.Context, endpoint id.Webhook) (e webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		e, err = find(ctx, c, endpoints.scan, "SELECT "+endpoints.columns+" FROM webhooks WHERE id = ?", blob(endpoint))
		return orNotFound(err, "a webhook")
	})
	return e, err
}

func (repo webhooksRepository) List(ctx context.Context, after id.Webhook, limit int) (page []webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, endpoints.scan, "SELECT "+endpoints.columns+" FROM webhooks WHERE id > ?1 ORDER BY id LIMIT +?2",
			blob(after), limited(limit))
		return err
	})
	return page, err
}
