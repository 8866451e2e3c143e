package sqlite_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	adapter "github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/sqlite"
)

func testConfig() wiring.Config {
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

func open(t *testing.T, path string, c wiring.Config) *wiring.App {
	t.Helper()
	app, err := sqlite.New(t.Context(), path, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeApp(t, app) }) // a second Close does nothing
	return app
}

func closeApp(t *testing.T, app *wiring.App) {
	t.Helper()
	if err := app.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func register(t *testing.T, app *wiring.App, email string) users.User {
	t.Helper()
	u, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: email, Password: "long enough"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSessionsOutliveTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	c := testConfig()
	c.Access.Keys = [][]byte{[]byte(strings.Repeat("k", 32))}
	first := open(t, path, c)
	register(t, first, "ada@example.org")
	in, err := first.Users.SignIn(t.Context(), "ada@example.org", "long enough")
	if err != nil {
		t.Fatal(err)
	}
	closeApp(t, first)

	second := open(t, path, c)
	if _, err := second.Users.Authenticate(t.Context(), in.AccessToken); err != nil {
		t.Errorf("the access token is refused: %v", err)
	}
	if _, err := second.Users.Refresh(t.Context(), in.RefreshToken); err != nil {
		t.Errorf("the refresh token is refused: %v", err)
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cicerone.db")
	first := open(t, path, testConfig())
	if _, err := sqlite.New(t.Context(), path, testConfig()); !errors.Is(err, adapter.ErrInUse) {
		t.Errorf("New = %v, want ErrInUse", err)
	}
	register(t, first, "ada@example.org")
	closeApp(t, first)
	open(t, path, testConfig())
}

func TestCloseEndsGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	app, err := sqlite.New(t.Context(), filepath.Join(t.TempDir(), "cicerone.db"), testConfig())
	if err != nil {
		t.Fatal(err)
	}
	register(t, app, "ada@example.org")
	ended := make(chan error)
	go func() { ended <- app.Run(context.Background()) }()
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
}

func TestInvalidConfigurationCreatesNoFile(t *testing.T) {
	defer goleak.VerifyNone(t)
	folder := t.TempDir()
	c := testConfig()
	c.Access.Audience = ""
	if _, err := sqlite.New(t.Context(), filepath.Join(folder, "cicerone.db"), c); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v (error %v), want no file", entries, err)
	}
}

func TestCancelledBuildLeavesNothingOpen(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "cicerone.db")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.New(ended, path, testConfig()); !errors.Is(err, context.Canceled) {
		t.Errorf("New = %v, want context.Canceled", err)
	}
	closeApp(t, open(t, path, testConfig()))
}

// Reservations that ended while no server ran are settled when a server starts.
func TestRunSettlesOverdueReservations(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	path := filepath.Join(t.TempDir(), "cicerone.db")
	before := testConfig()
	before.Clock = clock.Clock(func() time.Time { return now })
	app := open(t, path, before)
	voyager, local := register(t, app, "voyager@example.net"), register(t, app, "local@example.net")
	if _, err := app.Matching.SaveProfile(ctx, local.ID, matching.Profile{IsSearchable: true}, nil); err != nil {
		t.Fatal(err)
	}
	opened, err := app.Messaging.Open(ctx, voyager.ID, local.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	price, err := reservations.ParsePrice("10")
	if err != nil {
		t.Fatal(err)
	}
	r, err := app.Reservations.Propose(ctx, local.ID, opened.Overview.Conversation.ID, reservations.Proposal{
		Title: "A walk", Price: price, Date: now.Add(time.Hour), EndDate: now.Add(2 * time.Hour),
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Reservations.Accept(ctx, voyager.ID, r.ID, ""); err != nil {
		t.Fatal(err)
	}
	closeApp(t, app)

	after := testConfig()
	after.Clock = clock.Clock(func() time.Time { return now.Add(2 * time.Hour) })
	app = open(t, path, after)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- app.Run(running) }()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		funds, err := app.Reservations.Funds(ctx, local.ID)
		if err != nil {
			t.Fatal(err)
		}
		if funds.Balance == 60 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the local has %d tokens and was never paid", funds.Balance)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}
