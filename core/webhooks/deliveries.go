package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Message is one request to an endpoint.
type Message struct {
	ID      string // of the event: the same in each attempt
	URL     string
	At      time.Time // of the attempt
	Body    []byte    // the JSON of a Payload
	Secrets [][]byte  // each signs the message
}

// Payload is the body of a message.
type Payload struct {
	Type      events.Type     `json:"type"`
	Timestamp time.Time       `json:"timestamp"` // of the event
	Version   int64           `json:"version"`   // of the form of Data: see events.Decode
	Data      json.RawMessage `json:"data"`
}

// Sender sends messages. adapters/webhooks has one.
type Sender interface {
	// Send sends a message, and returns an error unless the endpoint has accepted it. It returns soon
	// after ctx ends.
	Send(ctx context.Context, m Message) error
}

// DeliveryDeps are the parts of Deliveries. All are needed.
type DeliveryDeps struct {
	Store   *uow.Store[Tx]
	Secrets *secret.Box
	Sender  Sender
	Clock   clock.Clock
	Policy  Policy
}

// Deliveries sends events to the endpoints.
type Deliveries struct{ deps DeliveryDeps }

// NewDeliveries returns Deliveries, or an error that names the parts that are missing.
func NewDeliveries(d DeliveryDeps) (*Deliveries, error) {
	if err := fault.Missing("deliveries of webhooks", d); err != nil {
		return nil, err
	}
	return &Deliveries{d}, nil
}

// Subscribers returns a subscriber for each endpoint. It is an events.Source.
func (d *Deliveries) Subscribers(ctx context.Context) (all []events.Subscriber, err error) {
	err = d.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		endpoints, err := tx.Webhooks().List(ctx, id.Webhook{}, MaxEndpoints)
		if err != nil {
			return err
		}
		all = make([]events.Subscriber, len(endpoints))
		for i, e := range endpoints {
			all[i] = events.Subscriber{Name: Subscription(e.ID), Types: e.Types, TryFor: d.deps.Policy.TryFor, Handle: d.sendTo(e.ID)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return all, nil
}

// sendTo returns a function that sends an event to an endpoint, as it is then.
func (d *Deliveries) sendTo(endpoint id.Webhook) func(context.Context, events.Event) error {
	return func(ctx context.Context, event events.Event) error {
		var e Endpoint
		err := d.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
			e, err = tx.Webhooks().Endpoint(ctx, endpoint)
			return err
		})
		if errors.Is(err, fault.NotFound) {
			return nil // it was removed
		}
		if err != nil {
			return fmt.Errorf("read a webhook: %w", err)
		}
		if !e.wants(event.Type) {
			return nil // since a moment ago
		}
		now := d.deps.Clock.Now()
		secrets, err := e.secrets(d.deps.Secrets, now)
		if err != nil {
			return err
		}
		body, err := json.Marshal(Payload{
			Type: event.Type, Timestamp: event.At.UTC(), Version: event.Version, Data: json.RawMessage(events.Encode(event.Data)),
		})
		if err != nil {
			return fmt.Errorf("write the payload of a webhook: %w", err)
		}
		return d.deps.Sender.Send(ctx, Message{ID: event.ID.String(), URL: e.URL, At: now, Body: body, Secrets: secrets})
	}
}
