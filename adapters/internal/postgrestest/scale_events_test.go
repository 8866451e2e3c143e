package postgrestest

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// subscriber is the name of a subscription that has set aside many events.
const subscriber = "mail"

// occurred returns the moment of the i-th event.
func (m *metropolis) occurred(i int) time.Time { return when(1, i, m.lesser) }

func (m *metropolis) events(yield func(ports.Row) bool) {
	ids := id.NewGenerator(nil)
	for i := range m.lesser {
		of := id.User(m.userRows[i][0].([16]byte)) //nolint:forcetypeassert // users made it
		e := events.New(ids, m.occurred(i), 2, events.ProfileChanged{UserID: of})
		e.ID = m.id(e.At)
		if !yield(ports.EventLayout.Row(events.Numbered{Position: int64(i + 1), Event: e})) {
			return
		}
	}
}

func (m *metropolis) counters(yield func(ports.Row) bool) {
	yield(ports.Row{ports.EventCounter, int64(m.lesser)})
}

func (m *metropolis) subscriptions(yield func(ports.Row) bool) {
	names := []string{subscriber, "search"}
	for _, e := range endpoints {
		names = append(names, webhooks.Subscription(e.ID))
	}
	for _, name := range names {
		if !yield(ports.SubscriptionLayout.Row(events.Subscription{
			Name: name, Position: int64(m.lesser), State: events.Active, Since: begun,
		})) {
			return
		}
	}
}

// endpoints are those of all webhooks.
var endpoints = []webhooks.Endpoint{
	{ID: id.Webhook{15: 1}, URL: "https://one.example", Secret: []byte("sealed"), CreatedAt: begun, UpdatedAt: begun},
	{ID: id.Webhook{15: 2}, URL: "https://two.example", Secret: []byte("sealed"), CreatedAt: begun, UpdatedAt: begun},
}

func (m *metropolis) webhooks(yield func(ports.Row) bool) {
	for _, e := range endpoints {
		if !yield(ports.WebhookLayout.Row(e)) {
			return
		}
	}
}

// asides yields all events, each set aside by one of two subscribers. Few are to be tried again.
func (m *metropolis) asides(yield func(ports.Row) bool) {
	for i := range m.lesser {
		aside := events.SetAside{
			Subscriber: subscriber, Position: int64(i + 1), Attempts: 10, Class: "timeout", At: m.occurred(i), State: events.Waiting,
		}
		if i%5 == 0 {
			aside.Subscriber = "search"
		}
		if i%500 == 7 {
			aside.State = events.Retried
		}
		if !yield(ports.SetAsideLayout.Row(aside)) {
			return
		}
	}
}

// askAsTheRelay sends the queries of a relay.
func (s *scale) askAsTheRelay() {
	s.Helper()
	middle := int64(s.town.lesser / 2)
	must(s, s.app.Storage.Run(s.Context(), uow.Read, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Events().Backlog(ctx); err != nil {
			return err
		}
		if _, err := tx.Events().After(ctx, middle, 100); err != nil {
			return err
		}
		marked, err := tx.Subscriptions().Aside(ctx, events.AsideFilter{Subscriber: subscriber, State: events.Retried}, nil, 10)
		if err != nil {
			return err
		}
		if len(marked) == 0 {
			s.Error("no event is to be tried again")
		}
		_, err = tx.Events().At(ctx, middle, middle+1)
		return err
	}))
	s.explain("the relay")
}
