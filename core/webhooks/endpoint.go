package webhooks

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/text"
)

// The maximum lengths of the fields of an endpoint, in characters.
const (
	MaxURL         = 2000
	MaxDescription = 200
)

// Endpoint is where events are sent.
type Endpoint struct {
	ID          id.Webhook
	URL         string
	Description string        // one line, or absent
	Types       []events.Type // in ascending order, each once; none means all
	Secret      []byte        // sealed for this endpoint
	OldSecret   []byte        // sealed, the one before the last rotation; nil if there is none
	OldUntil    time.Time     // when OldSecret ends; zero if there is none
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// SubscriptionPrefix begins the names of the subscriptions of all endpoints.
const SubscriptionPrefix = "webhook."

// Subscription returns the name of the subscription of an endpoint.
func Subscription(endpoint id.Webhook) string { return SubscriptionPrefix + endpoint.String() }

// wants reports whether the endpoint gets events of a type.
func (e Endpoint) wants(t events.Type) bool { return len(e.Types) == 0 || slices.Contains(e.Types, t) }

// bound returns the text to which the secrets of an endpoint are bound.
func (e Endpoint) bound() string { return "cicerone webhook " + e.ID.String() }

// Input has the fields of a new endpoint.
type Input struct {
	URL         string
	Description string
	Types       []events.Type // none means all
}

// Check adds an error to f for each field that breaks a rule.
func (i Input) Check(f *fault.Fields, p Policy) { i.prepared(f, p) }

// prepared returns the input as it is stored, and adds an error to f for each field that breaks a
// rule.
func (i Input) prepared(f *fault.Fields, p Policy) Input {
	return Input{
		URL:         prepareURL(f, i.URL, p),
		Description: text.Line(f, "description", i.Description, text.Optional, MaxDescription),
		Types:       prepareTypes(f, i.Types),
	}
}

// Change is a change of an endpoint by an admin. A nil field stays as it is.
type Change struct {
	URL         *string
	Description *string
	Types       *[]events.Type // none means all
}

// Check adds an error to f for each field that breaks a rule.
func (c Change) Check(f *fault.Fields, p Policy) { c.applied(f, Endpoint{}, p) }

// applied returns the endpoint with the change, and adds an error to f for each field that breaks a
// rule.
func (c Change) applied(f *fault.Fields, e Endpoint, p Policy) Endpoint {
	if c.URL != nil {
		e.URL = prepareURL(f, *c.URL, p)
	}
	if c.Description != nil {
		e.Description = text.Line(f, "description", *c.Description, text.Optional, MaxDescription)
	}
	if c.Types != nil {
		e.Types = prepareTypes(f, *c.Types)
	}
	return e
}

func prepareURL(f *fault.Fields, address string, p Policy) string {
	address = text.Line(f, "url", address, text.Required, MaxURL)
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	web := err == nil && u.Host != "" && u.Hostname() != "" && u.User == nil && !strings.Contains(address, "#")
	if p.AllowHTTP {
		f.Check(web && (u.Scheme == "https" || u.Scheme == "http"), "url", "must be an http or https address without a user and a fragment")
	} else {
		f.Check(web && u.Scheme == "https", "url", "must be an https address without a user and a fragment")
	}
	return address
}

func prepareTypes(f *fault.Fields, types []events.Type) []events.Type {
	f.Check(!slices.ContainsFunc(types, func(t events.Type) bool { return !t.Valid() }), "types", "must be types of events")
	sorted := slices.Clone(types)
	slices.Sort(sorted)
	if sorted = slices.Compact(sorted); len(sorted) == 0 {
		return nil
	}
	return sorted
}

const (
	secretPrefix = "whsec_"
	secretSize   = 32 // bytes
)

// rotate gives the endpoint a new secret, and returns it as its owner sees it. The secret before
// remains for a time.
func (e *Endpoint) rotate(box *secret.Box, now time.Time, keep time.Duration) string {
	if e.Secret != nil && keep > 0 {
		e.OldSecret, e.OldUntil = e.Secret, now.Add(keep)
	}
	raw := make([]byte, secretSize)
	rand.Read(raw) // it never returns an error
	e.Secret = box.Seal(raw, e.bound())
	return secretPrefix + base64.StdEncoding.EncodeToString(raw)
}

// secrets opens the secrets that are valid at a time, the present one first.
func (e Endpoint) secrets(box *secret.Box, now time.Time) ([][]byte, error) {
	sealed := [][]byte{e.Secret}
	if now.Before(e.OldUntil) {
		sealed = append(sealed, e.OldSecret)
	}
	for i := range sealed {
		raw, err := box.Open(sealed[i], e.bound())
		if err != nil {
			return nil, fmt.Errorf("open the secret of the webhook %s: %w", e.ID, err)
		}
		sealed[i] = raw
	}
	return sealed, nil
}
