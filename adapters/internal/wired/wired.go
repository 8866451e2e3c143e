// Package wired has the tests of the servers of package wiring for stores that keep their data when
// a server closes.
package wired

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// Config returns the default configuration with cheap password hashes and without a log.
func Config() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// New makes a server over a store. Each call opens the same store.
type New func(ctx context.Context, c wiring.Config) (*wiring.App, error)

// Servers tests servers over a store. It calls open for each test, to make a store. shared is true
// if several servers may use a store at the same time.
func Servers(t *testing.T, shared bool, open func(t *testing.T) New) {
	t.Run("sessions", func(t *testing.T) { sessions(t, shared, open(t)) })
	t.Run("goroutines", func(t *testing.T) { goroutines(t, open(t)) })
	t.Run("streams", func(t *testing.T) { streams(t, shared, open(t)) })
	t.Run("settlement", func(t *testing.T) { settlement(t, shared, open(t)) })
	if shared {
		t.Run("wakes", func(t *testing.T) { wakes(t, open(t)) })
	}
}

// start makes an App. It is closed when the test ends.
func (n New) start(t *testing.T, c wiring.Config) *wiring.App {
	t.Helper()
	app, err := n(t.Context(), c)
	must(t, err)
	t.Cleanup(func() { must(t, app.Close(context.Background())) }) // a second Close does nothing
	return app
}

// sessions checks that a session that one server has started is valid at another.
func sessions(t *testing.T, shared bool, root New) {
	c := Config()
	c.Access.Keys = [][]byte{[]byte(strings.Repeat("k", 32))}
	one := root.start(t, c)
	two := one
	if shared {
		two = root.start(t, c)
	}
	register(t, one, "ada@example.org")
	in, err := one.Users.SignIn(t.Context(), users.SignIn{Email: "ada@example.org", Password: "long enough"})
	must(t, err)
	if !shared {
		must(t, one.Close(t.Context()))
		two = root.start(t, c)
	}
	if _, err := two.Users.Authenticate(t.Context(), in.AccessToken); err != nil {
		t.Errorf("the access token is refused: %v", err)
	}
	must(t, one.Close(t.Context()))
	if _, err := two.Users.Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("the refresh token is refused: %v", err)
	}
}

// goroutines checks that Close ends Run and all goroutines.
func goroutines(t *testing.T, root New) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	app, err := root(t.Context(), Config())
	must(t, err)
	ada := register(t, app, "ada@example.org")
	if _, err := app.Live.Open(t.Context(), users.Caller{UserID: ada.ID}, nil); err != nil { // it is not closed
		t.Error(err)
	}
	ended := make(chan error)
	go func() { ended <- app.Run(context.Background()) }()
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
}

// settlement checks that a reservation that ended while no server ran is settled once when servers
// run again: three if they can share the store, and otherwise one.
func settlement(t *testing.T, shared bool, root New) {
	ctx, now := t.Context(), time.Now()
	at := func(now time.Time) wiring.Config {
		c := Config()
		c.Clock = clock.Clock(func() time.Time { return now })
		return c
	}
	app := root.start(t, at(now))
	local := accepted(t, app, now.Add(time.Hour))
	must(t, app.Close(ctx))

	apps := make([]*wiring.App, 1)
	if shared {
		apps = make([]*wiring.App, 3)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error)
	for i := range apps {
		apps[i] = root.start(t, at(now.Add(2*time.Hour)))
	}
	for _, app := range apps {
		go func() { ended <- app.Run(running) }()
	}
	paid := func() error {
		funds, err := apps[0].Reservations.Funds(ctx, local)
		if err == nil && funds.Balance != 60 {
			err = fmt.Errorf("the local has %d tokens, want 60", funds.Balance)
		}
		return err
	}
	workload.Within(t, 30*time.Second, paid)
	stop()
	for range apps {
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
	if err := paid(); err != nil {
		t.Error(err)
	}
}

// accepted makes an accepted reservation of an hour, for 10 tokens, and returns its local.
func accepted(t *testing.T, app *wiring.App, begins time.Time) id.User {
	t.Helper()
	ctx := t.Context()
	talk, people := conversation(t, app)
	voyager, local := people[0], people[1]
	price, err := reservations.ParsePrice("10")
	must(t, err)
	r, err := app.Reservations.Propose(ctx, local, talk, reservations.Proposal{
		Title: "A walk", Price: price, Date: begins, EndDate: begins.Add(time.Hour),
	}, "")
	must(t, err)
	_, err = app.Reservations.Accept(ctx, voyager, r.ID, "")
	must(t, err)
	return local
}

// OverHost checks a server over a store that a host has opened. begin begins a transaction of the
// host, and returns a context that joins it.
func OverHost(t *testing.T, store ports.Storage, begin func() (joined context.Context, rollback func() error)) {
	t.Helper()
	ctx, bad := t.Context(), Config()
	bad.Access.Audience = ""
	if _, err := wiring.New(ctx, bad, store); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	must(t, store.Ping(ctx))
	app, err := wiring.New(ctx, Config(), store)
	must(t, err)

	joined, rollback := begin()
	_, err = app.Users.Register(joined, ada("ada@example.org"))
	must(t, err)
	must(t, rollback())
	if _, err := app.Users.SignIn(ctx, users.SignIn{Email: "ada@example.org", Password: "long enough"}); !errors.Is(err, users.ErrSignIn) {
		t.Errorf("SignIn = %v after the host's rollback, want ErrSignIn", err)
	}
	register(t, app, "ada@example.org")

	must(t, app.Close(ctx))
	if err := store.Ping(ctx); err == nil {
		t.Error("the store is open after Close")
	}
}

func ada(email string) users.SignUp {
	return users.SignUp{Name: "Ada", Email: email, Password: "long enough"}
}

func register(t *testing.T, app *wiring.App, email string) users.User {
	t.Helper()
	u, err := app.Users.Register(t.Context(), ada(email))
	must(t, err)
	return u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
