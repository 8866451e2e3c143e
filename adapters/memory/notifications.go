package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
)

type notificationTables struct {
	preferences tree[notifications.Preference] // user_id, kind
	presences   tree[notifications.Presence]   // user_id
	notices     tree[*notifications.Notice]    // user_id, kind, subject_id
	noticesDue  tree[*notifications.Notice]    // due_at, user_id, kind, subject_id
}

func (t *notificationTables) copy() notificationTables {
	return notificationTables{
		preferences: t.preferences.copy(), presences: t.presences.copy(), notices: t.notices.copy(), noticesDue: t.noticesDue.copy(),
	}
}

func (s *state) addPreference(p notifications.Preference) error {
	key := idKey(p.UserID) + textKey(string(p.Kind))
	switch {
	case s.preferences.has(key):
		return taken("a preference")
	case !s.users.has(idKey(p.UserID)):
		return noTarget("the user of a preference")
	case !p.Channel.Valid():
		return broken("a preference must have a channel")
	}
	s.preferences.put(key, p)
	return nil
}

func (s *state) addPresence(p notifications.Presence) error {
	switch {
	case s.presences.has(idKey(p.UserID)):
		return taken("a presence")
	case !s.users.has(idKey(p.UserID)):
		return noTarget("the user of a presence")
	}
	s.presences.put(idKey(p.UserID), p)
	return nil
}

func noticeKey(n notifications.Notice) string {
	return idKey(n.UserID) + textKey(string(n.Kind)) + idKey(n.SubjectID)
}

func (s *state) addNotice(n notifications.Notice) error {
	switch {
	case s.notices.has(noticeKey(n)):
		return taken("a notice")
	case !s.users.has(idKey(n.UserID)):
		return noTarget("the user of a notice")
	case n.Attempts < 0:
		return broken("the attempts of a notice must not be negative")
	}
	s.putNotice(n)
	return nil
}

func (t *notificationTables) putNotice(n notifications.Notice) {
	key := noticeKey(n)
	t.dropNotice(key)
	t.notices.put(key, &n)
	if !n.DueAt.IsZero() {
		t.noticesDue.put(timeKey(n.DueAt)+key, &n)
	}
}

func (t *notificationTables) dropNotice(key string) {
	if n, found := t.notices.get(key); found {
		t.notices.drop(key)
		t.noticesDue.drop(timeKey(n.DueAt) + key)
	}
}

type notificationsRepository struct{ *unit }

func (repo notificationsRepository) Preferences(ctx context.Context, user id.User) (all []notifications.Preference, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, p := range s.preferences.ascend(idKey(user), "") {
			all = append(all, p)
		}
		return nil
	})
	return all, err
}

func (repo notificationsRepository) SavePreferences(ctx context.Context, user id.User, all ...notifications.Preference) error {
	return repo.write(ctx, func(s *state) error {
		dropAll(&s.preferences, idKey(user))
		for _, p := range all {
			if err := s.addPreference(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropAll removes the rows of a tree whose keys begin with a prefix.
func dropAll[V any](t *tree[V], prefix string) {
	var gone []string
	for key := range t.ascend(prefix, "") {
		gone = append(gone, key)
	}
	for _, key := range gone {
		t.drop(key)
	}
}

func (repo notificationsRepository) Attendances(
	ctx context.Context, users ...id.User,
) (of map[id.User]notifications.Attendance, err error) {
	of = make(map[id.User]notifications.Attendance, len(users))
	err = repo.read(ctx, func(s *state) error {
		for _, user := range users {
			p, _ := s.presences.get(idKey(user))
			of[user] = notifications.Attendance{
				SeenAt: p.SeenAt, Noticed: s.notices.has(noticeKey(notifications.NoticeOfMessages(user))),
			}
		}
		return nil
	})
	return of, err
}

func (repo notificationsRepository) Seen(ctx context.Context, user id.User, at time.Time) error {
	return repo.write(ctx, func(s *state) error {
		s.dropNotice(noticeKey(notifications.NoticeOfMessages(user)))
		p, found := s.presences.get(idKey(user))
		if found && !at.After(p.SeenAt) {
			return nil
		}
		s.presences.drop(idKey(user))
		return s.addPresence(notifications.Presence{UserID: user, SeenAt: at})
	})
}

func (repo notificationsRepository) AddNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(s *state) error {
		if s.notices.has(noticeKey(n)) {
			return nil
		}
		return s.addNotice(n)
	})
}

func (repo notificationsRepository) TakeNotices(
	ctx context.Context, now, until time.Time, limit int,
) (taken []notifications.Notice, err error) {
	err = repo.write(ctx, func(s *state) error {
		for _, n := range s.noticesDue.ascend("", "") {
			if len(taken) >= limit || n.DueAt.After(now) {
				break
			}
			taken = append(taken, *n)
		}
		for i := range taken {
			taken[i].DueAt = until
			taken[i].Attempts++
			s.putNotice(taken[i])
		}
		return nil
	})
	return taken, err
}

func (repo notificationsRepository) MoveNotice(ctx context.Context, n notifications.Notice, due time.Time) (moved bool, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.notices.get(noticeKey(n))
		if moved = found && there.Attempts == n.Attempts && !there.DueAt.IsZero(); moved {
			next := *there
			next.DueAt = due
			s.putNotice(next)
		}
		return nil
	})
	return moved && err == nil, err
}

func (repo notificationsRepository) DropNotice(ctx context.Context, n notifications.Notice) error {
	return repo.write(ctx, func(s *state) error {
		s.dropNotice(noticeKey(n))
		return nil
	})
}

func (repo notificationsRepository) Drop(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(s *state) error {
		dropAll(&s.preferences, idKey(user))
		s.presences.drop(idKey(user))
		var gone []string
		for key := range s.notices.ascend(idKey(user), "") {
			gone = append(gone, key)
		}
		for _, key := range gone {
			s.dropNotice(key)
		}
		return nil
	})
}
