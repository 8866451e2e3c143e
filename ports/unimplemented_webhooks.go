package ports

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// UnimplementedWebhooks is a webhooks.Repository whose methods return fault.Unimplemented.
type UnimplementedWebhooks struct{}

func (UnimplementedWebhooks) Put(context.Context, webhooks.Endpoint) error {
	return unimplemented("webhooks.Repository.Put")
}
func (UnimplementedWebhooks) Remove(context.Context, id.Webhook) error {
	return unimplemented("webhooks.Repository.Remove")
}
func (UnimplementedWebhooks) Endpoint(context.Context, id.Webhook) (webhooks.Endpoint, error) {
	return webhooks.Endpoint{}, unimplemented("webhooks.Repository.Endpoint")
}
func (UnimplementedWebhooks) List(context.Context, id.Webhook, int) ([]webhooks.Endpoint, error) {
	return nil, unimplemented("webhooks.Repository.List")
}
