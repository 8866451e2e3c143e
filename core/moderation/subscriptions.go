package moderation

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// AsideEvent is an event that a subscriber could not handle.
type AsideEvent struct {
	events.SetAside
	EventID    id.Event
	Type       events.Type
	Aggregate  events.Aggregate
	OccurredAt time.Time
}

// AsideEvents lists the events that are set aside, in ascending order of (subscriber, position).
// Errors: fault.Invalid for an unknown state, and for a name that no subscription can have.
func (s *Service) AsideEvents(
	ctx context.Context, admin id.User, f events.AsideFilter, r page.Request[events.AsidePlace],
) (page.Page[AsideEvent, events.AsidePlace], error) {
	var invalid fault.Fields
	invalid.Check(f.State == "" || f.State.Valid(), "state", "must be waiting or retry")
	invalid.Check(f.Subscriber == "" || events.ValidName(f.Subscriber), "subscriber", "must be the name of a subscription")
	if err := invalid.Err(); err != nil {
		return page.Page[AsideEvent, events.AsidePlace]{}, err
	}
	return readPage(ctx, s, admin, r, AsideEvent.Place, func(ctx context.Context, tx Tx, after *events.AsidePlace, limit int) ([]AsideEvent, error) {
		return ReadAsideEvents(ctx, tx, f, after, limit)
	})
}

// ReadAsideEvents lists events that are set aside, inside a unit of work: see
// events.Subscriptions.Aside.
func ReadAsideEvents(ctx context.Context, tx events.RelayTx, f events.AsideFilter, after *events.AsidePlace, limit int) ([]AsideEvent, error) {
	aside, err := tx.Subscriptions().Aside(ctx, f, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list events that are set aside: %w", err)
	}
	if len(aside) == 0 {
		return nil, nil
	}
	positions := make([]int64, len(aside))
	for i, e := range aside {
		positions[i] = e.Position
	}
	at, err := tx.Events().At(ctx, positions...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	byPosition := make(map[int64]events.Event, len(at))
	for _, e := range at {
		byPosition[e.Position] = e.Event
	}
	all := make([]AsideEvent, len(aside))
	for i, e := range aside {
		of := byPosition[e.Position]
		all[i] = AsideEvent{SetAside: e, EventID: of.ID, Type: of.Type, Aggregate: of.Aggregate, OccurredAt: of.At}
	}
	return all, nil
}

// RetryEvent marks an event that is set aside as one to be tried again, which its subscriber does
// soon. If it is marked already, RetryEvent changes nothing. Errors: ErrEventNotFound,
// idempotency.ErrKeyReused.
func (s *Service) RetryEvent(ctx context.Context, admin id.User, place events.AsidePlace, key idempotency.Key) (AsideEvent, error) {
	isAdmin := func(ctx context.Context, tx Tx) error {
		_, err := users.Admin(ctx, tx, admin)
		return err
	}
	e, _, err := idempotency.Run(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: admin.String(), Key: key, Operation: "moderation.RetryEvent", Values: place,
	}, isAdmin, func(ctx context.Context, tx Tx) (AsideEvent, error) {
		if err := isAdmin(ctx, tx); err != nil {
			return AsideEvent{}, err
		}
		return s.retryEvent(ctx, tx, AuditRecord{ActorID: admin}, place)
	}, idempotency.Whole[Tx, AsideEvent]())
	if err != nil {
		return AsideEvent{}, fmt.Errorf("retry an event: %w", err)
	}
	return e, nil
}

// Subscriptions lists all subscriptions in ascending order of name.
func (s *Service) Subscriptions(ctx context.Context, admin id.User, r page.Request[string]) (page.Page[events.Subscription, string], error) {
	name := func(s events.Subscription) string { return s.Name }
	return readPage(ctx, s, admin, r, name, func(ctx context.Context, tx Tx, after *string, limit int) ([]events.Subscription, error) {
		from := ""
		if after != nil {
			from = *after
		}
		return tx.Subscriptions().List(ctx, from, limit)
	})
}

// SubscriptionChange is a change of a subscription by an admin. A nil field stays as it is.
type SubscriptionChange struct {
	State *events.State // events.Active or events.Off

	// Position makes the subscription active, and its next event the first after it. It is needed
	// for one that is events.Behind. The events that were removed are not delivered.
	Position *int64
}

// Check adds an error to f for each field that breaks a rule.
func (c SubscriptionChange) Check(f *fault.Fields) {
	f.Check(c.State == nil || *c.State == events.Active || *c.State == events.Off, "state", "must be active or off")
	f.Check(c.Position == nil || *c.Position >= 0, "position", "must be at least 0")
	f.Check(c.Position == nil || c.State == nil || *c.State != events.Off, "position", "must not be given with the state off")
}

// ChangeSubscription switches a subscription off, or makes it begin at a position. Errors:
// fault.Invalid, ErrSubscriptionNotFound, ErrSubscriptionChanged.
func (s *Service) ChangeSubscription(ctx context.Context, admin id.User, name string, c SubscriptionChange) (events.Subscription, error) {
	var changed events.Subscription
	err := s.asAdmin(ctx, admin, s.deps.Store.Do, func(ctx context.Context, tx Tx) (err error) {
		changed, err = s.changeSubscription(ctx, tx, AuditRecord{ActorID: admin}, name, c)
		return err
	})
	return changed, err
}

// Operator acts for the operator of the server, and checks no caller.
type Operator struct{ s *Service }

// AsOperator returns the use cases for the operator of the server.
func (s *Service) AsOperator() Operator { return Operator{s} }

// RetryEvent is Service.RetryEvent.
func (o Operator) RetryEvent(ctx context.Context, place events.AsidePlace) (e AsideEvent, err error) {
	err = o.s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		e, err = o.s.retryEvent(ctx, tx, AuditRecord{Reason: "by the operator"}, place)
		return err
	})
	return e, err
}

// ChangeSubscription is Service.ChangeSubscription.
func (o Operator) ChangeSubscription(ctx context.Context, name string, c SubscriptionChange) (changed events.Subscription, err error) {
	err = o.s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		changed, err = o.s.changeSubscription(ctx, tx, AuditRecord{Reason: "by the operator"}, name, c)
		return err
	})
	return changed, err
}

func (s *Service) retryEvent(ctx context.Context, tx Tx, r AuditRecord, place events.AsidePlace) (AsideEvent, error) {
	before := &events.AsidePlace{Subscriber: place.Subscriber, Position: place.Position - 1}
	found, err := ReadAsideEvents(ctx, tx, events.AsideFilter{Subscriber: place.Subscriber}, before, 1)
	if err != nil {
		return AsideEvent{}, err
	}
	if len(found) == 0 || found[0].Place() != place {
		return AsideEvent{}, ErrEventNotFound
	}
	e := found[0]
	marked, err := tx.Subscriptions().Retry(ctx, place)
	if err != nil {
		return AsideEvent{}, fmt.Errorf("mark an event to be tried again: %w", err)
	}
	if e.State = events.Retried; !marked {
		return e, nil
	}
	r.Action, r.SubjectID, r.CreatedAt = ActionEventRetried, id.Subject(e.EventID), s.deps.Clock.Now()
	r.Details = Details{"subscription": place.Subscriber, "position": strconv.FormatInt(place.Position, 10)}
	return e, s.record(ctx, tx, r)
}

func (s *Service) changeSubscription(
	ctx context.Context, tx Tx, r AuditRecord, name string, c SubscriptionChange,
) (changed events.Subscription, err error) {
	var f fault.Fields
	c.Check(&f)
	if err := f.Err(); err != nil {
		return events.Subscription{}, err
	}
	before, err := tx.Subscriptions().Subscription(ctx, name)
	if errors.Is(err, fault.NotFound) {
		return events.Subscription{}, ErrSubscriptionNotFound
	}
	if err != nil {
		return events.Subscription{}, fmt.Errorf("read a subscription: %w", err)
	}
	now := s.deps.Clock.Now()
	switch {
	case c.State != nil && *c.State == events.Off && before.State != events.Off:
		err = switchTo(ctx, tx, before, events.Off, now)
	case c.Position != nil, c.State != nil && *c.State == events.Active && before.State != events.Active:
		err = begin(ctx, tx, before, c.Position, now)
	default:
		return before, nil
	}
	if err != nil {
		return events.Subscription{}, err
	}
	if changed, err = tx.Subscriptions().Subscription(ctx, name); err != nil {
		return events.Subscription{}, fmt.Errorf("read a subscription: %w", err)
	}
	r.Action, r.SubjectID, r.CreatedAt = ActionSubscriptionChanged, subjectOf(name), now
	r.Details = Details{
		"subscription": name, "state": string(changed.State), "state_before": string(before.State),
		"position": strconv.FormatInt(changed.Position, 10), "position_before": strconv.FormatInt(before.Position, 10),
	}
	return changed, s.record(ctx, tx, r)
}

// subjectOf returns the subject of the acts on a subscription, which has a name but no identifier.
func subjectOf(name string) id.Subject {
	sum := sha256.Sum256([]byte("subscription/" + name))
	return id.Subject(sum[:16])
}

func switchTo(ctx context.Context, tx Tx, s events.Subscription, to events.State, at time.Time) error {
	switched, err := tx.Subscriptions().Switch(ctx, s.Name, s.State, to, at)
	if err != nil {
		return fmt.Errorf("switch a subscription: %w", err)
	}
	if !switched {
		return ErrSubscriptionChanged
	}
	return nil
}

// begin makes a subscription active at a position: that which it has if position is nil.
func begin(ctx context.Context, tx Tx, before events.Subscription, position *int64, at time.Time) error {
	to := before.Position
	if position != nil {
		to = *position
		b, err := tx.Events().Backlog(ctx)
		if err != nil {
			return fmt.Errorf("read the highest position: %w", err)
		}
		if to > b.Highest {
			return fault.InvalidField("position", fmt.Sprintf("must be at most %d, the position of the last event", b.Highest))
		}
	} else if before.State == events.Behind {
		return fault.InvalidField("position", "must be given for a subscription that is behind")
	}
	if before.State == events.Active {
		if err := switchTo(ctx, tx, before, events.Off, at); err != nil {
			return err
		}
	}
	begun, err := tx.Subscriptions().Begin(ctx, before.Name, to, at)
	if err != nil {
		return fmt.Errorf("begin a subscription: %w", err)
	}
	if !begun {
		return ErrSubscriptionChanged
	}
	return nil
}
