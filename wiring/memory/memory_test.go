package memory_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
	"github.com/cicerone-go/cicerone/wiring"
	"github.com/cicerone-go/cicerone/wiring/memory"
)

func testConfig(t *testing.T) wiring.Config {
	t.Helper()
	c := wiring.DefaultConfig()
	c.PasswordCost = 4
	c.Log = slog.New(slog.DiscardHandler)
	return c
}

// newApp returns an App that is closed when the test ends.
func newApp(t *testing.T, c wiring.Config) *wiring.App {
	t.Helper()
	app, err := memory.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return app
}

func signUp(t *testing.T, base, email string) httpapi.SignedIn {
	t.Helper()
	client, err := httpapi.NewClient(base)
	if err != nil {
		t.Fatal(err)
	}
	in, err := client.SignUp(t.Context(), httpapi.SignUp{Name: "Ada", Email: email, Password: "long enough"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestMountedInOtherMux(t *testing.T) {
	config := testConfig(t)
	config.BasePath = "/meet"
	app := newApp(t, config)
	mux := http.NewServeMux()
	mux.Handle("/meet/", http.StripPrefix("/meet", app.Handler))
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ours") })
	host := httptest.NewServer(mux)
	defer host.Close()

	in := signUp(t, host.URL+"/meet", "ada@example.org")
	client, err := httpapi.NewClient(host.URL + "/meet")
	if err != nil {
		t.Fatal(err)
	}
	w, err := client.As(in.AccessToken).Wallet(t.Context())
	if err != nil || w.Balance != 50 {
		t.Errorf("under the prefix: wallet %v, %v; want 50 tokens", w, err)
	}
	document, err := client.OpenAPI(t.Context())
	if err != nil || !strings.Contains(string(document), `"url": "/meet"`) {
		t.Errorf("the OpenAPI document does not have the server /meet: %v\n%.300s", err, document)
	}
	for path, want := range map[string]int{
		"/hello": http.StatusOK, "/meet/readyz": http.StatusOK, "/readyz": http.StatusNotFound, "/meet/nothing": http.StatusNotFound,
	} {
		r, err := http.Get(host.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, r.StatusCode, want)
		}
	}
}

func TestCloseEndsGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	app, err := memory.New(t.Context(), testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- app.Run(context.Background()) }()
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after Close", err)
	}
	if err := app.Close(t.Context()); err != nil {
		t.Errorf("the second Close = %v", err)
	}
	if err := app.Run(t.Context()); err != nil {
		t.Errorf("Run after Close = %v", err)
	}
}

func TestFailedBuildLeavesNoGoroutines(t *testing.T) {
	defer goleak.VerifyNone(t)
	c := testConfig(t)
	c.Access.Audience = ""
	if _, err := memory.New(t.Context(), c); err == nil || !strings.Contains(err.Error(), "Access.Audience") {
		t.Errorf("New = %v, want an error about Access.Audience", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := memory.New(ended, testConfig(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("New = %v, want context.Canceled", err)
	}
}

func TestCloseWaitsForRequestsInFlight(t *testing.T) {
	app := newApp(t, testConfig(t))
	entered, release := make(chan struct{}), make(chan struct{})
	slow := kithttp.Route[kithttp.None, kithttp.None]{Name: "slow", Method: http.MethodGet, Path: "/slow"}
	kithttp.Handle(app.API.Server(), slow, func(ctx context.Context, _ kithttp.None) (kithttp.None, error) {
		close(entered)
		<-release
		return kithttp.None{}, app.Storage.Ping(ctx) // the store is still open
	})
	answered := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		app.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/slow", nil))
		answered <- w.Code
	}()
	<-entered

	closed := make(chan error, 1)
	go func() { closed <- app.Close(context.Background()) }()
	refused := httptest.NewRecorder()
	for refused.Code != http.StatusServiceUnavailable { // until Close has begun
		refused = httptest.NewRecorder()
		app.Handler.ServeHTTP(refused, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	}
	if got := refused.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("a new request got %s, want a problem document", got)
	}
	select {
	case err := <-closed:
		t.Fatalf("Close = %v while a request was in flight", err)
	default:
	}
	close(release)
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
	if code := <-answered; code != http.StatusNoContent {
		t.Errorf("the request in flight got %d, want 204", code)
	}
}

func TestRunSettlesOverdueReservations(t *testing.T) {
	ctx := t.Context()
	var mu sync.Mutex
	now := time.Now()
	c := testConfig(t)
	c.Clock = clock.Clock(func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	app := newApp(t, c)
	register := func(email string) users.User {
		u, err := app.Users.Register(ctx, users.SignUp{Name: "Ada", Email: email, Password: "long enough"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.Matching.SaveProfile(ctx, u.ID, matching.Profile{IsSearchable: true}, nil); err != nil {
			t.Fatal(err)
		}
		return u
	}
	voyager, local := register("voyager@example.net"), register("local@example.net")
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
	mu.Lock()
	now = now.Add(2 * time.Hour)
	mu.Unlock()

	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- app.Run(running) }()
	deadline := time.Now().Add(10 * time.Second)
	for {
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
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// A server of its own store searches for people in memory once App.Run has built the index, and sees each
// change at once. It may be told not to.
func TestMatchIndex(t *testing.T) {
	ctx := t.Context()
	for _, mode := range []wiring.IndexMode{"", wiring.IndexOn, wiring.IndexOff} {
		c := testConfig(t)
		c.MatchIndex.Mode = mode
		app := newApp(t, c)
		register := func(name string) users.User {
			u, err := app.Users.Register(ctx, users.SignUp{Name: name, Email: name + "@example.org", Password: "long enough"})
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		ada := register("ada")
		find := func() int {
			found, err := app.Matching.Matches(ctx, ada.ID, matching.Search{}, page.Request[matching.Rank]{})
			if err != nil {
				t.Fatal(err)
			}
			return len(found.Items)
		}
		ended := make(chan error)
		go func() { ended <- app.Run(ctx) }()
		answers := func() bool {
			before := app.Load().MatchIndex.Answered
			find()
			return app.Load().MatchIndex.Answered > before
		}
		if mode == wiring.IndexOff {
			if answers() || app.Load().MatchIndex.Passed != 0 {
				t.Errorf("without an index: %+v", app.Load().MatchIndex)
			}
		} else {
			for deadline := time.Now().Add(10 * time.Second); !answers(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the index was never built")
				}
			}
		}
		for i, name := range []string{"ben", "cleo"} {
			p := matching.Profile{IsSearchable: true}
			if _, err := app.Matching.SaveProfile(ctx, register(name).ID, p, nil); err != nil {
				t.Fatal(err)
			}
			if n := find(); n != i+1 {
				t.Errorf("mode %q: found %d people after the profile of %s was saved, want %d", mode, n, name, i+1)
			}
		}
		if got, want := app.Load().MatchIndex.Profiles, 2; mode != wiring.IndexOff && got != want {
			t.Errorf("mode %q: %d profiles in the index, want %d", mode, got, want)
		}
		if err := app.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
