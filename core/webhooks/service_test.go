package webhooks_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

func shop() webhooks.Input {
	return webhooks.Input{URL: "https://shop.example.net/hook?token=1", Types: []events.Type{events.TypeUserErased, events.TypeMessageSent}}
}

// acts returns the audit records about an endpoint, the oldest first.
func acts(t *testing.T, w *coretest.World, endpoint id.Webhook) (acts []moderation.Action) {
	t.Helper()
	all, err := w.Moderation.Audits(w.Ctx, w.Admin(), page.Request[page.Moment]{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(all.Items) {
		if r.SubjectID == id.Subject(endpoint) {
			acts = append(acts, r.Action)
		}
		for name, value := range r.Details {
			if strings.Contains(value, "whsec_") {
				t.Errorf("the audit record has the secret in %s", name)
			}
		}
	}
	return acts
}

func TestLifeOfAnEndpoint(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin := w.Admin()
	w.Person("ada") // an event that the endpoint does not get
	created, secret, err := w.Webhooks.Create(w.Ctx, admin, shop())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, "whsec_") || len(secret) != len("whsec_")+44 {
		t.Errorf("the secret has %d characters", len(secret))
	}
	if want := []events.Type{events.TypeMessageSent, events.TypeUserErased}; !slices.Equal(created.Types, want) {
		t.Errorf("the types are %v, want %v", created.Types, want)
	}
	if s := created.Subscription; s.Name != "webhook."+created.ID.String() || s.State != events.Active {
		t.Errorf("the subscription is %+v", s)
	}
	description, none := "our shop", []events.Type{}
	changed, err := w.Webhooks.Change(w.Ctx, admin, created.ID, webhooks.Change{Description: &description, Types: &none})
	if err != nil || changed.Description != description || changed.Types != nil || changed.URL != created.URL {
		t.Errorf("changed to %+v, %v", changed, err)
	}
	if _, err := w.Webhooks.Change(w.Ctx, admin, created.ID, webhooks.Change{Description: &description}); err != nil {
		t.Errorf("a change to the same: %v", err)
	}
	_, second, err := w.Webhooks.Rotate(w.Ctx, admin, created.ID)
	if err != nil || second == secret {
		t.Errorf("rotated to the same secret, or %v", err)
	}
	all, err := w.Webhooks.Endpoints(w.Ctx, admin, page.Request[id.Webhook]{Limit: 10})
	if err != nil || len(all.Items) != 1 || all.Items[0].ID != created.ID {
		t.Errorf("the list is %+v, %v", all.Items, err)
	}
	if err := w.Webhooks.Remove(w.Ctx, admin, created.ID); err != nil {
		t.Fatal(err)
	}
	want := []moderation.Action{
		moderation.ActionWebhookCreated, moderation.ActionWebhookChanged, moderation.ActionWebhookRotated, moderation.ActionWebhookRemoved,
	}
	if got := acts(t, w, created.ID); !slices.Equal(got, want) {
		t.Errorf("the acts are %v, want %v", got, want)
	}
	err = w.Store.View(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Subscriptions().Subscription(ctx, created.Subscription.Name)
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("the subscription of an endpoint that was removed: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Webhooks.MaxEndpoints = 2 })
	admin, ada := w.Admin(), w.Person("ada")
	first, _, err := w.Webhooks.Create(w.Ctx, admin, shop())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Webhooks.Create(w.Ctx, admin, shop()); err != nil {
		t.Fatal(err)
	}
	unknown := id.Webhook(w.IDs.Next())
	http := "http://shop.example.net"
	w.Unchanged(func() {
		for name, test := range map[string]struct {
			err, want error
		}{
			"too many":            {two(w.Webhooks.Create(w.Ctx, admin, shop())), webhooks.ErrTooMany},
			"create as a user":    {two(w.Webhooks.Create(w.Ctx, ada, shop())), users.ErrAdminsOnly},
			"change as a user":    {one(w.Webhooks.Change(w.Ctx, ada, first.ID, webhooks.Change{})), users.ErrAdminsOnly},
			"rotate as a user":    {two(w.Webhooks.Rotate(w.Ctx, ada, first.ID)), users.ErrAdminsOnly},
			"remove as a user":    {w.Webhooks.Remove(w.Ctx, ada, first.ID), users.ErrAdminsOnly},
			"read as a user":      {one(w.Webhooks.Endpoint(w.Ctx, ada, first.ID)), users.ErrAdminsOnly},
			"list as a user":      {one(w.Webhooks.Endpoints(w.Ctx, ada, page.Request[id.Webhook]{Limit: 1})), users.ErrAdminsOnly},
			"change none":         {one(w.Webhooks.Change(w.Ctx, admin, unknown, webhooks.Change{})), webhooks.ErrNotFound},
			"rotate none":         {two(w.Webhooks.Rotate(w.Ctx, admin, unknown)), webhooks.ErrNotFound},
			"remove none":         {w.Webhooks.Remove(w.Ctx, admin, unknown), webhooks.ErrNotFound},
			"read none":           {one(w.Webhooks.Endpoint(w.Ctx, admin, unknown)), webhooks.ErrNotFound},
			"change to http":      {one(w.Webhooks.Change(w.Ctx, admin, first.ID, webhooks.Change{URL: &http})), fault.Invalid},
			"create without data": {two(w.Webhooks.Create(w.Ctx, admin, webhooks.Input{})), fault.Invalid},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: %v, want %v", name, test.err, test.want)
			}
		}
	})
}

func two[A, B any](_ A, _ B, err error) error { return err }

func one[A any](_ A, err error) error { return err }

func TestInput(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.net": "", "https://example.net:8443/a?b=c": "", "HTTPS://example.net/": "",
		"http://example.net": "url", "ftp://example.net": "url", "example.net": "url", "//example.net": "url", "https://": "url",
		"https://:443/": "url", "https://ada:secret@example.net": "url", "https://example.net/#a": "url", "": "url",
		"https://example.net/" + strings.Repeat("a", webhooks.MaxURL): "url",
	} {
		var f fault.Fields
		webhooks.Input{URL: url}.Check(&f, webhooks.DefaultPolicy())
		var refused *fault.Error
		if errors.As(f.Err(), &refused) != (want != "") || refused != nil && refused.Fields[0].Name != want {
			t.Errorf("%.60q: %v", url, refused)
		}
	}
	var f fault.Fields
	webhooks.Input{URL: "http://example.net"}.Check(&f, webhooks.Policy{AllowHTTP: true})
	if err := f.Err(); err != nil {
		t.Errorf("http where it is allowed: %v", err)
	}
	webhooks.Input{
		URL: "https://example.net", Description: strings.Repeat("a", webhooks.MaxDescription+1), Types: []events.Type{"user.born"},
	}.Check(&f, webhooks.DefaultPolicy())
	if refused, ok := errors.AsType[*fault.Error](f.Err()); !ok || len(refused.Fields) != 2 {
		t.Errorf("a long description and an unknown type: %v", f.Err())
	}
}

// kept is a Sender that keeps messages.
type kept []webhooks.Message

func (k *kept) Send(_ context.Context, m webhooks.Message) error {
	*k = append(*k, m)
	return nil
}

// After a rotation, both secrets sign for a day.
func TestRotation(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	admin := w.Admin()
	e, _, err := w.Webhooks.Create(w.Ctx, admin, webhooks.Input{URL: "https://example.net"})
	if err != nil {
		t.Fatal(err)
	}
	var k kept
	d, err := webhooks.NewDeliveries(webhooks.DeliveryDeps{
		Store: ports.ForWebhooks(w.Store), Secrets: w.Secrets, Sender: &k, Clock: w.Clock.Now, Policy: webhooks.DefaultPolicy(),
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func() [][]byte {
		t.Helper()
		all, err := d.Subscribers(w.Ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d subscribers, %v", len(all), err)
		}
		if err := all[0].Handle(w.Ctx, events.New(w.IDs, w.Clock.Now(), 1, events.UserSignedUp{UserID: admin})); err != nil {
			t.Fatal(err)
		}
		return k[len(k)-1].Secrets
	}
	same := func(what string, got [][]byte, want ...[]byte) {
		t.Helper()
		if !slices.EqualFunc(got, want, slices.Equal[[]byte]) {
			t.Errorf("%s: %d secrets sign, or others", what, len(got))
		}
	}
	before := send()
	if _, _, err := w.Webhooks.Rotate(w.Ctx, admin, e.ID); err != nil {
		t.Fatal(err)
	}
	after := send()
	same("after the rotation", after, after[0], before[0])
	w.Clock.Advance(24*time.Hour - time.Millisecond)
	same("before a day has passed", send(), after[0], before[0])
	w.Clock.Advance(time.Millisecond)
	same("after a day", send(), after[0])
}
