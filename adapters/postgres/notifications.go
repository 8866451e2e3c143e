package postgres

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	preferences = tableOf(ports.PreferenceLayout)
	notices     = tableOf(ports.NoticeLayout)
)

// ofNotice is the condition of a notice. Its arguments are those of noticeArgs, the first ones.
const ofNotice statement = " WHERE user_id = $1 AND kind = $2 AND subject_id = $3"

func noticeArgs(n notifications.Notice, more ...any) []any {
	return append([]any{uuid(n.UserID), string(n.Kind), uuid(n.SubjectID)}, more...)
}

type notificationsRepository struct{ *unit }

func (repo notificationsRepository) Preferences(ctx context.Context, user id.User) (all []notifications.Preference, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, preferences.scan,
			"SELECT "+preferences.columns+" FROM @notification_preferences WHERE user_id = $1 ORDER BY kind", uuid(user))
		return err
	})
	return all, err
}

func (repo notificationsRepository) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @notification_preferences WHERE user_id = $1", uuid(user))
		for _, p := range all {
			c.later(preferences.insert, preferences.args(p)...)
		}
		return nil
	})
}

func (repo notificationsRepository) Attendances(
	ctx context.Context, users ...id.User,
) (of map[id.User]notifications.Attendance, err error) {
	err = repo.read(ctx, func(c *conn) error {
		type attendance struct {
			user id.User
			notifications.Attendance
		}
		all, err := list(ctx, c, func(r *row, a *attendance) {
			a.user, a.SeenAt, a.Noticed = id.User(r.id()), r.time(), r.bool()
		}, `SELECT one.id, presences.seen_at, notices.user_id IS NOT NULL FROM unnest((SELECT $1::uuid[])) AS one (id)
			LEFT JOIN @presences ON presences.user_id = one.id
			LEFT JOIN @notices ON notices.user_id = one.id AND notices.kind = $2 AND notices.subject_id = one.id`,
			uuids(users), string(notifications.NewMessage))
		of = make(map[id.User]notifications.Attendance, len(all))
		for _, a := range all {
			of[a.user] = a.Attendance
		}
		return err
	})
	return of, err
}

func (repo notificationsRepository) Seen(ctx context.Context, user id.User, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @notices"+ofNotice, noticeArgs(notifications.NoticeOfMessages(user))...)
		c.later(`INSERT INTO @presences (user_id, seen_at) VALUES ($1, $2)
			ON CONFLICT (user_id) DO UPDATE SET seen_at = excluded.seen_at WHERE presences.seen_at < excluded.seen_at`, uuid(user), at)
		return nil
	})
}

func (repo notificationsRepository) AddNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(notices.insert+" ON CONFLICT (user_id, kind, subject_id) DO NOTHING", notices.args(n)...)
		return nil
	})
}

// TakeNotices skips notices that another unit is about to change.
func (repo notificationsRepository) TakeNotices(
	ctx context.Context, now, until time.Time, limit int,
) (taken []notifications.Notice, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err = list(ctx, c, notices.scan, `WITH due AS (
				SELECT user_id, kind, subject_id, due_at FROM @notices WHERE due_at <= (SELECT $1::timestamptz)
				ORDER BY due_at, user_id, kind, subject_id `+firstOf(limit)+` FOR NO KEY UPDATE SKIP LOCKED
			) UPDATE @notices SET due_at = $2, attempts = attempts + 1 FROM due
			WHERE notices.user_id = due.user_id AND notices.kind = due.kind AND notices.subject_id = due.subject_id
			RETURNING `+notices.columns, now, until)
		return err
	})
	return taken, err
}

func (repo notificationsRepository) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (moved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE @notices SET due_at = $4"+ofNotice+" AND attempts = $5 AND due_at IS NOT NULL",
			noticeArgs(n, timeOrNull(due), n.Attempts)...)
		moved = changed > 0
		return err
	})
	return moved && err == nil, err
}

func (repo notificationsRepository) DropNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @notices"+ofNotice, noticeArgs(n)...)
		return nil
	})
}

func (repo notificationsRepository) Drop(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @notification_preferences WHERE user_id = $1", uuid(user))
		c.later("DELETE FROM @presences WHERE user_id = $1", uuid(user))
		c.later("DELETE FROM @notices WHERE user_id = $1", uuid(user))
		return nil
	})
}
