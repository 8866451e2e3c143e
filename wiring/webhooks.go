package wiring

import (
	"fmt"

	sending "github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// NewSecrets returns the sealer of the secrets of webhooks.
func NewSecrets(c Checked) (*secret.Box, error) {
	box, err := secret.NewBox("webhook", c.TOTPKeys...)
	if err != nil {
		return nil, fmt.Errorf("wiring: seal the secrets of webhooks: %w", err)
	}
	return box, nil
}

// NewSender returns the sender of webhooks.
func NewSender(c Checked) (*sending.Sender, error) {
	s, err := sending.NewSender(sending.Config{Networks: c.WebhookNetworks, Timeout: c.Events.HandleTime})
	if err != nil {
		return nil, fmt.Errorf("wiring: send webhooks: %w", err)
	}
	return s, nil
}

// NewDeliveries returns the deliveries of webhooks, which the relay asks for its subscribers.
// Config.Decorate does not see their units of work.
func NewDeliveries(
	c Checked, storage ports.Storage, r *Readiness, secrets *secret.Box, sender webhooks.Sender, now clock.Clock,
) (*webhooks.Deliveries, error) {
	d, err := webhooks.NewDeliveries(webhooks.DeliveryDeps{
		Store: ports.ForWebhooks(uow.NewStore(r.watch(storage), c.Units)), Secrets: secrets, Sender: sender, Clock: now, Policy: c.Webhooks,
	})
	if err != nil {
		return nil, fmt.Errorf("wiring: deliver webhooks: %w", err)
	}
	return d, nil
}
