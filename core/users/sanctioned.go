package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// NoEnd is the end of a restriction or a suspension that lasts until it is lifted.
var NoEnd = time.Date(9999, time.December, 31, 23, 59, 59, 999_000_000, time.UTC)

// Suspended reports whether the account is suspended, or was until SuspendedUntil and its user has
// not signed in since. It is not active then.
func (u User) Suspended() bool { return !u.IsActive && !u.SuspendedUntil.IsZero() }

// CheckUnrestricted returns ErrRestricted if the account is restricted at the time now.
func (u User) CheckUnrestricted(now time.Time) error {
	if now.Before(u.RestrictedUntil) {
		return ErrRestricted
	}
	return nil
}

// Suspend suspends an active account, or one whose suspension has ended, until a time.
func (u *User) Suspend(until, at time.Time) {
	u.IsActive, u.SuspendedUntil, u.UpdatedAt = false, until, at
}

// Resume makes a suspended account active.
func (u *User) Resume(at time.Time) {
	u.IsActive, u.SuspendedUntil, u.UpdatedAt = true, time.Time{}, at
}

// Admitted is like Active, but also returns an account that is suspended. It is for what its user
// may still do: read their sanctions, appeal, export and erase. Errors: ErrNotSignedIn.
func Admitted(ctx context.Context, tx Tx, user id.User) (User, error) {
	u, err := tx.Users().User(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return User{}, ErrNotSignedIn
	}
	if err != nil {
		return User{}, fmt.Errorf("read a user: %w", err)
	}
	if !u.admitted() {
		return User{}, ErrNotSignedIn
	}
	return u, nil
}

// CheckAdmitted returns ErrNotSignedIn if the account is neither active nor suspended.
func (u User) CheckAdmitted() error {
	if !u.admitted() {
		return ErrNotSignedIn
	}
	return nil
}

func (u User) admitted() bool { return u.IsActive || u.Suspended() }

// resumed returns an account that its user begins to use. If its suspension has ended, resumed makes
// it active.
func (s *Service) resumed(ctx context.Context, tx Tx, u User, now time.Time) (User, error) {
	if !u.Suspended() || now.Before(u.SuspendedUntil) {
		return u, nil
	}
	held, err := tx.Users().Hold(ctx, u.ID)
	if err != nil {
		return User{}, fmt.Errorf("hold a user: %w", err)
	}
	if !held.Suspended() || now.Before(held.SuspendedUntil) {
		return held, held.CheckAdmitted()
	}
	held.Resume(now)
	if held, err = Touch(ctx, tx, held); err != nil {
		return User{}, err
	}
	return held, events.Add(ctx, tx, s.deps.IDs, now, held.Version, events.UserReactivated{UserID: held.ID})
}
