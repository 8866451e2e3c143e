package httpapi_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

// setAside adds a subscription with an event that is set aside, and returns the position of the
// event.
func (w *world) setAside(name string) (position int64) {
	w.t.Helper()
	ids, now := id.NewGenerator(w.clock), w.clock()
	for _, unit := range []func(ctx context.Context, tx ports.Tx) error{
		func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, ids, now, 1, events.InterestChanged{InterestID: id.Interest(ids.Next())})
		},
		func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Events().Number(ctx, 1000)
			return err
		},
		func(ctx context.Context, tx ports.Tx) error {
			b, err := tx.Events().Backlog(ctx)
			if err != nil {
				return err
			}
			position = b.Highest
			s := events.Subscription{Name: name, Position: position - 1, State: events.Active, Since: now}
			if _, err := tx.Subscriptions().Subscribe(ctx, s); err != nil {
				return err
			}
			s, _, err = tx.Subscriptions().Lease(ctx, name, "a server", now, now.Add(time.Minute))
			if err != nil {
				return err
			}
			_, err = tx.Subscriptions().SetAside(ctx, s.Leased(), events.SetAside{
				Subscriber: name, Position: position, Attempts: 10, Class: "timeout", At: now, State: events.Waiting,
			})
			return err
		},
	} {
		if err := w.store.Do(w.ctx, unit); err != nil {
			w.t.Fatal(err)
		}
	}
	return position
}

func TestEventsThatAreSetAside(t *testing.T) {
	tn := newTown(t)
	ctx, admin := tn.ctx, tn.people["admin"]
	last := tn.setAside("search")
	list := func(f httpapi.AsideFilter) []httpapi.AsideEvent {
		return must[httpapi.Page[httpapi.AsideEvent]](t)(admin.AsideEvents(ctx, f, httpapi.Paging{})).Items
	}
	if all := list(httpapi.AsideFilter{}); len(all) != 2 || all[0].Subscriber != "mail" || all[1].Subscriber != "search" {
		t.Errorf("got %+v, want one event of each subscriber", all)
	}
	found := list(httpapi.AsideFilter{Subscriber: "search"})
	if len(found) != 1 {
		t.Fatalf("got %+v, want one event", found)
	}
	e := found[0]
	want := httpapi.AsideEvent{
		Subscriber: "search", Position: last, State: events.Waiting, Attempts: 10, Class: "timeout", FailedAt: httpapi.Time(tn.clock()),
		EventID: e.EventID, Type: events.TypeInterestChanged, Aggregate: e.Aggregate, OccurredAt: httpapi.Time(tn.clock()),
	}
	if e != want || e.EventID.IsZero() || e.Aggregate == "" {
		t.Errorf("got %+v, want %+v", e, want)
	}

	want.State = events.Retried
	for range 2 { // it changes nothing again
		if got := must[httpapi.AsideEvent](t)(admin.RetryEvent(ctx, "search", last, "")); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if found := list(httpapi.AsideFilter{State: events.Retried}); len(found) != 1 || found[0] != want {
		t.Errorf("got %+v, want %+v", found, want)
	}
	if found := list(httpapi.AsideFilter{State: events.Waiting}); len(found) != 1 || found[0].Subscriber != "mail" {
		t.Errorf("got %+v, want the event of mail", found)
	}
	for _, name := range []string{"a\x00b", "Mail", strings.Repeat("a", events.MaxName+1)} {
		if _, err := admin.AsideEvents(ctx, httpapi.AsideFilter{Subscriber: name}, httpapi.Paging{}); !errors.Is(err, fault.Invalid) {
			t.Errorf("the events of %q: %v", name, err)
		}
	}
	if _, err := admin.RetryEvent(ctx, "search", last-1, ""); !errors.Is(err, moderation.ErrEventNotFound) {
		t.Errorf("an event that is not set aside: %v", err)
	}
	var acts []httpapi.AuditRecord
	for _, act := range must[httpapi.Page[httpapi.AuditRecord]](t)(admin.Audit(ctx, httpapi.Paging{})).Items {
		if act.Action == moderation.ActionEventRetried {
			acts = append(acts, act)
		}
	}
	if len(acts) != 1 || *acts[0].ActorID != admin.id || acts[0].SubjectID != id.Subject(e.EventID) ||
		acts[0].Details["subscription"] != "search" || acts[0].Details["position"] != strconv.FormatInt(last, 10) {
		t.Errorf("got the records %+v, want one of the retry", acts)
	}
}

func TestSubscriptions(t *testing.T) {
	tn := newTown(t)
	ctx, admin := tn.ctx, tn.people["admin"]
	last := tn.setAside("search")
	list := must[httpapi.Page[httpapi.Subscription]](t)(admin.Subscriptions(ctx, httpapi.Paging{})).Items
	if len(list) != 3 || list[1].Name != "search" || list[1].State != events.Active || list[1].Position != last || list[1].HeldUntil == nil {
		t.Fatalf("got %+v", list)
	}
	change := func(state events.State, position int64) httpapi.SubscriptionChange {
		var c httpapi.SubscriptionChange
		if state != "" {
			c.State = kithttp.Some(state)
		}
		if position >= 0 {
			c.Position = kithttp.Some(position)
		}
		return c
	}
	tn.advance(time.Minute)
	want := list[1]
	want.HeldUntil, want.Since = nil, httpapi.Time(tn.clock())
	for _, step := range []struct {
		change   httpapi.SubscriptionChange
		state    events.State
		position int64
	}{
		{change(events.Off, -1), events.Off, last},
		{change(events.Off, -1), events.Off, last},
		{change(events.Active, -1), events.Active, last},
		{change("", 0), events.Active, 0},
		{change(events.Active, last), events.Active, last},
		{change("", -1), events.Active, last},
	} {
		want.State, want.Position = step.state, step.position
		if got := must[httpapi.Subscription](t)(admin.ChangeSubscription(ctx, "search", step.change)); got != want {
			t.Errorf("%+v: got %+v, want %+v", step.change, got, want)
		}
	}
	if _, err := admin.ChangeSubscription(ctx, "nothing", change(events.Off, -1)); !errors.Is(err, moderation.ErrSubscriptionNotFound) {
		t.Errorf("a subscription that does not exist: %v", err)
	}
	patch := func(body string) answer {
		return tn.ask("PATCH", "/v1/admin/subscriptions/search", admin.token, body)
	}
	patch(`{"position":`+strconv.FormatInt(last+1, 10)+`}`).refused(t, 422, "invalid_input", "position")
	patch(`{"position":-1}`).refused(t, 422, "invalid_input", "position")
	patch(`{"state":"off","position":1}`).refused(t, 422, "invalid_input", "position")
	patch(`{"state":"behind"}`).refused(t, 422, "invalid_input", "state")

	err := tn.store.Do(ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Subscriptions().Switch(ctx, "search", events.Active, events.Behind, tn.clock())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	patch(`{"state":"active"}`).refused(t, 422, "invalid_input", "position")
	patch(`{"state":"active","position":1}`).want(t, 200)

	var acts []httpapi.AuditRecord
	for _, act := range must[httpapi.Page[httpapi.AuditRecord]](t)(admin.Audit(ctx, httpapi.Paging{})).Items {
		if act.Action == moderation.ActionSubscriptionChanged {
			acts = append(acts, act)
		}
	}
	if len(acts) != 5 || acts[0].Details["state_before"] != "behind" || acts[0].Details["state"] != "active" ||
		acts[0].Details["position"] != "1" || acts[0].SubjectID != acts[4].SubjectID || acts[0].SubjectID.IsZero() {
		t.Errorf("got the records %+v, want five of one subscription", acts)
	}
}
