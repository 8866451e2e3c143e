package sqlite

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
const ofNotice = " WHERE user_id = ?1 AND kind = ?2 AND subject_id = ?3"

func noticeArgs(n notifications.Notice, more ...any) []any {
	return append([]any{blob(n.UserID), string(n.Kind), blob(n.SubjectID)}, more...)
}

type notificationsRepository struct{ *unit }

func (repo notificationsRepository) Preferences(ctx context.Context, user id.User) (all []notifications.Preference, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, preferences.scan,
			"SELECT "+preferences.columns+" FROM notification_preferences WHERE user_id = ? ORDER BY kind", blob(user))
		return err
	})
	return all, err
}

func (repo notificationsRepository) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	return repo.write(ctx, func(c *conn) error {
		if _, err := c.exec(ctx, "DELETE FROM notification_preferences WHERE user_id = ?", blob(user)); err != nil {
			return err
		}
		for _, p := range all {
			if _, err := c.exec(ctx, preferences.insert, preferences.args(p)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (repo notificationsRepository) Attendances(
	ctx context.Context, users ...id.User,
) (of map[id.User]notifications.Attendance, err error) {
	of = make(map[id.User]notifications.Attendance, len(users))
	err = repo.read(ctx, func(c *conn) error {
		return c.query(ctx, func(r *row) {
			user := id.User(r.id())
			of[user] = notifications.Attendance{SeenAt: r.time(), Noticed: r.bool()}
		}, `SELECT one.id, seen_at, notices.user_id IS NOT NULL FROM (SELECT unhex(value) AS id FROM json_each(?1)) AS one
			LEFT JOIN presences ON presences.user_id = one.id
			LEFT JOIN notices ON notices.user_id = one.id AND notices.kind = ?2 AND notices.subject_id = one.id`,
			hexes(users), string(notifications.NewMessage))
	})
	return of, err
}

func (repo notificationsRepository) Seen(ctx context.Context, user id.User, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM notices"+ofNotice, noticeArgs(notifications.NoticeOfMessages(user))...)
		if err == nil {
			_, err = c.exec(ctx, `INSERT INTO presences (user_id, seen_at) VALUES (?1, ?2)
				ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at WHERE seen_at < excluded.seen_at`, blob(user), milli(at))
		}
		return err
	})
}

func (repo notificationsRepository) AddNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, notices.insert+" ON CONFLICT (user_id, kind, subject_id) DO NOTHING", notices.args(n)...)
		return err
	})
}

func (repo notificationsRepository) TakeNotices(
	ctx context.Context, now, until time.Time, limit int,
) (taken []notifications.Notice, err error) {
	err = repo.write(ctx, func(c *conn) error {
		taken, err = list(ctx, c, notices.scan, "SELECT "+notices.columns+
			" FROM notices WHERE due_at <= ?1 ORDER BY due_at, user_id, kind, subject_id LIMIT +?2", milli(now), limited(limit))
		if err != nil {
			return err
		}
		for i := range taken {
			taken[i].DueAt = until
			taken[i].Attempts++
			args := noticeArgs(taken[i], milli(until), taken[i].Attempts)
			if _, err := c.exec(ctx, "UPDATE notices SET due_at = ?4, attempts = ?5"+ofNotice, args...); err != nil {
				return err
			}
		}
		return nil
	})
	return taken, err
}

func (repo notificationsRepository) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (moved bool, err error) {
	err = repo.write(ctx, func(c *conn) error {
		changed, err := c.exec(ctx, "UPDATE notices SET due_at = ?4"+ofNotice+" AND attempts = ?5 AND due_at IS NOT NULL",
			noticeArgs(n, milliOrNull(due), n.Attempts)...)
		moved = changed > 0
		return err
	})
	return moved && err == nil, err
}

func (repo notificationsRepository) DropNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM notices"+ofNotice, noticeArgs(n)...)
		return err
	})
}

func (repo notificationsRepository) Drop(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		for _, table := range []string{"notification_preferences", "presences", "notices"} {
			if _, err := c.exec(ctx, "DELETE FROM "+table+" WHERE user_id = ?", blob(user)); err != nil {
				return err
			}
		}
		return nil
	})
}
