package ports

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
)

// UnimplementedNotifications is a notifications.Repository whose methods return fault.Unimplemented.
type UnimplementedNotifications struct{}

func (UnimplementedNotifications) Preferences(context.Context, id.User) ([]notifications.Preference, error) {
	return nil, unimplemented("notifications.Repository.Preferences")
}
func (UnimplementedNotifications) SavePreferences(context.Context, id.User, ...notifications.Preference) error {
	return unimplemented("notifications.Repository.SavePreferences")
}
func (UnimplementedNotifications) Attendances(context.Context, ...id.User) (map[id.User]notifications.Attendance, error) {
	return nil, unimplemented("notifications.Repository.Attendances")
}
func (UnimplementedNotifications) Seen(context.Context, id.User, time.Time) error {
	return unimplemented("notifications.Repository.Seen")
}
func (UnimplementedNotifications) AddNotice(context.Context, notifications.Notice) error {
	return unimplemented("notifications.Repository.AddNotice")
}
func (UnimplementedNotifications) TakeNotices(context.Context, time.Time, time.Time, int) ([]notifications.Notice, error) {
	return nil, unimplemented("notifications.Repository.TakeNotices")
}
func (UnimplementedNotifications) MoveNotice(context.Context, notifications.Notice, time.Time) (bool, error) {
	return false, unimplemented("notifications.Repository.MoveNotice")
}
func (UnimplementedNotifications) DropNotice(context.Context, notifications.Notice) error {
	return unimplemented("notifications.Repository.DropNotice")
}
func (UnimplementedNotifications) Drop(context.Context, id.User) error {
	return unimplemented("notifications.Repository.Drop")
}
