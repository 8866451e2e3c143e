package httpapi_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/transport/httpapi"
	"github.com/cicerone-go/cicerone/transport/kithttp"
)

func TestWebhooks(t *testing.T) {
	w := newWorld(t)
	ctx, admin := w.ctx, w.admin("Ann")
	if list := must[httpapi.Page[httpapi.Webhook]](t)(admin.Webhooks(ctx, httpapi.Paging{})).Items; len(list) != 0 {
		t.Errorf("got %+v, want none", list)
	}
	created := must[httpapi.WebhookWithSecret](t)(admin.CreateWebhook(ctx, httpapi.WebhookInput{
		URL: "https://example.org/hook", Description: new(" The  hotel "), Types: &[]events.Type{events.TypeMessageSent, events.TypeUserErased, events.TypeMessageSent},
	}))
	now := httpapi.Time(w.clock())
	want := httpapi.Webhook{
		ID: created.ID, URL: "https://example.org/hook", Description: new("The hotel"), Types: []events.Type{events.TypeMessageSent, events.TypeUserErased},
		Subscription: httpapi.Subscription{Name: webhooks.Subscription(created.ID), State: events.Active, Since: now, Position: created.Subscription.Position},
		CreatedAt:    now, UpdatedAt: now,
	}
	same := func(got httpapi.Webhook) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	same(created.Webhook)
	if !strings.HasPrefix(created.Secret, "whsec_") || len(created.Secret) < 40 {
		t.Errorf("got the secret %q", created.Secret)
	}
	same(must[httpapi.Webhook](t)(admin.Webhook(ctx, created.ID)))

	w.advance(time.Minute)
	now = httpapi.Time(w.clock())
	want.Types, want.UpdatedAt = []events.Type{}, now
	same(must[httpapi.Webhook](t)(admin.ChangeWebhook(ctx, created.ID, httpapi.WebhookChange{Types: &[]events.Type{}})))
	want.Description = nil
	same(must[httpapi.Webhook](t)(admin.ChangeWebhook(ctx, created.ID, httpapi.WebhookChange{Description: kithttp.Null[string]()})))
	want.URL = "https://example.org/other"
	same(must[httpapi.Webhook](t)(admin.ChangeWebhook(ctx, created.ID, httpapi.WebhookChange{URL: kithttp.Some("https://example.org/other")})))

	w.advance(time.Minute)
	rotated := must[httpapi.WebhookWithSecret](t)(admin.RotateWebhook(ctx, created.ID))
	want.UpdatedAt, want.OldSecretUntil = httpapi.Time(w.clock()), new(httpapi.Time(w.clock().Add(24*time.Hour)))
	same(rotated.Webhook)
	if !strings.HasPrefix(rotated.Secret, "whsec_") || rotated.Secret == created.Secret {
		t.Errorf("got the secret %q after %q", rotated.Secret, created.Secret)
	}
	for _, path := range []string{"/v1/admin/webhooks", "/v1/admin/webhooks/" + created.ID.String()} {
		if a := w.ask("GET", path, admin.token, "").want(t, 200); strings.Contains(a.body, "whsec_") || strings.Contains(a.body, `"secret"`) {
			t.Errorf("%s shows the secret: %s", path, a.body)
		}
	}
	if a := w.ask("GET", "/v1/admin/webhooks/"+created.ID.String(), admin.token, "").want(t, 200); !strings.Contains(a.body, `"types":[]`) {
		t.Errorf("the list of no types is not empty: %s", a.body)
	}

	second := must[httpapi.WebhookWithSecret](t)(admin.CreateWebhook(ctx, httpapi.WebhookInput{URL: "https://example.org/2"}))
	list := must[httpapi.Page[httpapi.Webhook]](t)(admin.Webhooks(ctx, httpapi.Paging{})).Items
	if len(list) != 2 || list[1].ID != second.ID {
		t.Fatalf("got %+v, want two, the older one first", list)
	}
	same(list[0])
	if err := admin.RemoveWebhook(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"read": errorOf(admin.Webhook(ctx, created.ID)), "rotate": errorOf(admin.RotateWebhook(ctx, created.ID)), "remove": admin.RemoveWebhook(ctx, created.ID),
		"change": errorOf(admin.ChangeWebhook(ctx, created.ID, httpapi.WebhookChange{URL: kithttp.Some("https://example.org")})),
	} {
		if !errors.Is(err, webhooks.ErrNotFound) {
			t.Errorf("%s a removed webhook: got %v, want %v", name, err, webhooks.ErrNotFound)
		}
	}
	left := must[httpapi.Page[httpapi.Subscription]](t)(admin.Subscriptions(ctx, httpapi.Paging{})).Items
	if len(left) != 1 || left[0] != second.Subscription {
		t.Errorf("got the subscriptions %+v, want that of the second webhook", left)
	}

	acts := map[moderation.Action]int{}
	for _, act := range must[httpapi.Page[httpapi.AuditRecord]](t)(admin.Audit(ctx, httpapi.Paging{})).Items {
		if act.SubjectID == id.Subject(created.ID) {
			acts[act.Action]++
		}
	}
	if fmt.Sprint(acts) != fmt.Sprint(map[moderation.Action]int{
		moderation.ActionWebhookCreated: 1, moderation.ActionWebhookChanged: 3, moderation.ActionWebhookRotated: 1, moderation.ActionWebhookRemoved: 1,
	}) {
		t.Errorf("got the records %v", acts)
	}
}

func TestWebhooksAreRefused(t *testing.T) {
	w := newWorld(t)
	admin := w.admin("Ann")
	post := func(body string) answer { return w.ask("POST", "/v1/admin/webhooks", admin.token, body) }
	for _, address := range []string{
		"", "x", "http://example.org", "https://", "https://ada:secret@example.org", "https://example.org/#a", "ftp://example.org", "https://:443",
		"https://example.org/" + strings.Repeat("a", webhooks.MaxURL),
	} {
		post(`{"url":"`+address+`"}`).refused(t, 422, "invalid_input", "url")
	}
	post(`{"description":"a"}`).refused(t, 422, "invalid_input", "url")
	post(`{"url":"https://example.org","types":["event.deferred"]}`).refused(t, 422, "invalid_input", "types")
	post(`{"url":"https://example.org","secret":"whsec_"}`).refused(t, 400, "malformed", "secret")
	made := must[httpapi.WebhookWithSecret](t)(admin.CreateWebhook(w.ctx, httpapi.WebhookInput{URL: "https://example.org"}))
	patch := func(body string) answer {
		return w.ask("PATCH", "/v1/admin/webhooks/"+made.ID.String(), admin.token, body)
	}
	patch(`{"url":null}`).refused(t, 422, "invalid_input", "url")
	patch(`{"url":"http://example.org"}`).refused(t, 422, "invalid_input", "url")
	patch(`{"types":null}`).refused(t, 422, "invalid_input", "types")
	patch(`{"types":["x"]}`).refused(t, 422, "invalid_input", "types")
	for range w.services.Webhooks.Policy().MaxEndpoints - 1 {
		post(`{"url":"https://example.org"}`).want(t, 201)
	}
	post(`{"url":"https://example.org"}`).refused(t, 409, "too_many_webhooks")
}

func errorOf[T any](_ T, err error) error { return err }
