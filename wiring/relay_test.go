package wiring_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
)

// TestRelay checks that Run delivers events to the subscribers, and that a subscriber that fails
// leaves the server ready.
func TestRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var handled, failed atomic.Int32
		c := wiring.DefaultConfig()
		c.PasswordCost, c.Log = 4, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		c.Events.MinPause, c.Events.MaxPause = time.Hour, time.Hour
		c.Events.LookEvery = time.Minute // so that only a commit of this process wakes the relay
		c.Subscribers = []events.Subscriber{
			{Name: "good", Types: []events.Type{events.TypeInterestChanged}, Handle: func(context.Context, events.Event) error { handled.Add(1); return nil }},
			{Name: "bad", Handle: func(context.Context, events.Event) error { failed.Add(1); return errors.New("broken") }},
		}
		app, err := wiring.New(t.Context(), c, memory.New())
		if err != nil {
			t.Fatal(err)
		}
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- app.Run(running) }()
		time.Sleep(100 * time.Millisecond) // the other work of Run has begun, and may have woken the relay
		ids := id.NewGenerator(nil)
		err = app.Storage.Run(t.Context(), 0, func(ctx context.Context, tx ports.Tx) error {
			return events.Add(ctx, tx, ids, time.Now(), 1, events.InterestChanged{InterestID: id.Interest(ids.Next())})
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		if handled.Load() != 0 {
			t.Error("the relay looked before it was woken")
		}
		if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if handled.Load() != 1 || failed.Load() != 1 {
			t.Errorf("handled %d times, and failed %d times, want 1 and 1", handled.Load(), failed.Load())
		}
		if status, code := probe(t, app); status != http.StatusOK {
			t.Errorf("/readyz answered %d %s", status, code)
		}
		time.Sleep(2 * time.Second)
		if p := app.Relay.Progress(); len(p.Subscriptions) != 4 || p.Subscriptions[0].Name != "bad" || p.Subscriptions[0].Waiting == 0 {
			t.Errorf("the progress is %+v", p)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "subscriber bad: the event interest.changed at position 1 failed 1 times: broken") {
			t.Errorf("the log is %s", log.String())
		}
	})
}
