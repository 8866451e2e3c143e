package webhooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store   *uow.Store[Tx]
	Secrets *secret.Box
	Clock   clock.Clock
	IDs     id.Source
	Policy  Policy
}

// Service is for admins, who look after endpoints. Its methods return users.ErrAdminsOnly if the
// caller is not an admin, and users.ErrNotSignedIn if their account is not active.
type Service struct{ deps Deps }

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("webhooks", d); err != nil {
		return nil, err
	}
	return &Service{d}, nil
}

// Policy returns the policy.
func (s *Service) Policy() Policy { return s.deps.Policy }

// Status is an endpoint with its subscription.
type Status struct {
	Endpoint
	Subscription events.Subscription
}

// Create adds an endpoint. It gets the events that are committed later, and perhaps some that were
// committed shortly before. Create returns the secret, which cannot be read again. Errors: fault.Invalid
// with the names of the fields, ErrTooMany.
func (s *Service) Create(ctx context.Context, admin id.User, i Input) (created Status, secret string, err error) {
	var f fault.Fields
	i = i.prepared(&f, s.deps.Policy)
	if err := f.Err(); err != nil {
		return Status{}, "", err
	}
	err = s.change(ctx, admin, func(ctx context.Context, tx Tx) error {
		there, err := tx.Webhooks().List(ctx, id.Webhook{}, MaxEndpoints)
		if err != nil {
			return fmt.Errorf("list webhooks: %w", err)
		}
		if len(there) >= s.deps.Policy.MaxEndpoints {
			return ErrTooMany
		}
		now := clock.Truncate(s.deps.Clock.Now())
		created.Endpoint = Endpoint{
			ID: id.Webhook(s.deps.IDs.Next()), URL: i.URL, Description: i.Description, Types: i.Types, CreatedAt: now, UpdatedAt: now,
		}
		secret = created.rotate(s.deps.Secrets, now, 0)
		if err := s.put(ctx, tx, created.Endpoint, admin, moderation.ActionWebhookCreated, created.details()); err != nil {
			return err
		}
		b, err := tx.Events().Backlog(ctx)
		if err != nil {
			return fmt.Errorf("read the highest position: %w", err)
		}
		created.Subscription = events.Subscription{Name: Subscription(created.ID), State: events.Active, Since: now, Position: b.Highest}
		if _, err := tx.Subscriptions().Subscribe(ctx, created.Subscription); err != nil {
			return fmt.Errorf("add a subscription: %w", err)
		}
		return nil
	})
	if err != nil {
		return Status{}, "", fmt.Errorf("create a webhook: %w", err)
	}
	return created, secret, nil
}

// Endpoints lists all endpoints in ascending order of id, which is that in which they were created.
func (s *Service) Endpoints(ctx context.Context, admin id.User, r page.Request[id.Webhook]) (p page.Page[Status, id.Webhook], err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		p, err = page.Read(r, func(e Status) id.Webhook { return e.ID }, func(after *id.Webhook, limit int) ([]Status, error) {
			return list(ctx, tx, after, limit)
		})
		return err
	})
	return p, err
}

func list(ctx context.Context, tx Tx, after *id.Webhook, limit int) ([]Status, error) {
	var from id.Webhook
	if after != nil {
		from = *after
	}
	endpoints, err := tx.Webhooks().List(ctx, from, limit)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	all := make([]Status, len(endpoints))
	for i, e := range endpoints {
		if all[i], err = status(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Endpoint returns an endpoint. Errors: ErrNotFound.
func (s *Service) Endpoint(ctx context.Context, admin id.User, endpoint id.Webhook) (found Status, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		e, err := read(ctx, tx, endpoint)
		if err != nil {
			return err
		}
		found, err = status(ctx, tx, e)
		return err
	})
	return found, err
}

// Change changes an endpoint. The next attempt to send uses the change; events of new types are sent
// from the next second on. Errors: fault.Invalid with the names of the fields, ErrNotFound.
func (s *Service) Change(ctx context.Context, admin id.User, endpoint id.Webhook, c Change) (changed Status, err error) {
	var f fault.Fields
	c.Check(&f, s.deps.Policy)
	if err := f.Err(); err != nil {
		return Status{}, err
	}
	err = s.change(ctx, admin, func(ctx context.Context, tx Tx) error {
		before, err := read(ctx, tx, endpoint)
		if err != nil {
			return err
		}
		if changed, err = status(ctx, tx, c.applied(&f, before, s.deps.Policy)); err != nil {
			return err
		}
		details := changed.details()
		if maps.Equal(details, before.details()) {
			return nil
		}
		for name, value := range before.details() {
			details[name+"_before"] = value
		}
		changed.UpdatedAt = clock.Truncate(s.deps.Clock.Now())
		return s.put(ctx, tx, changed.Endpoint, admin, moderation.ActionWebhookChanged, details)
	})
	if err != nil {
		return Status{}, fmt.Errorf("change a webhook: %w", err)
	}
	return changed, nil
}

// Rotate gives an endpoint a new secret, and returns it; it cannot be read again. For
// Policy.KeepSecret, messages are also signed with the previous secret; an older one ends immediately.
// Errors: ErrNotFound.
func (s *Service) Rotate(ctx context.Context, admin id.User, endpoint id.Webhook) (rotated Status, secret string, err error) {
	err = s.change(ctx, admin, func(ctx context.Context, tx Tx) error {
		e, err := read(ctx, tx, endpoint)
		if err != nil {
			return err
		}
		if rotated, err = status(ctx, tx, e); err != nil {
			return err
		}
		now := clock.Truncate(s.deps.Clock.Now())
		secret, rotated.UpdatedAt = rotated.rotate(s.deps.Secrets, now, s.deps.Policy.KeepSecret), now
		return s.put(ctx, tx, rotated.Endpoint, admin, moderation.ActionWebhookRotated, moderation.Details{})
	})
	if err != nil {
		return Status{}, "", fmt.Errorf("rotate the secret of a webhook: %w", err)
	}
	return rotated, secret, nil
}

// Remove removes an endpoint with its subscription, and with the events that it has set aside. What
// is being sent may still arrive. Errors: ErrNotFound.
func (s *Service) Remove(ctx context.Context, admin id.User, endpoint id.Webhook) error {
	err := s.change(ctx, admin, func(ctx context.Context, tx Tx) error {
		e, err := read(ctx, tx, endpoint)
		if err != nil {
			return err
		}
		if err := tx.Webhooks().Remove(ctx, endpoint); err != nil {
			return fmt.Errorf("remove a webhook: %w", err)
		}
		if err := tx.Subscriptions().Drop(ctx, Subscription(endpoint)); err != nil {
			return fmt.Errorf("drop a subscription: %w", err)
		}
		return s.record(ctx, tx, admin, moderation.ActionWebhookRemoved, endpoint, e.details())
	})
	if err != nil {
		return fmt.Errorf("remove a webhook: %w", err)
	}
	return nil
}

// change runs fn in a unit of work that holds all active admins, of whom the caller is one.
func (s *Service) change(ctx context.Context, admin id.User, fn func(context.Context, Tx) error) error {
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, _, err := tx.Users().HoldWithAdmins(ctx, admin); err != nil && !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("hold all admins: %w", err)
		}
		if _, err := users.Admin(ctx, tx, admin); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func (s *Service) put(ctx context.Context, tx Tx, e Endpoint, admin id.User, a moderation.Action, d moderation.Details) error {
	if err := tx.Webhooks().Put(ctx, e); err != nil {
		return fmt.Errorf("store a webhook: %w", err)
	}
	return s.record(ctx, tx, admin, a, e.ID, d)
}

func (s *Service) record(ctx context.Context, tx Tx, admin id.User, a moderation.Action, endpoint id.Webhook, d moderation.Details) error {
	return moderation.Record(ctx, tx, s.deps.IDs, moderation.AuditRecord{
		ActorID: admin, Action: a, SubjectID: id.Subject(endpoint), Details: d, CreatedAt: s.deps.Clock.Now(),
	})
}

// details returns what admins may change, for the audit trail.
func (e Endpoint) details() moderation.Details {
	types := make([]string, len(e.Types))
	for i, t := range e.Types {
		types[i] = string(t)
	}
	return moderation.Details{"url": e.URL, "description": e.Description, "types": strings.Join(types, " ")}
}

func read(ctx context.Context, tx Tx, endpoint id.Webhook) (Endpoint, error) {
	e, err := tx.Webhooks().Endpoint(ctx, endpoint)
	if errors.Is(err, fault.NotFound) {
		return Endpoint{}, ErrNotFound
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("read a webhook: %w", err)
	}
	return e, nil
}

func status(ctx context.Context, tx Tx, e Endpoint) (Status, error) {
	sub, err := tx.Subscriptions().Subscription(ctx, Subscription(e.ID))
	if err != nil {
		return Status{}, fmt.Errorf("read the subscription of a webhook: %w", err)
	}
	return Status{e, sub}, nil
}
