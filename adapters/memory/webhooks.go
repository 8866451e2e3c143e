package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

type webhookTables struct {
	endpoints tree[*webhooks.Endpoint] // id
}

func (t *webhookTables) copy() webhookTables { return webhookTables{endpoints: t.endpoints.copy()} }

func (t *webhookTables) addEndpoint(e webhooks.Endpoint) error {
	if t.endpoints.has(idKey(e.ID)) {
		return taken("a webhook")
	}
	t.putEndpoint(e)
	return nil
}

func (t *webhookTables) putEndpoint(e webhooks.Endpoint) {
	e = copyOfEndpoint(e)
	t.endpoints.put(idKey(e.ID), &e)
}

func copyOfEndpoint(e webhooks.Endpoint) webhooks.Endpoint {
	e.Types, e.Secret, e.OldSecret = slices.Clone(e.Types), bytes.Clone(e.Secret), bytes.Clone(e.OldSecret)
	return e
}

// webhooksRepository implements webhooks.Repository.
type webhooksRepository struct{ *unit }

func (repo webhooksRepository) Put(ctx context.Context, e webhooks.Endpoint) error {
	return repo.write(ctx, func(s *state) error {
		s.putEndpoint(e)
		return nil
	})
}

func (repo webhooksRepository) Remove(ctx context.Context, endpoint id.Webhook) error {
	return repo.write(ctx, func(s *state) error {
		s.endpoints.drop(idKey(endpoint))
		return nil
	})
}

func (repo webhooksRepository) Endpoint(ctx context.Context, endpoint id.Webhook) (e webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.endpoints.get(idKey(endpoint))
		if !found {
			return notFound("a webhook")
		}
		e = copyOfEndpoint(*there)
		return nil
	})
	return e, err
}

func (repo webhooksRepository) List(ctx context.Context, after id.Webhook, limit int) (page []webhooks.Endpoint, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, e := range s.endpoints.ascend("", idKey(after)) {
			if len(page) >= limit {
				break
			}
			page = append(page, copyOfEndpoint(*e))
		}
		return nil
	})
	return page, err
}
