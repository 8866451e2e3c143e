package events_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// shelf stands for the client of a broker: it stores messages, and drops one with a key that it has.
type shelf map[string]string

func (s shelf) Put(_ context.Context, key string, message []byte) error {
	if _, found := s[key]; !found {
		s[key] = string(message)
	}
	return nil
}

var errNotPublished = fault.New(fault.Unavailable, "shelf_unavailable", "the shelf did not take the event")

// publishTo returns a subscriber that publishes all events to a shelf. A host gives it to
// wiring.Config.Subscribers.
func publishTo(s shelf, source string) events.Subscriber {
	return events.Subscriber{Name: "shelf", TryFor: 24 * time.Hour, Handle: func(ctx context.Context, e events.Event) error {
		message, err := e.CloudEvent(source)
		if err != nil {
			return err
		}
		if err := s.Put(ctx, e.ID.String(), message); err != nil {
			return errNotPublished.Wrap(err)
		}
		return nil
	}}
}

// Another broker than that of adapters/nats takes one function.
func ExampleEvent_CloudEvent() {
	s := shelf{}
	e := events.New(id.NewGenerator(nil), time.Now(), 3, events.UserSignedUp{})
	for range 2 { // an event may be delivered again
		if err := publishTo(s, "https://example.org/cicerone").Handle(context.Background(), e); err != nil {
			fmt.Println(err)
		}
	}
	_, data, _ := strings.Cut(s[e.ID.String()], `"sequence"`)
	fmt.Println(len(s), data)
	// Output: 1 :"0000000000000000003","dataversion":1,"datacontenttype":"application/json","data":{"user_id":"00000000-0000-0000-0000-000000000000"}}
}
