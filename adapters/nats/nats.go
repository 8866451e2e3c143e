// Package nats publishes events to NATS JetStream, for programs with several services. Each event is
// a message in the JSON format of CloudEvents 1.0 (structured mode), which events.Event.CloudEvent
// returns.
//
// An event is published at least once, in order, and only after the server has stored the one before
// it. A repeated message has the same Nats-Msg-Id, the identifier of the event, so that a stream
// drops it within its Duplicates window. That window is longer than a message can be in doubt:
// longer than Policy.MaxPause and Policy.Lease of the relay together, and ten minutes for
// events.DefaultPolicy. The default of NATS, two minutes, is too short.
//
// Another broker is a package like this one: see the example of events.Event.CloudEvent. The format
// is written there, in a few lines, because the SDK of CloudEvents has many dependencies; the tests
// read the messages with it.
package nats

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
)

// ErrNotPublished is the error of an event that JetStream did not acknowledge. It may have stored it
// nevertheless.
var ErrNotPublished = fault.New(fault.Unavailable, "nats_unavailable", "JetStream did not acknowledge the event")

// Config is how events are published.
type Config struct {
	// Source is a URI that names the program in the messages, for example
	// "https://example.org/cicerone". It is required.
	Source string

	// Subject is what the subjects of the messages begin with, before a dot and the type of the
	// event: "cicerone" for cicerone.message.sent. Empty means "cicerone".
	Subject string

	// Stream is the name of the stream that stores the messages. Another one refuses them. Empty
	// means any.
	Stream string

	// TryFor is the age up to which events are not set aside while the server is down; 0 means 24
	// hours. See events.Subscriber.TryFor.
	TryFor time.Duration
}

// Publisher publishes events. It is safe for concurrent use.
type Publisher struct {
	js  jetstream.JetStream
	cfg Config
}

// New returns a Publisher over a connection of the caller, who closes it. New does not ask the
// server; the caller makes the stream. Errors: fault.Internal if js is nil, fault.Invalid with the
// names of the fields.
func New(js jetstream.JetStream, cfg Config) (*Publisher, error) {
	if js == nil {
		return nil, fault.Missing("a publisher", struct{ JetStream any }{})
	}
	if cfg.Subject == "" {
		cfg.Subject = "cicerone"
	}
	if cfg.TryFor == 0 {
		cfg.TryFor = 24 * time.Hour
	}
	var f fault.Fields
	f.Check(cfg.Source != "", "Source", "must not be empty")
	f.Check(isSubject(cfg.Subject), "Subject", "must be words of letters, digits, - and _ that are joined by dots")
	f.Check(cfg.TryFor > 0, "TryFor", "must not be negative")
	if err := f.Err(); err != nil {
		return nil, err
	}
	return &Publisher{js, cfg}, nil
}

// Subscriber returns a subscriber that publishes the events of these types, or all if there are
// none. See events.Subscriber for the name.
func (p *Publisher) Subscriber(name string, types ...events.Type) events.Subscriber {
	return events.Subscriber{Name: name, Types: types, Handle: p.Publish, TryFor: p.cfg.TryFor}
}

// Publish publishes an event, and returns when JetStream has stored it or knows it already. Errors:
// ErrNotPublished, which wraps the error of the client.
func (p *Publisher) Publish(ctx context.Context, e events.Event) error {
	body, err := e.CloudEvent(p.cfg.Source)
	if err != nil {
		return err
	}
	m := &nats.Msg{
		Subject: p.cfg.Subject + "." + string(e.Type), Data: body,
		Header: nats.Header{"Content-Type": {events.CloudEventMediaType}},
	}
	options := []jetstream.PublishOpt{jetstream.WithMsgID(e.ID.String())}
	if p.cfg.Stream != "" {
		options = append(options, jetstream.WithExpectStream(p.cfg.Stream))
	}
	if _, err := p.js.PublishMsg(ctx, m, options...); err != nil {
		return ErrNotPublished.Wrap(err)
	}
	return nil
}

// maxSubject is the maximum length of a Config.Subject, in bytes.
const maxSubject = 200

// isSubject reports whether a text is a subject without wildcards.
func isSubject(s string) bool {
	if len(s) > maxSubject {
		return false
	}
	for word := range strings.SplitSeq(s, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}
