package main_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/webhooks"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/transport/httpapi"
)

// TestWebhookFlags tests --webhook-http and --webhook-networks, and that the secret of a webhook
// works after a restart.
func TestWebhookFlags(t *testing.T) {
	t.Parallel()
	type arrival struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan arrival, 100)
	hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		arrived <- arrival{r.Header, body}
	}))
	defer hooks.Close()
	store := "--store=sqlite:" + filepath.Join(t.TempDir(), "mine.db")
	const email, password = "grace@example.net", "round the corner"
	if code, _, stderr := runWith(t, password+"\n", nil, "admin", email, store, "--bcrypt-cost", "4"); code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	serve := func(args ...string) (p *process, admin *httpapi.Client) {
		p = start(t, append(args, "--no-demo", store)...)
		in, err := p.client(t).SignIn(t.Context(), email, password)
		must(t, err)
		return p, p.client(t).As(in.AccessToken)
	}
	signUp := func(p *process, name string) {
		_, err := p.client(t).SignUp(t.Context(), httpapi.SignUp{Name: name, Email: name + "@example.net", Password: password}, "")
		must(t, err)
	}
	in := httpapi.WebhookInput{URL: hooks.URL, Types: &[]events.Type{events.TypeUserSignedUp}}

	p, admin := serve("--webhook-http", "--webhook-networks", "10.0.0.0/8,127.0.0.0/8")
	made, err := admin.CreateWebhook(t.Context(), in)
	must(t, err)
	kill(t, p)

	p, _ = serve("--webhook-networks", "127.0.0.1/32")
	signUp(p, "ada")
	select {
	case a := <-arrived:
		must(t, webhooks.Verify(made.Secret, a.header, a.body))
	case <-time.After(patience):
		t.Fatal("no webhook arrived")
	}
	p.signal(t, syscall.SIGTERM) // so that the next one gets the lease at once
	if code, _ := p.wait(t); code != 0 {
		t.Fatalf("the server ended with the code %d", code)
	}
	for len(arrived) > 0 {
		<-arrived // of grace, or ada again
	}

	p, admin = serve()
	if _, err := admin.CreateWebhook(t.Context(), in); !errors.Is(err, fault.Invalid) {
		t.Errorf("an http address: got %v, want fault.Invalid", err)
	}
	signUp(p, "ben")
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		w, err := admin.Webhook(t.Context(), made.ID)
		must(t, err)
		if w.Subscription.Attempts > 1 {
			break
		}
		if time.Since(begun) > patience {
			t.Fatalf("the address of a private network does not fail: %+v", w)
		}
	}
	if len(arrived) > 0 {
		t.Errorf("a private network was reached: %s", (<-arrived).body)
	}
}
