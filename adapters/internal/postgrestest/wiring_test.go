package postgrestest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/postgres"
)

func wiringConfig() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// wired makes an App, which is closed when the test ends.
func wired(t *testing.T, dsn string, o postgres.Options, c wiring.Config) *wiring.App {
	t.Helper()
	app, err := root.New(t.Context(), dsn, o, c)
	must(t, err)
	t.Cleanup(func() { must(t, app.Close(context.Background())) }) // a second Close does nothing
	return app
}

func signUp(t *testing.T, app *wiring.App, email string) users.User {
	t.Helper()
	u, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: email, Password: "long enough"})
	must(t, err)
	return u
}

func TestWiringSessionsOnEachServer(t *testing.T) {
	dsn := servers.Postgres(t)
	o, c := fresh(t, dsn), wiringConfig()
	c.Access.Keys = [][]byte{[]byte(strings.Repeat("k", 32))}
	one, two := wired(t, dsn, o, c), wired(t, dsn, o, c)
	signUp(t, one, "ada@example.org")
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

func TestWiringNeedsTables(t *testing.T) {
	dsn := servers.Postgres(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	if _, err := root.New(t.Context(), dsn, postgres.Options{}, wiringConfig()); !errors.Is(err, postgres.ErrOutdated) {
		t.Errorf("New = %v, want ErrOutdated", err)
	}
}

func TestWiringLeavesNoGoroutines(t *testing.T) {
	dsn := servers.Postgres(t)
	o := fresh(t, dsn)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	app, err := root.New(t.Context(), dsn, o, wiringConfig())
	must(t, err)
	signUp(t, app, "ada@example.org")
	ended := make(chan error)
	go func() { ended <- app.Run(context.Background()) }()
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
}

// A host has its own pool, and transactions that the services join.
func TestWiringOverHostPool(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	must(t, o.Configure(config))
	pool, err := pgxpool.NewWithConfig(ctx, config)
	must(t, err)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)

	bad := wiringConfig()
	bad.Access.Audience = ""
	if _, err := wiring.New(ctx, bad, store); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	must(t, store.Ping(ctx))
	app, err := wiring.New(ctx, wiringConfig(), store)
	must(t, err)

	tx, err := pool.Begin(ctx)
	must(t, err)
	_, err = app.Users.Register(store.Join(ctx, tx), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"})
	must(t, err)
	must(t, tx.Rollback(ctx))
	if _, err := app.Users.SignIn(ctx, "ada@example.org", "long enough"); !errors.Is(err, users.ErrSignIn) {
		t.Errorf("a write that the host has rolled back is there: %v", err)
	}
	signUp(t, app, "ada@example.org")

	must(t, app.Close(ctx))
	must(t, pool.Ping(ctx))
	if err := store.Ping(ctx); err == nil {
		t.Error("the store is open after Close")
	}
}

// Several servers settle each reservation that ended before they started once.
func TestWiringSettlesOnce(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	dsn := servers.Postgres(t)
	o, before := fresh(t, dsn), wiringConfig()
	before.Clock = clock.Clock(func() time.Time { return now })
	app := wired(t, dsn, o, before)
	voyager, local := signUp(t, app, "voyager@example.net"), signUp(t, app, "local@example.net")
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
	apps := []*wiring.App{wired(t, dsn, o, after), wired(t, dsn, o, after), wired(t, dsn, o, after)}
	for _, app := range apps {
		go func() { ended <- app.Run(running) }()
	}
	workload.Within(t, 30*time.Second, func() error {
		funds, err := apps[0].Reservations.Funds(ctx, local.ID)
		if err == nil && funds.Balance != 60 {
			err = errors.New("the local was not paid")
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
