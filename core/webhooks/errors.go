package webhooks

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	ErrNotFound = fault.New(fault.NotFound, "webhook_not_found", "there is no such webhook")
	ErrTooMany  = fault.New(fault.Conflict, "too_many_webhooks", "there are as many webhooks as there may be: remove one first")
)
