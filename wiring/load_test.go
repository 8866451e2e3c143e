package wiring_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/wiring"
)

// measured is a store that knows its load.
type measured struct{ ports.Storage }

func (measured) Stats() ports.Stats { return ports.Stats{InUse: 1, Most: 4, RoundTrips: 7} }

func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		decorated := 0
		c := wiring.DefaultConfig()
		c.PasswordCost, c.Log = 4, slog.New(slog.DiscardHandler)
		c.Decorate = func(s ports.Storage) ports.Storage { decorated++; return s }
		c.Observe = func(context.Context, httpapi.Exchange) {}
		app, err := wiring.New(t.Context(), c, measured{memory.New()})
		if err != nil {
			t.Fatal(err)
		}
		if decorated != 1 {
			t.Errorf("the store was decorated %d times", decorated)
		}
		if got, want := app.Load(), (wiring.Load{Store: ports.Stats{InUse: 1, Most: 4, RoundTrips: 7}}); got != want {
			t.Errorf("before Run: got %+v, want %+v", got, want)
		}
		running, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- app.Run(running) }()
		synctest.Wait()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // the settler has stopped, and the lag grows
		if got := app.Load(); got.SettlementLag < time.Minute || got.SettlementLag > 61*time.Second {
			t.Errorf("got %+v, want a lag of a minute", got)
		}
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
