package httpapi

import (
	"context"
	"net/http"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// Webhook is an endpoint to which events are sent.
type Webhook struct {
	ID             id.Webhook    `json:"id"`
	URL            string        `json:"url"`
	Description    *string       `json:"description"`
	Types          []events.Type `json:"types" description:"The types of the events that are sent; none means all."`
	OldSecretUntil *Time         `json:"old_secret_until" description:"When the secret before the last rotation ends; null if there is none."`
	Subscription   Subscription  `json:"subscription"`
	CreatedAt      Time          `json:"created_at"`
	UpdatedAt      Time          `json:"updated_at"`
}

func webhookOf(s webhooks.Status) Webhook {
	return Webhook{
		ID: s.ID, URL: s.URL, Description: orNull(s.Description), Types: s.Types, OldSecretUntil: orNull(Time(s.OldUntil)),
		Subscription: subscriptionOf(s.Subscription), CreatedAt: Time(s.CreatedAt), UpdatedAt: Time(s.UpdatedAt),
	}
}

// WebhookWithSecret is an endpoint with its new secret.
type WebhookWithSecret struct {
	Webhook
	Secret string `json:"secret" description:"It signs what is sent, and cannot be read again." example:"whsec_…"`
}

// WebhookInput is a new endpoint.
type WebhookInput struct {
	URL         string         `json:"url" required:"true" minLength:"1" maxLength:"2000" description:"An https address without a user and a fragment."`
	Description *string        `json:"description" maxLength:"200"`
	Types       *[]events.Type `json:"types" maxItems:"50" description:"The types of the events that are sent; none means all."`
}

func (in WebhookInput) input() webhooks.Input {
	return webhooks.Input{URL: in.URL, Description: orZero(in.Description), Types: orZero(in.Types)}
}

// WebhookChange is a change of an endpoint.
type WebhookChange struct {
	URL         kithttp.Optional[string] `json:"url,omitzero" nullable:"false" minLength:"1" maxLength:"2000"`
	Description kithttp.Optional[string] `json:"description,omitzero" maxLength:"200"`
	Types       *[]events.Type           `json:"types,omitzero" nullable:"false" maxItems:"50"`
}

func (c WebhookChange) change() webhooks.Change {
	return webhooks.Change{URL: change(c.URL), Description: change(c.Description), Types: c.Types}
}

type webhookRequest struct {
	ID pathID `path:"id"`
}

type changeWebhookRequest struct {
	webhookRequest
	WebhookChange
}

var (
	tagWebhooks = []string{"admin: webhooks"}

	createWebhook = kithttp.Route[WebhookInput, WebhookWithSecret]{
		Name: "createWebhook", Secret: true, Method: http.MethodPost, Path: "/v1/admin/webhooks", Status: http.StatusCreated,
		Summary: "Let events be sent to an address from now on", Tags: tagWebhooks,
		Faults: []*fault.Error{webhooks.ErrTooMany},
	}
	listWebhooks = kithttp.Route[Paging, Page[Webhook]]{
		Name: "webhooks", Method: http.MethodGet, Path: "/v1/admin/webhooks",
		Summary: "List the webhooks, oldest first", Tags: tagWebhooks,
	}
	readWebhook = kithttp.Route[webhookRequest, Webhook]{
		Name: "webhook", Method: http.MethodGet, Path: "/v1/admin/webhooks/{id}",
		Summary: "Read a webhook", Tags: tagWebhooks,
		Faults: []*fault.Error{webhooks.ErrNotFound},
	}
	changeWebhook = kithttp.Route[changeWebhookRequest, Webhook]{
		Name: "changeWebhook", Method: http.MethodPatch, Path: "/v1/admin/webhooks/{id}",
		Summary: "Change a webhook", Tags: tagWebhooks,
		Faults: []*fault.Error{webhooks.ErrNotFound},
	}
	removeWebhook = kithttp.Route[webhookRequest, kithttp.None]{
		Name: "removeWebhook", Method: http.MethodDelete, Path: "/v1/admin/webhooks/{id}",
		Summary: "Remove a webhook, and the events that it could not receive", Tags: tagWebhooks,
		Faults: []*fault.Error{webhooks.ErrNotFound},
	}
	rotateWebhook = kithttp.Route[webhookRequest, WebhookWithSecret]{
		Name: "rotateWebhook", Secret: true, Method: http.MethodPost, Path: "/v1/admin/webhooks/{id}/rotate",
		Summary: "Give a webhook a new secret", Tags: tagWebhooks,
		Faults: []*fault.Error{webhooks.ErrNotFound},
	}
)

func (a *API) serveWebhooks() {
	policy := a.services.Webhooks.Policy()
	asAdmin(a, edge.Cheap, createWebhook, a.createWebhook, kithttp.Checked(func(r WebhookInput, f *fault.Fields) {
		r.input().Check(f, policy)
	}))
	asAdmin(a, edge.Search, listWebhooks, a.listWebhooks)
	asAdmin(a, edge.Cheap, readWebhook, a.readWebhook)
	asAdmin(a, edge.Cheap, changeWebhook, a.changeWebhook, kithttp.Checked(func(r changeWebhookRequest, f *fault.Fields) {
		r.change().Check(f, policy)
	}))
	asAdmin(a, edge.Cheap, removeWebhook, a.removeWebhook)
	asAdmin(a, edge.Cheap, rotateWebhook, a.rotateWebhook)
}

func (a *API) createWebhook(ctx context.Context, caller users.Caller, req WebhookInput) (WebhookWithSecret, error) {
	s, secret, err := a.services.Webhooks.Create(ctx, caller.UserID, req.input())
	return WebhookWithSecret{webhookOf(s), secret}, err
}

func (a *API) listWebhooks(ctx context.Context, caller users.Caller, req Paging) (Page[Webhook], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[id.Webhook]) (page.Page[webhooks.Status, id.Webhook], error) {
		return a.services.Webhooks.Endpoints(ctx, caller.UserID, r)
	}, webhookOf)
}

func (a *API) readWebhook(ctx context.Context, caller users.Caller, req webhookRequest) (Webhook, error) {
	s, err := a.services.Webhooks.Endpoint(ctx, caller.UserID, id.Webhook(req.ID))
	return webhookOf(s), err
}

func (a *API) changeWebhook(ctx context.Context, caller users.Caller, req changeWebhookRequest) (Webhook, error) {
	s, err := a.services.Webhooks.Change(ctx, caller.UserID, id.Webhook(req.ID), req.change())
	return webhookOf(s), err
}

func (a *API) removeWebhook(ctx context.Context, caller users.Caller, req webhookRequest) (kithttp.None, error) {
	return kithttp.None{}, a.services.Webhooks.Remove(ctx, caller.UserID, id.Webhook(req.ID))
}

func (a *API) rotateWebhook(ctx context.Context, caller users.Caller, req webhookRequest) (WebhookWithSecret, error) {
	s, secret, err := a.services.Webhooks.Rotate(ctx, caller.UserID, id.Webhook(req.ID))
	return WebhookWithSecret{webhookOf(s), secret}, err
}
