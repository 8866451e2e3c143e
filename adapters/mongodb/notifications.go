package mongodb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	preferences = tableOf(ports.PreferenceLayout)
	presences   = tableOf(ports.PresenceLayout)
	notices     = tableOf(ports.NoticeLayout)
)

func noticeID(n notifications.Notice) bson.D {
	return d("user_id", uuid(n.UserID), "kind", string(n.Kind), "subject_id", uuid(n.SubjectID))
}

type notificationsRepository struct{ *unit }

func (repo notificationsRepository) Preferences(ctx context.Context, user id.User) (all []notifications.Preference, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = list(ctx, t, preferences.scan, query{in: preferencesIn, filter: d("_id.user_id", uuid(user))})
		slices.SortFunc(all, func(a, b notifications.Preference) int { return cmp.Compare(a.Kind, b.Kind) })
		return err
	})
	return all, err
}

func (repo notificationsRepository) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(preferencesIn, removingAll(d("_id.user_id", uuid(user))))
		for _, p := range all {
			t.later(preferencesIn, inserting(preferences.doc(p)))
		}
		return nil
	})
}

func (repo notificationsRepository) Attendances(
	ctx context.Context, users ...id.User,
) (of map[id.User]notifications.Attendance, err error) {
	of = make(map[id.User]notifications.Attendance, len(users))
	named := make(bson.A, len(users))
	for i, user := range users {
		of[user] = notifications.Attendance{}
		named[i] = noticeID(notifications.NoticeOfMessages(user))
	}
	if len(users) == 0 {
		return of, nil
	}
	err = repo.read(ctx, func(t *txn) error {
		noticed, err := list(ctx, t, notices.scan, query{in: noticesIn, filter: d("_id", d("$in", named))})
		if err != nil {
			return err
		}
		for _, n := range noticed {
			of[n.UserID] = notifications.Attendance{Noticed: true}
		}
		seen, err := list(ctx, t, presences.scan, query{in: presencesIn, filter: d("_id", d("$in", uuids(users)))})
		for _, p := range seen {
			of[p.UserID] = notifications.Attendance{SeenAt: p.SeenAt, Noticed: of[p.UserID].Noticed}
		}
		return err
	})
	return of, err
}

func (repo notificationsRepository) Seen(ctx context.Context, user id.User, at time.Time) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(noticesIn, removing(d("_id", noticeID(notifications.NoticeOfMessages(user)))))
		t.later(presencesIn, putting(d("_id", uuid(user)), d("$max", d("seen_at", date(at)))))
		return nil
	})
}

func (repo notificationsRepository) AddNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(noticesIn, putting(d("_id", noticeID(n)), d("$setOnInsert", notices.set(n, "_id"))))
		return nil
	})
}

// TakeNotices reads in the transaction: of two units that take one notice, one fails to write it.
func (repo notificationsRepository) TakeNotices(
	ctx context.Context, now, until time.Time, limit int,
) (taken []notifications.Notice, err error) {
	err = repo.write(ctx, func(t *txn) error {
		q := query{in: noticesIn, filter: d("due_at", d("$lte", date(now))), sort: d("due_at", 1, "_id", 1), locked: true}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil {
			return err
		}
		if taken, err = listPage(ctx, t, notices.scan, limit, q); err != nil {
			return err
		}
		for i, n := range taken {
			t.later(noticesIn, changing(d("_id", noticeID(n)), d("$set", d("due_at", date(until)), "$inc", d("attempts", int64(1)))))
			taken[i].DueAt = until
			taken[i].Attempts++
		}
		return nil
	})
	return taken, err
}

func (repo notificationsRepository) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (moved bool, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if err := t.lift(ctx, noticesIn, d("_id", noticeID(n))); err != nil { // the change may be none in an old snapshot
			return err
		}
		matched, err := t.apply(ctx, noticesIn, changing(
			d("_id", noticeID(n), "attempts", n.Attempts, "due_at", d("$ne", nil)), d("$set", d("due_at", dateOrNull(due)))))
		moved = matched > 0
		return err
	})
	return moved && err == nil, err
}

func (repo notificationsRepository) DropNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(noticesIn, removing(d("_id", noticeID(n))))
		return nil
	})
}

func (repo notificationsRepository) Drop(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(preferencesIn, removingAll(d("_id.user_id", uuid(user))))
		t.later(presencesIn, removing(d("_id", uuid(user))))
		t.later(noticesIn, removingAll(d("_id.user_id", uuid(user))))
		return nil
	})
}
