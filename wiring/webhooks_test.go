package wiring_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	sending "github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/wiring"
)

// A server tells an endpoint in a private network that the configuration names.
func TestWebhook(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		arrived <- request{r.Header, body}
	}))
	t.Cleanup(server.Close)
	c := wiring.DefaultConfig()
	c.PasswordCost, c.Webhooks.AllowHTTP = 4, true
	c.WebhookNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	app, err := wiring.New(t.Context(), c, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	go app.Run(t.Context()) //nolint:errcheck // Close ends it
	if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Eve", Email: "eve@example.org", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	admin, err := app.Moderation.MakeAdmin(t.Context(), "eve@example.org")
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := app.Webhooks.Create(t.Context(), admin.ID, webhooks.Input{URL: server.URL, Types: []events.Type{events.TypeUserSignedUp}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Users.Register(t.Context(), users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-arrived:
		if err := sending.Verify(secret, r.header, r.body); err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("no webhook arrived")
	}
}
