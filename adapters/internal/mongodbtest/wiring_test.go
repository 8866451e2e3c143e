package mongodbtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/mongodb"
)

func wiringConfig() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// wired makes an App. It is closed when the test ends.
func (s target) wired(t *testing.T, o mongodb.Options, c wiring.Config) *wiring.App {
	t.Helper()
	app, err := root.New(t.Context(), s.uri, o, c)
	must(t, err)
	t.Cleanup(func() { must(t, app.Close(context.Background())) }) // a second Close does nothing
	return app
}

func register(t *testing.T, app *wiring.App, email string) users.User {
	t.Helper()
	u, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: email, Password: "long enough"})
	must(t, err)
	return u
}

func TestWiring(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		t.Run("sessions are valid at each server", s.sessionsAreValidAtEachServer)
		t.Run("no collections", s.wiringWithoutCollections)
		t.Run("no goroutine stays", s.wiringLeavesNoGoroutine)
		t.Run("over a host's client", s.wiringOverHostClient)
		t.Run("several servers settle once", s.severalServersSettleOnce)
	})
}

func (s target) sessionsAreValidAtEachServer(t *testing.T) {
	o, c := s.fresh(t), wiringConfig()
	c.Access.Keys = [][]byte{[]byte(strings.Repeat("k", 32))}
	one, two := s.wired(t, o, c), s.wired(t, o, c)
	register(t, one, "ada@example.org")
	in, err := one.Users.SignIn(t.Context(), "ada@example.org", "long enough")
	must(t, err)
	if _, err := two.Users.Authenticate(t.Context(), in.AccessToken); err != nil {
		t.Errorf("the access token is refused: %v", err)
	}
	must(t, one.Close(t.Context()))
	if _, err := two.Users.Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("the refresh token is refused: %v", err)
	}
}

func (s target) wiringWithoutCollections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	_, err := root.New(t.Context(), s.uri, mongodb.Options{Database: s.name + "_none"}, wiringConfig())
	if !errors.Is(err, mongodb.ErrOutdated) {
		t.Errorf("New = %v, want ErrOutdated", err)
	}
}

func (s target) wiringLeavesNoGoroutine(t *testing.T) {
	o := s.fresh(t)
	s.occupants(t, o) // starts the goroutines of the client that the tests share
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	app, err := root.New(t.Context(), s.uri, o, wiringConfig())
	must(t, err)
	register(t, app, "ada@example.org")
	ended := make(chan error)
	go func() { ended <- app.Run(context.Background()) }()
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
	if n := len(s.occupants(t, o)); n != 0 {
		t.Errorf("%d occupants after Close", n)
	}
}

// An App over the client of a host takes part in the host's transactions.
func (s target) wiringOverHostClient(t *testing.T) {
	ctx, o, client := t.Context(), s.fresh(t), s.client(t)
	store, err := mongodb.New(ctx, client, o)
	must(t, err)

	bad := wiringConfig()
	bad.Access.Audience = ""
	if _, err := wiring.New(ctx, bad, store); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	must(t, store.Ping(ctx))
	app, err := wiring.New(ctx, wiringConfig(), store)
	must(t, err)

	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(context.Background())
	must(t, session.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())))
	_, err = app.Users.Register(store.Join(ctx, session),
		users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"})
	must(t, err)
	must(t, session.AbortTransaction(ctx))
	if _, err := app.Users.SignIn(ctx, "ada@example.org", "long enough"); !errors.Is(err, users.ErrSignIn) {
		t.Errorf("SignIn = %v after the host's rollback, want ErrSignIn", err)
	}
	register(t, app, "ada@example.org")

	must(t, app.Close(ctx))
	must(t, client.Ping(ctx, readpref.Primary()))
	if err := store.Ping(ctx); err == nil {
		t.Error("the store is open after App.Close")
	}
}

// A reservation that became due while no server ran is settled once by the servers that run next.
func (s target) severalServersSettleOnce(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	o, before := s.fresh(t), wiringConfig()
	before.Clock = clock.Clock(func() time.Time { return now })
	app := s.wired(t, o, before)
	voyager, local := register(t, app, "voyager@example.net"), register(t, app, "local@example.net")
	_, err := app.Matching.SaveProfile(ctx, local.ID, matching.Profile{IsSearchable: true}, nil)
	must(t, err)
	opened, err := app.Messaging.Open(ctx, voyager.ID, local.ID, "")
	must(t, err)
	price, err := reservations.ParsePrice("10")
	must(t, err)
	r, err := app.Reservations.Propose(ctx, local.ID, opened.Overview.Conversation.ID, reservations.Proposal{
		Title: "A walk", Price: price, Date: now.Add(time.Hour), EndDate: now.Add(2 * time.Hour),
	}, "")
	must(t, err)
	_, err = app.Reservations.Accept(ctx, voyager.ID, r.ID, "")
	must(t, err)
	must(t, app.Close(ctx))

	after := wiringConfig()
	after.Clock = clock.Clock(func() time.Time { return now.Add(2 * time.Hour) })
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	apps := []*wiring.App{s.wired(t, o, after), s.wired(t, o, after), s.wired(t, o, after)}
	for _, app := range apps {
		go func() { ended <- app.Run(running) }()
	}
	workload.Within(t, 30*time.Second, func() error {
		funds, err := apps[0].Reservations.Funds(ctx, local.ID)
		if err == nil && funds.Balance != 60 {
			err = fmt.Errorf("the local has %d tokens, want 60", funds.Balance)
		}
		return err
	})
	stop()
	for range apps {
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
	if funds, err := apps[1].Reservations.Funds(ctx, local.ID); err != nil || funds.Balance != 60 {
		t.Errorf("the local has %d tokens, %v, want 60", funds.Balance, err)
	}
}

// occupants returns the documents of the stores that use a database.
func (s target) occupants(t *testing.T, o mongodb.Options) (all []map[string]any) {
	t.Helper()
	cursor, err := s.inUse(t, o).Find(t.Context(), map[string]any{})
	must(t, err)
	must(t, cursor.All(t.Context(), &all))
	return all
}

func (s target) inUse(t *testing.T, o mongodb.Options) *mongo.Collection {
	t.Helper()
	return s.client(t).Database(o.Database).Collection("servers")
}
