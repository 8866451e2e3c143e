package coretest

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
)

type orderedNotifications struct {
	notifications.Repository
	h *held
}

func (r orderedNotifications) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	r.h.rest("Notifications.SavePreferences")
	return r.Repository.SavePreferences(ctx, user, all...)
}

func (r orderedNotifications) Seen(ctx context.Context, user id.User, at time.Time) error {
	r.h.rest("Notifications.Seen")
	return r.Repository.Seen(ctx, user, at)
}

func (r orderedNotifications) AddNotice(ctx context.Context, n notifications.Notice) error {
	r.h.rest("Notifications.AddNotice")
	return r.Repository.AddNotice(ctx, n)
}

func (r orderedNotifications) TakeNotices(ctx context.Context, now, until time.Time, limit int) ([]notifications.Notice, error) {
	r.h.rest("Notifications.TakeNotices")
	return r.Repository.TakeNotices(ctx, now, until, limit)
}

func (r orderedNotifications) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (bool, error) {
	r.h.rest("Notifications.MoveNotice")
	return r.Repository.MoveNotice(ctx, n, due)
}

func (r orderedNotifications) DropNotice(ctx context.Context, n notifications.Notice) error {
	r.h.rest("Notifications.DropNotice")
	return r.Repository.DropNotice(ctx, n)
}

func (r orderedNotifications) Drop(ctx context.Context, user id.User) error {
	r.h.rest("Notifications.Drop")
	return r.Repository.Drop(ctx, user)
}
