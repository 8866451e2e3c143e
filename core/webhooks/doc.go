// Package webhooks tells other servers what has happened. An admin adds an endpoint, which is an
// address, types of events and a secret. Each endpoint has a subscription of its own (see
// core/events), so that it gets events in order and at least once, waits when it fails, and holds up
// no other one. Deliveries is the events.Source of the endpoints, and a Sender sends.
package webhooks
