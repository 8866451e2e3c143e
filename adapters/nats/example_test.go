package nats_test

import (
	"context"
	"fmt"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/cicerone-go/cicerone/adapters/nats"
	"github.com/cicerone-go/cicerone/core/events"
)

// The program makes the stream, and gives the subscriber to wiring.Config.Subscribers.
func Example() {
	subscriber := func(ctx context.Context, address string) (events.Subscriber, error) {
		conn, err := client.Connect(address, client.MaxReconnects(-1))
		if err != nil {
			return events.Subscriber{}, err
		}
		js, err := jetstream.New(conn)
		if err != nil {
			return events.Subscriber{}, err
		}
		_, err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "CICERONE", Subjects: []string{"cicerone.>"}, Duplicates: 10 * time.Minute,
		})
		if err != nil {
			return events.Subscriber{}, err
		}
		publisher, err := nats.New(js, nats.Config{Source: "https://example.org/cicerone", Stream: "CICERONE"})
		if err != nil {
			return events.Subscriber{}, err
		}
		return publisher.Subscriber("nats"), nil
	}
	_, err := subscriber(context.Background(), "nats://localhost:1") // where no server is
	fmt.Println(err)
	// Output: nats: no servers available for connection
}
