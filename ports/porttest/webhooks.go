package porttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// webhookTests tests the endpoints of webhooks.
var webhookTests = []test{
	{"a webhook is the one that was put last", webhookPut},
	{"a webhook is removed", webhookRemoved},
	{"pages of webhooks hold each once", webhookPages},
	{"units that change webhooks concurrently lose none", webhooksAtOnce},
}

func (f *fixture) newWebhook(name string) webhooks.Endpoint {
	return webhooks.Endpoint{
		ID: id.Webhook(f.ids.Next()), URL: "https://" + name + ".example.net/", Description: name,
		Types:  []events.Type{events.TypeMessageSent, events.TypeUserErased},
		Secret: []byte("sealed \x00\xff"), CreatedAt: noon, UpdatedAt: noon.Add(time.Hour),
	}
}

func (f *fixture) putWebhook(e webhooks.Endpoint) webhooks.Endpoint {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Webhooks().Put(ctx, e) })
	return e
}

func (f *fixture) isWebhook(what string, want webhooks.Endpoint) {
	f.Helper()
	readsBack(f, what, want, func(ctx context.Context, tx ports.Tx) (webhooks.Endpoint, error) {
		return tx.Webhooks().Endpoint(ctx, want.ID)
	})
}

func webhookPut(f *fixture) {
	e, other := f.putWebhook(f.newWebhook("shop")), f.putWebhook(f.newWebhook("search"))
	f.isWebhook("the webhook", e)
	rotated := e
	rotated.Secret, rotated.OldSecret, rotated.OldUntil = []byte{1, 0, 2}, e.Secret, noon.Add(24*time.Hour)
	rotated.URL, rotated.UpdatedAt = "https://other.example.net/?token=1", noon.Add(2*time.Hour)
	f.putWebhook(rotated)
	f.isWebhook("the webhook after its rotation", rotated)
	bare := webhooks.Endpoint{ID: e.ID, URL: e.URL, Secret: []byte{3}, CreatedAt: noon, UpdatedAt: noon}
	f.putWebhook(bare)
	f.isWebhook("the webhook without all that may be absent", bare)
	f.isWebhook("the other webhook", other)
	f.rowCount(ports.Webhooks, 2)
}

func webhookRemoved(f *fixture) {
	e, other := f.putWebhook(f.newWebhook("shop")), f.putWebhook(f.newWebhook("search"))
	for range 2 {
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Webhooks().Remove(ctx, e.ID) })
		err := f.store.View(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Webhooks().Endpoint(ctx, e.ID)
			return err
		})
		if !errors.Is(err, fault.NotFound) {
			f.Errorf("a webhook that was removed returned %v, want fault.NotFound", err)
		}
	}
	f.isWebhook("the other webhook", other)
	f.rowCount(ports.Webhooks, 1)
}

func webhookPages(f *fixture) {
	var want []id.Webhook
	for i := range 7 {
		want = append(want, f.putWebhook(f.newWebhook(fmt.Sprint("server", i))).ID)
	}
	for _, limit := range []int{1, 3, 7, 8} {
		var got []id.Webhook
		var after id.Webhook
		for {
			page := read(f, func(ctx context.Context, tx ports.Tx) ([]webhooks.Endpoint, error) {
				return tx.Webhooks().List(ctx, after, limit)
			})
			for _, e := range page {
				got, after = append(got, e.ID), e.ID
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
		}
		f.same(fmt.Sprintf("the webhooks in pages of %d", limit), got, want)
	}
}

// webhooksAtOnce counts and adds, as the use case does.
func webhooksAtOnce(f *fixture) {
	eve, mallory := f.account("eve", admin), f.account("mallory", admin)
	const most = 3
	errs := concurrently(8, func(i int) error {
		return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) error {
			by := eve
			if i%2 == 1 {
				by = mallory
			}
			if _, _, err := tx.Users().HoldWithAdmins(ctx, by.ID); err != nil {
				return err
			}
			there, err := tx.Webhooks().List(ctx, id.Webhook{}, most)
			if err != nil || len(there) == most {
				return err
			}
			return tx.Webhooks().Put(ctx, f.newWebhook(fmt.Sprint("server", i)))
		})
	})
	for _, err := range errs {
		if err != nil {
			f.Error(err)
		}
	}
	f.rowCount(ports.Webhooks, most)
}

// webhookReads returns the calls for webhooks that only read.
func (w *town) webhookReads() []call {
	return []call{
		discarding("Webhooks.Endpoint", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Webhooks().Endpoint(ctx, w.hook.ID)
		}),
		discarding("Webhooks.List", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Webhooks().List(ctx, id.Webhook{}, 10)
		}),
	}
}

// webhookWrites returns the calls for webhooks that write.
func (w *town) webhookWrites(f *fixture) []call {
	return []call{
		{"Webhooks.Put", func(ctx context.Context, tx ports.Tx) error { return tx.Webhooks().Put(ctx, f.newWebhook("shop")) }},
		{"Webhooks.Remove", func(ctx context.Context, tx ports.Tx) error { return tx.Webhooks().Remove(ctx, w.hook.ID) }},
	}
}

func webhookFields(f *fixture, fl *filler) {
	e := filled[webhooks.Endpoint](f, fl)
	f.putWebhook(e)
	f.isWebhook("webhooks.Repository.Endpoint", e)
	listsBack(f, "webhooks.Repository.List", e, func(got webhooks.Endpoint) bool { return got.ID == e.ID },
		func(ctx context.Context, tx ports.Tx) ([]webhooks.Endpoint, error) {
			return tx.Webhooks().List(ctx, id.Webhook{}, 100)
		})
}
