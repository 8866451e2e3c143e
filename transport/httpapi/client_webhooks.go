package httpapi

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
)

// CreateWebhook adds an endpoint, to which the server sends later events. The secret cannot be read
// again; the receiver passes it to webhooks.Verify of adapters/webhooks. It is for admins.
func (c *Client) CreateWebhook(ctx context.Context, in WebhookInput) (WebhookWithSecret, error) {
	return call(ctx, c, createWebhook, in)
}

// Webhooks lists the webhooks, oldest first. It is for admins.
func (c *Client) Webhooks(ctx context.Context, p Paging) (Page[Webhook], error) {
	return call(ctx, c, listWebhooks, p)
}

// Webhook returns a webhook. It is for admins.
func (c *Client) Webhook(ctx context.Context, webhook id.Webhook) (Webhook, error) {
	return call(ctx, c, readWebhook, webhookRequest{pathID(webhook)})
}

// ChangeWebhook changes a webhook. It is for admins.
func (c *Client) ChangeWebhook(ctx context.Context, webhook id.Webhook, change WebhookChange) (Webhook, error) {
	return call(ctx, c, changeWebhook, changeWebhookRequest{webhookRequest{pathID(webhook)}, change})
}

// RemoveWebhook removes a webhook, and the events that it could not receive. It is for admins.
func (c *Client) RemoveWebhook(ctx context.Context, webhook id.Webhook) error {
	_, err := call(ctx, c, removeWebhook, webhookRequest{pathID(webhook)})
	return err
}

// RotateWebhook gives a webhook a new secret, which cannot be read again. For a day, the
// server also signs with the previous secret. It is for admins.
func (c *Client) RotateWebhook(ctx context.Context, webhook id.Webhook) (WebhookWithSecret, error) {
	return call(ctx, c, rotateWebhook, webhookRequest{pathID(webhook)})
}
