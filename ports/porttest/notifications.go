package porttest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/ports"
)

// notificationTests tests preferences, presences and notices.
var notificationTests = []test{
	{"preferences replace those before", preferencesSaved},
	{"a user is seen, and no later time is forgotten", presenceNoted},
	{"the attendances of several users", attendancesOfSeveral},
	{"a notice is added once", noticesOnce},
	{"notices are taken when they are due, the earliest first", noticesTaken},
	{"of concurrent units, each takes other notices", noticesTakenAtOnce},
	{"a notice is moved unless it was taken again", noticesMoved},
	{"of concurrent units, one moves a notice to never", noticesMovedAtOnce},
	{"all that is stored about a user is removed", notificationsDropped},
}

func (f *fixture) savePreferences(user id.User, all ...notifications.Preference) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Hold(ctx, user); err != nil {
			return err
		}
		return tx.Notifications().SavePreferences(ctx, user, all...)
	})
}

// arePreferences fails the test unless these preferences are stored of a user.
func (f *fixture) arePreferences(user id.User, want ...notifications.Preference) {
	f.Helper()
	got := write(f, func(ctx context.Context, tx ports.Tx) ([]notifications.Preference, error) {
		return tx.Notifications().Preferences(ctx, user)
	})
	f.same("the preferences", fmt.Sprint(got), fmt.Sprint(want))
}

func unwanted(user id.User, kind notifications.Kind) notifications.Preference {
	return notifications.Preference{UserID: user, Kind: kind, Channel: notifications.None}
}

func preferencesSaved(f *fixture) {
	ada, ben := f.account("ada").ID, f.account("ben").ID
	f.arePreferences(ada)
	first, second, third := unwanted(ada, notifications.ReservationReminder), unwanted(ada, notifications.NewMessage), unwanted(ada, notifications.ReportDecided)
	other := unwanted(ben, notifications.NewMessage)
	f.savePreferences(ada, first, second)
	f.savePreferences(ben, other)
	f.arePreferences(ada, second, first)
	f.savePreferences(ada, third, second)
	f.arePreferences(ada, second, third)
	f.savePreferences(ada)
	f.arePreferences(ada)
	f.arePreferences(ben, other)
}

func (f *fixture) seen(user id.User, at time.Time) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Pin(ctx, user); err != nil {
			return err
		}
		return tx.Notifications().Seen(ctx, user, at)
	})
}

// wasSeen fails the test unless a user was here at a time, and has a notice about new messages or
// none.
func (f *fixture) wasSeen(user id.User, want time.Time, wantNotice bool) {
	f.Helper()
	got := f.attendances(user)[user]
	f.same("when the user was here", got.SeenAt, want)
	f.same("whether there is a notice about new messages", got.Noticed, wantNotice)
}

func (f *fixture) attendances(users ...id.User) map[id.User]notifications.Attendance {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (map[id.User]notifications.Attendance, error) {
		return tx.Notifications().Attendances(ctx, users...)
	})
}

func (f *fixture) notice(user id.User, kind notifications.Kind, due time.Time) notifications.Notice {
	f.Helper()
	n := notifications.Notice{UserID: user, Kind: kind, SubjectID: id.Subject(f.ids.Next()), DueAt: due, CreatedAt: noon}
	if kind == notifications.NewMessage {
		n.SubjectID = id.Subject(user)
	}
	return f.addNotice(n)
}

func (f *fixture) addNotice(n notifications.Notice) notifications.Notice {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Pin(ctx, n.UserID); err != nil {
			return err
		}
		return tx.Notifications().AddNotice(ctx, n)
	})
	return n
}

// take takes notices, and returns them in the order in which they were due.
func (f *fixture) take(now time.Time, limit int) []notifications.Notice {
	f.Helper()
	taken := write(f, func(ctx context.Context, tx ports.Tx) ([]notifications.Notice, error) {
		return tx.Notifications().TakeNotices(ctx, now, now.Add(time.Hour), limit)
	})
	slices.SortFunc(taken, func(a, b notifications.Notice) int { return cmp.Compare(a.Kind, b.Kind) })
	return taken
}

func (f *fixture) moveNotice(n notifications.Notice, due time.Time) bool {
	f.Helper()
	return write(f, func(ctx context.Context, tx ports.Tx) (bool, error) {
		return tx.Notifications().MoveNotice(ctx, n, due)
	})
}

// areTaken fails the test unless these notices were taken at a time, as by take.
func (f *fixture) areTaken(what string, got []notifications.Notice, at time.Time, want ...notifications.Notice) {
	f.Helper()
	for i := range want {
		want[i].DueAt = at.Add(time.Hour)
		want[i].Attempts++
	}
	f.same(what, fmt.Sprint(got), fmt.Sprint(want))
}

func presenceNoted(f *fixture) {
	ada, ben := f.account("ada").ID, f.account("ben").ID
	f.wasSeen(ada, time.Time{}, false)
	kept := f.notice(ada, notifications.ReservationExpired, noon)
	f.wasSeen(ada, time.Time{}, false)
	f.notice(ada, notifications.NewMessage, noon)
	f.wasSeen(ada, time.Time{}, true)
	f.wasSeen(ben, time.Time{}, false)
	other := f.notice(ben, notifications.NewMessage, noon)
	f.seen(ada, noon)
	f.wasSeen(ada, noon, false)
	f.seen(ada, noon.Add(time.Minute))
	f.seen(ada, noon.Add(time.Second))
	f.wasSeen(ada, noon.Add(time.Minute), false)
	f.wasSeen(ben, time.Time{}, true)
	f.areTaken("the notices that remain", f.take(noon, 10), noon, other, kept)
	other.Attempts++
	f.moveNotice(other, time.Time{})
	f.wasSeen(ben, time.Time{}, true)
}

func attendancesOfSeveral(f *fixture) {
	ada, ben, cleo, dan := f.account("ada").ID, f.account("ben").ID, f.account("cleo").ID, f.account("dan").ID
	unknown := id.User(f.ids.Next())
	f.seen(ada, noon)
	f.notice(ben, notifications.NewMessage, noon)
	f.seen(dan, noon.Add(time.Hour))
	f.notice(dan, notifications.NewMessage, noon)
	f.notice(cleo, notifications.ReportDecided, noon)
	want := map[id.User]notifications.Attendance{
		ada: {SeenAt: noon}, ben: {Noticed: true}, cleo: {}, dan: {SeenAt: noon.Add(time.Hour), Noticed: true}, unknown: {},
	}
	got := f.attendances(ada, ben, cleo, ada, dan, unknown)
	f.same("the number of attendances", len(got), len(want))
	for user, a := range want {
		seen, found := got[user]
		f.same("whether there is the attendance of a user", found, true)
		f.same("when a user was here", seen.SeenAt, a.SeenAt)
		f.same("whether a user has a notice about new messages", seen.Noticed, a.Noticed)
	}
	f.same("the number of attendances of no one", len(f.attendances()), 0)
}

func noticesOnce(f *fixture) {
	ada := f.account("ada").ID
	n := f.notice(ada, notifications.NewMessage, noon)
	later := n
	later.DueAt, later.CreatedAt = noon.Add(time.Hour), noon.Add(time.Hour)
	f.addNotice(later)
	f.areTaken("the notice", f.take(noon, 10), noon, n)
	f.addNotice(n)
	f.rowCount(ports.Notices, 1)
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().DropNotice(ctx, n) })
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().DropNotice(ctx, n) })
	f.rowCount(ports.Notices, 0)
	f.addNotice(later)
	f.areTaken("the notice that was added again", f.take(later.DueAt, 10), later.DueAt, later)
}

func noticesTaken(f *fixture) {
	ada := f.account("ada").ID
	third := f.notice(ada, notifications.ReservationReminder, noon.Add(2*time.Minute))
	first := f.notice(ada, notifications.ReportDecided, noon)
	second := f.notice(ada, notifications.ReservationDeclined, noon.Add(time.Minute))
	f.notice(ada, notifications.Sanction, noon.Add(time.Hour))
	f.notice(ada, notifications.NewMessage, time.Time{})
	f.areTaken("what is due before all", f.take(noon.Add(-time.Second), 10), noon)
	f.areTaken("no notice", f.take(noon, 0), noon)
	at := noon.Add(2 * time.Minute)
	f.areTaken("the first two", f.take(at, 2), at, first, second)
	f.areTaken("the rest", f.take(at, 2), at, third)
	f.areTaken("what is due when all are taken", f.take(at, 2), at)
	first.Attempts++
	f.areTaken("what was not done, the earliest of it", f.take(at.Add(time.Hour), 2)[:1], at.Add(time.Hour), first)
}

func noticesTakenAtOnce(f *fixture) {
	ada := f.account("ada").ID
	for range rounds(2, 20) {
		for range 12 {
			f.notice(ada, notifications.ReservationExpired, noon)
		}
		taken := make([][]notifications.Notice, 4)
		f.allConcurrently(len(taken), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				taken[i], err = tx.Notifications().TakeNotices(ctx, noon, noon.Add(time.Hour), 3)
				return err
			})
		})
		all := append(slices.Concat(taken...), f.take(noon, 100)...) // a unit may pass by those that others take
		by := map[id.Subject]int{}
		for _, n := range all {
			by[n.SubjectID]++
		}
		f.same("the notices that were taken, and how many they are", [2]int{len(all), len(by)}, [2]int{12, 12})
	}
}

func noticesMoved(f *fixture) {
	ada := f.account("ada").ID
	n := f.notice(ada, notifications.NewMessage, noon)
	first := f.take(noon, 1)[0]
	f.same("that a notice that was taken is moved as it was before", f.moveNotice(n, noon), false)
	f.same("that the notice is moved", f.moveNotice(first, noon.Add(time.Minute)), true)
	f.areTaken("what is due before the time", f.take(noon, 1), noon)
	second := f.take(noon.Add(time.Minute), 1)[0]
	f.same("the attempts", second.Attempts, int64(2))
	f.same("that the first taker moves it", f.moveNotice(first, time.Time{}), false)
	f.same("that the second taker moves it", f.moveNotice(second, time.Time{}), true)
	f.same("that it is moved again", f.moveNotice(second, noon), false)
	f.areTaken("what is never due", f.take(noon.AddDate(10, 0, 0), 1), noon)
	f.addNotice(n)
	f.areTaken("what is never due, and was added again", f.take(noon.AddDate(10, 0, 0), 1), noon)
	n.SubjectID = id.Subject(f.ids.Next())
	f.same("that an unknown notice is moved", f.moveNotice(n, noon), false)
}

func noticesMovedAtOnce(f *fixture) {
	ada := f.account("ada").ID
	for range rounds(2, 30) {
		f.notice(ada, notifications.ReservationReminder, noon)
		n := f.take(noon, 1)[0]
		moved := make([]bool, 6)
		f.allConcurrently(len(moved), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				moved[i], err = tx.Notifications().MoveNotice(ctx, n, time.Time{})
				return err
			})
		})
		f.same("the number of units that moved the notice", len(filter(moved, func(m bool) bool { return m })), 1)
	}
}

func notificationsDropped(f *fixture) {
	ada, ben := f.account("ada").ID, f.account("ben").ID
	for _, user := range []id.User{ada, ben} {
		f.savePreferences(user, unwanted(user, notifications.NewMessage))
		f.seen(user, noon)
	}
	f.notice(ada, notifications.NewMessage, noon)
	f.notice(ada, notifications.ReservationExpired, time.Time{})
	other := f.notice(ben, notifications.ReservationExpired, noon)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Hold(ctx, ada); err != nil {
			return err
		}
		return tx.Notifications().Drop(ctx, ada)
	})
	f.arePreferences(ada)
	f.wasSeen(ada, time.Time{}, false)
	f.rowCount(ports.Notices, 1)
	f.arePreferences(ben, unwanted(ben, notifications.NewMessage))
	f.wasSeen(ben, noon, false)
	f.areTaken("the notice of another", f.take(noon, 10), noon, other)
}

func notificationFields(f *fixture, fl *filler) {
	p := filled[notifications.Preference](f, fl)
	f.savePreferences(p.UserID, p)
	listsBack(f, "notifications.Repository.Preferences", p, func(notifications.Preference) bool { return true },
		func(ctx context.Context, tx ports.Tx) ([]notifications.Preference, error) {
			return tx.Notifications().Preferences(ctx, p.UserID)
		})
	n := f.addNotice(filled[notifications.Notice](f, fl))
	until := n.DueAt.Add(time.Hour)
	taken := n
	taken.DueAt, taken.Attempts = until, n.Attempts+1
	listsBack(f, "notifications.Repository.TakeNotices", taken, func(notifications.Notice) bool { return true },
		func(ctx context.Context, tx ports.Tx) ([]notifications.Notice, error) {
			return tx.Notifications().TakeNotices(ctx, n.DueAt, until, 10)
		})
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().DropNotice(ctx, n) })
}

// notificationReads returns the calls for notifications that only read.
func (w *town) notificationReads() []call {
	return []call{
		discarding("Notifications.Preferences", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Notifications().Preferences(ctx, w.ada.ID)
		}),
		discarding("Notifications.Attendances", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Notifications().Attendances(ctx, w.ada.ID, w.ben.ID)
		}),
	}
}

// notificationWrites returns the calls for notifications that write.
func (w *town) notificationWrites() []call {
	later := noon.Add(2 * time.Hour)
	n := notifications.NoticeOfMessages(w.ben.ID)
	n.DueAt, n.CreatedAt = noon, noon
	taken := w.notice
	taken.Attempts++
	return []call{
		{"Notifications.SavePreferences", func(ctx context.Context, tx ports.Tx) error {
			return tx.Notifications().SavePreferences(ctx, w.ben.ID, unwanted(w.ben.ID, notifications.ReportDecided))
		}},
		{"Notifications.Seen", func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().Seen(ctx, w.ben.ID, later) }},
		discarding("Notifications.TakeNotices", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Notifications().TakeNotices(ctx, later, later.Add(time.Hour), 10)
		}),
		discarding("Notifications.MoveNotice", func(ctx context.Context, tx ports.Tx) (any, error) {
			return tx.Notifications().MoveNotice(ctx, taken, later)
		}),
		{"Notifications.DropNotice", func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().DropNotice(ctx, n) }},
		{"Notifications.AddNotice", func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().AddNotice(ctx, n) }},
		{"Notifications.Drop", func(ctx context.Context, tx ports.Tx) error { return tx.Notifications().Drop(ctx, w.cleo.ID) }},
	}
}

// toldOf adds what the town has of notifications: Ada wants no mail about messages, and has a notice
// that is due.
func (w *town) toldOf(f *fixture) {
	f.Helper()
	f.savePreferences(w.ada.ID, unwanted(w.ada.ID, notifications.NewMessage))
	f.seen(w.ada.ID, noon)
	w.notice = f.notice(w.ada.ID, notifications.ReservationExpired, noon)
}
