package notifications

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// Notice is something that is due for a user: a mail, of which only the account, the kind and the
// subject are stored. There is one for each user, kind and subject.
type Notice struct {
	UserID    id.User
	Kind      Kind
	SubjectID id.Subject // the reservation, the report or the sanction; the user, if it is about new messages
	DueAt     time.Time  // zero if nothing is due any more, and the notice only prevents another one
	Attempts  int64      // how often it was taken
	CreatedAt time.Time  // when what it tells happened
}

// NoticeOfMessages returns the notice about new messages of a user, with its key alone.
func NoticeOfMessages(user id.User) Notice {
	return Notice{UserID: user, Kind: NewMessage, SubjectID: id.Subject(user)}
}

// Presence is when a user was here last.
type Presence struct {
	UserID id.User
	SeenAt time.Time
}

// Attendance is what decides whether mail about new messages is due for a user.
type Attendance struct {
	SeenAt  time.Time // when the user was here last; zero if it is not known
	Noticed bool      // there is the notice about new messages of the user
}

// Repository keeps preferences, presences and notices.
type Repository interface {
	// Preferences returns the stored preferences of a user, in ascending order of kind.
	Preferences(ctx context.Context, user id.User) ([]Preference, error)

	// SavePreferences stores preferences of a user whom the unit holds, in place of all others of
	// the user. They have different kinds.
	SavePreferences(ctx context.Context, user id.User, all ...Preference) error

	// Attendances returns the attendance of each of these users, also of one who does not exist. It
	// costs no more round trips for many users than for one.
	Attendances(ctx context.Context, users ...id.User) (map[id.User]Attendance, error)

	// Seen notes that a user whom the unit pins was here at a time, unless a later time is noted. It
	// also removes the notice about new messages.
	Seen(ctx context.Context, user id.User, at time.Time) error

	// AddNotice adds a notice for a user whom the unit pins. If there is one of its user, kind and
	// subject, that one stays as it is.
	AddNotice(ctx context.Context, n Notice) error

	// TakeNotices takes up to limit notices that are due at now, the earliest first by (due_at,
	// user_id, kind, subject_id), and returns them in any order, as they are then: each counts one
	// more attempt, and is due again at until, which is after now. Of concurrent units, each takes
	// others.
	TakeNotices(ctx context.Context, now, until time.Time, limit int) ([]Notice, error)

	// MoveNotice makes a notice due at another time, or never if due is zero, if it was not taken
	// again: if it has the attempts of n, and is due at some time. It reports whether it did: of
	// concurrent units that move one notice to zero, one does.
	MoveNotice(ctx context.Context, n Notice, due time.Time) (moved bool, err error)

	// DropNotice removes the notice with the user, the kind and the subject of n. It does nothing if
	// there is none.
	DropNotice(ctx context.Context, n Notice) error

	// Drop removes all that is stored about a user whom the unit holds.
	Drop(ctx context.Context, user id.User) error
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	reservations.Tx
	Notifications() Repository
}
