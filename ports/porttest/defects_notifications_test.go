package porttest_test

import (
	"context"
	"maps"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
)

// notificationDefects lists adapters that break a promise about notifications.
var notificationDefects = []defect{
	{name: "keeps preferences that were replaced", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return keepsPreferences{r} }),
		fails: []string{"notifications/preferences replace those before"}},
	{name: "sees no notice about new messages", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return missesNotices{r} }),
		fails: []string{"notifications/a user is seen, and no later time is forgotten", "notifications/the attendances of several users"}},
	{name: "forgets who was here", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return forgetsPresence{r} }),
		fails: []string{"notifications/a user is seen, and no later time is forgotten", "notifications/the attendances of several users"}},
	{name: "reads the attendance of one user for all", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return readsOne{r} }),
		fails: []string{"notifications/the attendances of several users"}},
	{name: "has no attendance of users who were never here", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return missesAbsent{r} }),
		fails: []string{"notifications/the attendances of several users"}},
	{name: "keeps the notice of one who is here", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return keepsMessages{r} }),
		fails: []string{"notifications/a user is seen, and no later time is forgotten"}},
	{name: "replaces a notice", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return replacesNotices{r} }),
		fails: []string{"notifications/a notice is added once", "notifications/a notice is moved unless it was taken again"}},
	{name: "takes notices early", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return takesEarly{r} }),
		fails: []string{"notifications/notices are taken when they are due, the earliest first"}},
	{name: "lets two units take a notice", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return takesAgain{r} }),
		fails: []string{"notifications/of concurrent units, each takes other notices",
			"notifications/notices are taken when they are due, the earliest first"}},
	{name: "moves a notice that was taken again", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return movesAlways{r} }),
		fails: []string{"notifications/a notice is moved unless it was taken again",
			"notifications/of concurrent units, one moves a notice to never"}},
	{name: "keeps the preferences of the erased", plant: ofNotifications(func(r notifications.Repository) notifications.Repository { return keepsDropped{r} }),
		fails: []string{"notifications/all that is stored about a user is removed"}},
}

func init() { defects = append(defects, notificationDefects...) }

func ofNotifications(replace func(r notifications.Repository) notifications.Repository) plant {
	return handing(func(_ *memory.Store, b *broken) { b.notifications = replace(b.Tx.Notifications()) })
}

type keepsPreferences struct{ notifications.Repository }

func (r keepsPreferences) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	before, err := r.Preferences(ctx, user)
	if err != nil {
		return err
	}
	for _, p := range before {
		kept := true
		for _, other := range all {
			kept = kept && other.Kind != p.Kind
		}
		if kept {
			all = append(all, p)
		}
	}
	return r.Repository.SavePreferences(ctx, user, all...)
}

type forgetsPresence struct{ notifications.Repository }

func (r forgetsPresence) Attendances(ctx context.Context, users ...id.User) (map[id.User]notifications.Attendance, error) {
	all, err := r.Repository.Attendances(ctx, users...)
	for user, a := range all {
		all[user] = notifications.Attendance{Noticed: a.Noticed}
	}
	return all, err
}

type missesNotices struct{ notifications.Repository }

func (r missesNotices) Attendances(ctx context.Context, users ...id.User) (map[id.User]notifications.Attendance, error) {
	all, err := r.Repository.Attendances(ctx, users...)
	for user, a := range all {
		all[user] = notifications.Attendance{SeenAt: a.SeenAt}
	}
	return all, err
}

// readsOne reads the attendance of the first user for all of them.
type readsOne struct{ notifications.Repository }

func (r readsOne) Attendances(ctx context.Context, users ...id.User) (map[id.User]notifications.Attendance, error) {
	all, err := r.Repository.Attendances(ctx, users...)
	for user := range all {
		all[user] = all[users[0]]
	}
	return all, err
}

// missesAbsent has no attendance of users who were never here.
type missesAbsent struct{ notifications.Repository }

func (r missesAbsent) Attendances(ctx context.Context, users ...id.User) (map[id.User]notifications.Attendance, error) {
	all, err := r.Repository.Attendances(ctx, users...)
	maps.DeleteFunc(all, func(_ id.User, a notifications.Attendance) bool { return a.SeenAt.IsZero() })
	return all, err
}

type keepsMessages struct{ notifications.Repository }

func (r keepsMessages) Seen(ctx context.Context, user id.User, at time.Time) error {
	if err := r.Repository.Seen(ctx, user, at); err != nil {
		return err
	}
	n := notifications.NoticeOfMessages(user)
	n.DueAt, n.CreatedAt = at.Add(-time.Hour), at
	return r.AddNotice(ctx, n)
}

type replacesNotices struct{ notifications.Repository }

func (r replacesNotices) AddNotice(ctx context.Context, n notifications.Notice) error {
	if err := r.DropNotice(ctx, n); err != nil {
		return err
	}
	return r.Repository.AddNotice(ctx, n)
}

type takesEarly struct{ notifications.Repository }

func (r takesEarly) TakeNotices(ctx context.Context, now, until time.Time, limit int) ([]notifications.Notice, error) {
	return r.Repository.TakeNotices(ctx, now.Add(time.Second), until, limit)
}

// takesAgain takes notices, which others can then take, too.
type takesAgain struct{ notifications.Repository }

func (r takesAgain) TakeNotices(ctx context.Context, now, until time.Time, limit int) ([]notifications.Notice, error) {
	taken, err := r.Repository.TakeNotices(ctx, now, until, limit)
	if err != nil {
		return nil, err
	}
	for _, n := range taken {
		if _, err := r.MoveNotice(ctx, n, now); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

type movesAlways struct{ notifications.Repository }

func (r movesAlways) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (bool, error) {
	for range 4 {
		if moved, err := r.Repository.MoveNotice(ctx, n, due); moved || err != nil {
			return moved, err
		}
		n.Attempts++
	}
	return true, nil
}

type keepsDropped struct{ notifications.Repository }

func (r keepsDropped) Drop(ctx context.Context, user id.User) error {
	kept, err := r.Preferences(ctx, user)
	if err != nil {
		return err
	}
	if err := r.Repository.Drop(ctx, user); err != nil {
		return err
	}
	return r.SavePreferences(ctx, user, kept...)
}
