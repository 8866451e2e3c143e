package wiring_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/wiring"
)

// arrival is a request to the server of a hook.
type arrival struct {
	path   string
	header http.Header
	body   []byte
}

// An admin adds endpoints over HTTP, in a private network that the configuration names. They get
// events that the shown secrets verify, also after a rotation, and nothing after their removal.
func TestWebhook(t *testing.T) {
	arrived := make(chan arrival, 10)
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		arrived <- arrival{r.URL.Path, r.Header, body}
	}))
	t.Cleanup(hooks.Close)
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
	api := httptest.NewServer(app.Handler)
	t.Cleanup(api.Close)
	client, err := httpapi.NewClient(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	signUp := func(name string) httpapi.SignedIn {
		t.Helper()
		s, err := client.SignUp(t.Context(), httpapi.SignUp{Name: name, Email: name + "@example.org", Password: "long enough"}, "")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	admin := client.As(signUp("eve").AccessToken)
	if _, err := app.Moderation.MakeAdmin(t.Context(), "eve@example.org"); err != nil {
		t.Fatal(err)
	}
	add := func(path string) httpapi.WebhookWithSecret {
		t.Helper()
		w, err := admin.CreateWebhook(t.Context(), httpapi.WebhookInput{URL: hooks.URL + path, Types: &[]events.Type{events.TypeUserSignedUp}})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	// next waits for the sign-up of a user, at a path.
	next := func(path string, user httpapi.SignedIn, secrets ...string) {
		t.Helper()
		for end := time.After(30 * time.Second); ; {
			select {
			case a := <-arrived:
				var p webhooks.Payload
				var data events.UserSignedUp
				if err := errors.Join(json.Unmarshal(a.body, &p), json.Unmarshal(p.Data, &data)); err != nil {
					t.Fatalf("%s: %v", a.body, err)
				}
				if a.path != path {
					t.Errorf("%s has got %s", a.path, a.body)
				}
				for _, secret := range secrets {
					if err := sending.Verify(secret, a.header, a.body); err != nil {
						t.Error(err)
					}
				}
				if data.UserID == user.User.ID {
					return
				} // else it is from the moment before the endpoint was added
			case <-end:
				t.Fatal("no webhook arrived")
			}
		}
	}

	first := add("/first")
	ada := signUp("ada")
	next("/first", ada, first.Secret)
	if _, err := client.As(ada.AccessToken).CreateWebhook(t.Context(), httpapi.WebhookInput{URL: hooks.URL}); !errors.Is(err, users.ErrAdminsOnly) {
		t.Errorf("a user adds a webhook: got %v, want %v", err, users.ErrAdminsOnly)
	}
	rotated, err := admin.RotateWebhook(t.Context(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	next("/first", signUp("ben"), first.Secret, rotated.Secret)
	if err := admin.RemoveWebhook(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	second := add("/second")
	next("/second", signUp("cid"), second.Secret)
}
