package mongodbtest

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/mongodb"
)

func TestWiring(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		wired.Servers(t, true, s.serversOnFresh)
		t.Run("no collections", s.wiringWithoutCollections)
		t.Run("over a host's client", s.wiringOverHostClient)
	})
}

// serversOnFresh returns a New on a fresh store. It checks that no server uses the store when the
// test ends.
func (s target) serversOnFresh(t *testing.T) wired.New {
	o := s.fresh(t)
	s.occupants(t, o) // starts the goroutines of the client that the tests share
	t.Cleanup(func() {
		if n := len(s.occupants(t, o)); n != 0 {
			t.Errorf("%d occupants after Close", n)
		}
	})
	return func(ctx context.Context, c wiring.Config) (*wiring.App, error) { return root.New(ctx, s.uri, o, c) }
}

func TestWiringCleansUp(t *testing.T) {
	wired.Unreachable(t, "mongodb://ada:tiger@%s/cicerone?serverSelectionTimeoutMS=300",
		func(ctx context.Context, uri string, c wiring.Config) (*wiring.App, error) {
			return root.New(ctx, uri, mongodb.Options{}, c)
		})
}

func (s target) wiringWithoutCollections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	_, err := root.New(t.Context(), s.uri, mongodb.Options{Database: s.name + "_none"}, wired.Config())
	if !errors.Is(err, mongodb.ErrOutdated) {
		t.Errorf("New = %v, want ErrOutdated", err)
	}
}

// An App over the client of a host takes part in the host's transactions.
func (s target) wiringOverHostClient(t *testing.T) {
	ctx, o, client := t.Context(), s.fresh(t), s.client(t)
	store, err := mongodb.New(ctx, client, o)
	must(t, err)
	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(context.Background())
	wired.OverHost(t, store, func() (context.Context, func() error) {
		must(t, session.StartTransaction(hostConcerns))
		return store.Join(ctx, session), func() error { return session.AbortTransaction(ctx) }
	})
	must(t, client.Ping(ctx, readpref.Primary()))
}

// occupants returns the documents of the stores that use a database.
func (s target) occupants(t *testing.T, o mongodb.Options) (all []map[string]any) {
	t.Helper()
	ctx := context.Background() // also when the test ends
	cursor, err := s.inUse(t, o).Find(ctx, map[string]any{})
	must(t, err)
	must(t, cursor.All(ctx, &all))
	return all
}

func (s target) inUse(t *testing.T, o mongodb.Options) *mongo.Collection {
	t.Helper()
	return s.client(t).Database(o.Database).Collection("servers")
}
