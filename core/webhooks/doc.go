// Package webhooks sends events to other servers. An admin adds an endpoint: an address, types of events
// and a secret. Each endpoint has a subscription of its own (see core/events), so that it gets events in
// order and at least once, is tried again when it fails, and delays no other endpoint. Deliveries is the
// events.Source of the endpoints, and a Sender sends.
package webhooks
