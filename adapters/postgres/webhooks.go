package postgres

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	endpoints   = tableOf(ports.WebhookLayout)
	putEndpoint = endpoints.insert + " ON CONFLICT (id) DO UPDATE SET " + endpoints.replace("id")
)

// webhooksRepository implements webhooks.Repository.
type webhooksRepository struct{ *unit }

func (repo webhooksRepository) Put(ctx context.Context, e webhooks.Endpoint) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(putEndpoint, endpoints.args(e)...)
		return nil
	})
}

func (repo webhooksRepository) Remove(ctx context.Context, endpoint id.Webhook) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @webhooks WHERE id = $1", uuid(endpoint))
		return nil
	})
}

func (repo webhooksRepository) Endpoint(ctx context.Context, endpoint id.Webhook) (e webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		e, err = find(ctx, c, endpoints.scan, "SELECT "+endpoints.columns+" FROM @webhooks WHERE id = $1", uuid(endpoint))
		return orNotFound(err, "a webhook")
	})
	return e, err
}

func (repo webhooksRepository) List(ctx context.Context, after id.Webhook, limit int) (page []webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		page, err = list(ctx, c, endpoints.scan, "SELECT "+endpoints.columns+" FROM @webhooks WHERE id > $1 ORDER BY id LIMIT $2",
			uuid(after), limited(limit))
		return err
	})
	return page, err
}
