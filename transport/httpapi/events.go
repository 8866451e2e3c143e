package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// AsideEvent is an event that a subscriber could not handle.
type AsideEvent struct {
	Subscriber string            `json:"subscriber"`
	Position   int64             `json:"position" description:"The place of the event in the order of delivery."`
	State      events.AsideState `json:"state" enum:"waiting,retry"`
	Attempts   int64             `json:"attempts" description:"How often the event has failed."`
	Class      string            `json:"class" description:"The class of the last error."`
	FailedAt   Time              `json:"failed_at"`
	EventID    id.Event          `json:"event_id"`
	Type       events.Type       `json:"type"`
	Aggregate  events.Aggregate  `json:"aggregate" description:"What the event is about."`
	OccurredAt Time              `json:"occurred_at"`
}

func asideEventOf(e moderation.AsideEvent) AsideEvent {
	return AsideEvent{
		Subscriber: e.Subscriber, Position: e.Position, State: e.State, Attempts: e.Attempts, Class: e.Class, FailedAt: Time(e.At),
		EventID: e.EventID, Type: e.Type, Aggregate: e.Aggregate, OccurredAt: Time(e.OccurredAt),
	}
}

// AsideFilter selects events that are set aside. An empty field selects all.
type AsideFilter struct {
	Subscriber string            `query:"subscriber" maxLength:"100" pattern:"^[a-z0-9._-]*$"`
	State      events.AsideState `query:"state" enum:"waiting,retry"`
}

type asideEventsRequest struct {
	AsideFilter
	Paging
}

type retryEventRequest struct {
	Subscriber pathName     `path:"subscriber"`
	Position   pathPosition `path:"position"`
	keyed
}

// Subscription is how far a subscriber is.
type Subscription struct {
	Name      string       `json:"name"`
	State     events.State `json:"state" enum:"active,behind,off"`
	Since     Time         `json:"since" description:"When it got its state."`
	Position  int64        `json:"position" description:"Of the last event that was handled or set aside."`
	Attempts  int64        `json:"attempts" description:"How often the next event has failed."`
	RetryAt   *Time        `json:"retry_at" description:"When the next event is tried again; null if it has not failed."`
	HeldUntil *Time        `json:"held_until" description:"The end of the lease of the server that delivers; null if none does."`
}

func subscriptionOf(s events.Subscription) Subscription {
	return Subscription{
		Name: s.Name, State: s.State, Since: Time(s.Since), Position: s.Position, Attempts: s.Attempts,
		RetryAt: orNull(Time(s.RetryAt)), HeldUntil: orNull(Time(s.HeldUntil)),
	}
}

// SubscriptionChange switches a subscription off, or makes it begin at a position.
type SubscriptionChange struct {
	State    kithttp.Optional[events.State] `json:"state,omitzero" nullable:"false" enum:"active,off"`
	Position kithttp.Optional[int64]        `json:"position,omitzero" nullable:"false" minimum:"0" description:"The next event is the first after it. It is needed for a subscription that is behind."`
}

func (c SubscriptionChange) change() moderation.SubscriptionChange {
	return moderation.SubscriptionChange{State: change(c.State), Position: change(c.Position)}
}

type changeSubscriptionRequest struct {
	Name pathName `path:"name"`
	SubscriptionChange
}

// pathName is the name of a subscription in a path. One that no subscription can have is read as
// "", so that the request is refused with a 404, and only after all other refusals.
type pathName string

// MarshalText implements encoding.TextMarshaler.
func (n pathName) MarshalText() ([]byte, error) { return []byte(n), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It never fails.
func (n *pathName) UnmarshalText(text []byte) error {
	if *n = ""; events.ValidName(string(text)) {
		*n = pathName(text)
	}
	return nil
}

// pathPosition is the position of an event in a path. A malformed one is read as 0, which no event
// has: see pathName.
type pathPosition int64

// MarshalText implements encoding.TextMarshaler.
func (p pathPosition) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(p), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It never fails.
func (p *pathPosition) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 1 {
		n = 0
	}
	*p = pathPosition(n)
	return nil
}

var (
	tagEvents = []string{"admin: events"}

	asideEvents = kithttp.Route[asideEventsRequest, Page[AsideEvent]]{
		Name: "asideEvents", Method: http.MethodGet, Path: "/v1/admin/events",
		Summary: "List the events that subscribers could not handle", Tags: tagEvents,
	}
	retryEvent = kithttp.Route[retryEventRequest, AsideEvent]{
		Name: "retryEvent", Method: http.MethodPost, Path: "/v1/admin/events/{subscriber}/{position}/retry", Status: http.StatusAccepted,
		Summary: "Let the subscriber try an event again", Tags: tagEvents,
		Faults: []*fault.Error{moderation.ErrEventNotFound},
	}
	subscriptions = kithttp.Route[Paging, Page[Subscription]]{
		Name: "subscriptions", Method: http.MethodGet, Path: "/v1/admin/subscriptions",
		Summary: "List the subscriptions by name", Tags: tagEvents,
	}
	changeSubscription = kithttp.Route[changeSubscriptionRequest, Subscription]{
		Name: "changeSubscription", Method: http.MethodPatch, Path: "/v1/admin/subscriptions/{name}",
		Summary: "Switch a subscription off, or make it begin at a position", Tags: tagEvents,
		Faults: []*fault.Error{moderation.ErrSubscriptionNotFound, moderation.ErrSubscriptionChanged},
	}
)

func (a *API) serveEvents() {
	asAdmin(a, edge.Search, asideEvents, a.asideEvents, kithttp.Checked(func(r asideEventsRequest, f *fault.Fields) {
		f.Check(r.Subscriber == "" || events.ValidName(r.Subscriber), "subscriber", "must be the name of a subscription")
		f.Check(r.State == "" || r.State.Valid(), "state", "must be waiting or retry")
	}))
	asAdmin(a, edge.Cheap, retryEvent, a.retryEvent)
	asAdmin(a, edge.Search, subscriptions, a.subscriptions)
	asAdmin(a, edge.Cheap, changeSubscription, a.changeSubscription, kithttp.Checked(func(r changeSubscriptionRequest, f *fault.Fields) {
		r.change().Check(f)
	}))
}

func (a *API) asideEvents(ctx context.Context, caller users.Caller, req asideEventsRequest) (Page[AsideEvent], error) {
	filter := events.AsideFilter(req.AsideFilter)
	return readPage(ctx, a.cursors, req.Paging, []any{filter}, func(r page.Request[events.AsidePlace]) (page.Page[moderation.AsideEvent, events.AsidePlace], error) {
		return a.services.Moderation.AsideEvents(ctx, caller.UserID, filter, r)
	}, asideEventOf)
}

func (a *API) retryEvent(ctx context.Context, caller users.Caller, req retryEventRequest) (AsideEvent, error) {
	place := events.AsidePlace{Subscriber: string(req.Subscriber), Position: int64(req.Position)}
	e, err := a.services.Moderation.RetryEvent(ctx, caller.UserID, place, req.key())
	return asideEventOf(e), err
}

func (a *API) subscriptions(ctx context.Context, caller users.Caller, req Paging) (Page[Subscription], error) {
	return readPage(ctx, a.cursors, req, nil, func(r page.Request[string]) (page.Page[events.Subscription, string], error) {
		return a.services.Moderation.Subscriptions(ctx, caller.UserID, r)
	}, subscriptionOf)
}

func (a *API) changeSubscription(ctx context.Context, caller users.Caller, req changeSubscriptionRequest) (Subscription, error) {
	s, err := a.services.Moderation.ChangeSubscription(ctx, caller.UserID, string(req.Name), req.change())
	return subscriptionOf(s), err
}
