package webhooks

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
)

// Repository keeps endpoints. A unit that changes them holds all active admins, so that one changes
// them at a time.
type Repository interface {
	// Put stores an endpoint. If one with its id exists, Put replaces it.
	Put(ctx context.Context, e Endpoint) error

	// Remove removes an endpoint. It does nothing if there is none with the id.
	Remove(ctx context.Context, endpoint id.Webhook) error

	// Endpoint returns an endpoint, or fault.NotFound.
	Endpoint(ctx context.Context, endpoint id.Webhook) (Endpoint, error)

	// List lists up to limit endpoints in ascending order of id: those after an id, or from the first
	// if after is zero.
	List(ctx context.Context, after id.Webhook, limit int) ([]Endpoint, error)
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	moderation.Tx
	Webhooks() Repository
}
