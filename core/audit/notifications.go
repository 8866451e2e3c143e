package audit

import (
	"context"
	"slices"

	"github.com/cicerone-go/cicerone/core/notifications"
)

// checkNotifications checks preferences, presences and notices.
func (a *audit) checkNotifications(ctx context.Context) error {
	err := a.each(ctx, "notification_preferences", func(r record) {
		a.concerns(r)
		if kind := notifications.Kind(r.text("kind")); !kind.Optional() {
			a.broken("notification", r.id("user_id"), "there is a preference for %q", kind)
		}
		if channel := notifications.Channel(r.text("channel")); !channel.Valid() {
			a.broken("notification", r.id("user_id"), "a preference has the channel %q", channel)
		}
	})
	if err != nil {
		return err
	}
	if err := a.each(ctx, "presences", a.concerns); err != nil {
		return err
	}
	return a.each(ctx, "notices", func(r record) {
		a.concerns(r)
		if kind := notifications.Kind(r.text("kind")); !slices.Contains(notifications.NoticeKinds(), kind) {
			a.broken("notification", r.id("user_id"), "there is a notice of the kind %q", kind)
		}
	})
}

// concerns adds a violation unless a row is of a user who exists and is not erased.
func (a *audit) concerns(r record) {
	user := r.id("user_id")
	a.refers(r, user, "user_id")
	if a.erased[user] {
		a.broken("notification", user, "the account is erased, but %s has it", r.table)
	}
}
