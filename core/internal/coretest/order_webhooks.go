package coretest

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

type orderedWebhooks struct {
	webhooks.Repository
	h *held
}

func (r orderedWebhooks) Put(ctx context.Context, e webhooks.Endpoint) error {
	r.h.rest("Webhooks.Put")
	return r.Repository.Put(ctx, e)
}

func (r orderedWebhooks) Remove(ctx context.Context, endpoint id.Webhook) error {
	r.h.rest("Webhooks.Remove")
	return r.Repository.Remove(ctx, endpoint)
}
