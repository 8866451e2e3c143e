package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/text"
)

// Me returns the caller's own account. Errors: ErrNotSignedIn.
func (s *Service) Me(ctx context.Context, caller id.User) (User, error) {
	var u User
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		u, err = Active(ctx, tx, caller)
		return err
	})
	return u, err
}

// ChangeMe changes the caller's own account. Errors: fault.Invalid with the names of the fields,
// ErrNotSignedIn.
func (s *Service) ChangeMe(ctx context.Context, caller id.User, c Change) (User, error) {
	var u User
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = Active(ctx, tx, caller); err != nil || c == (Change{}) {
			return err
		}
		before := u
		if err := u.Apply(c, s.deps.Clock.Now()); err != nil {
			return err
		}
		if err := tx.Users().Save(ctx, u); err != nil {
			return fmt.Errorf("save a user: %w", err)
		}
		u.Version++
		if u.Name == before.Name && u.Bio == before.Bio && u.Location == before.Location {
			return nil
		}
		return events.Add(ctx, tx, s.deps.IDs, u.UpdatedAt, u.Version, events.ProfileChanged{UserID: u.ID})
	})
	return u, err
}

// Touch increments the version of an account that the unit holds, and returns the account. Events
// about what belongs to a user get the version as their seq.
func Touch(ctx context.Context, tx Tx, u User) (User, error) {
	if err := tx.Users().Save(ctx, u); err != nil {
		return User{}, fmt.Errorf("save a user: %w", err)
	}
	u.Version++
	return u, nil
}

// Active returns an active account. It returns ErrNotSignedIn if the account is inactive or does
// not exist.
func Active(ctx context.Context, tx Tx, user id.User) (User, error) {
	u, err := tx.Users().User(ctx, user)
	if errors.Is(err, fault.NotFound) {
		return User{}, ErrNotSignedIn
	}
	if err != nil {
		return User{}, fmt.Errorf("read a user: %w", err)
	}
	if !u.IsActive {
		return User{}, ErrNotSignedIn
	}
	return u, nil
}

// RequireActive returns the check that idempotency.Run makes before it returns a stored answer: the
// user must be active. Errors of the check: ErrNotSignedIn.
func RequireActive[T Tx](user id.User) func(context.Context, T) error {
	return func(ctx context.Context, tx T) error {
		_, err := Active(ctx, tx, user)
		return err
	}
}

// Admin returns the account of an active admin. Errors: ErrNotSignedIn, ErrAdminsOnly.
func Admin(ctx context.Context, tx Tx, user id.User) (User, error) {
	u, err := Active(ctx, tx, user)
	if err != nil {
		return User{}, err
	}
	if u.Role != RoleAdmin {
		return User{}, ErrAdminsOnly
	}
	return u, nil
}

// ChangePassword replaces the caller's password and ends all their sessions and resets. Errors:
// fault.Invalid on current_password if it is wrong, or on password if the new one breaks a rule;
// ErrTooManyTries, ErrNotSignedIn.
func (s *Service) ChangePassword(ctx context.Context, caller id.User, current, password string, from Device) error {
	var u User
	var confirmed PasswordHash
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = Active(ctx, tx, caller); err != nil {
			return err
		}
		confirmed, err = tx.Users().Password(ctx, caller)
		return err
	})
	if err != nil {
		return fmt.Errorf("change a password: %w", err)
	}
	var f fault.Fields
	password = s.deps.Policy.CheckPassword(&f, password, u.Name, u.Email)
	if err := f.Collect(s.deps.Guard.Confirm(ctx, u, confirmed, from, "current_password", current)); err != nil {
		return err
	}
	if err := f.Err(); err != nil {
		return err
	}
	err = s.replacePassword(ctx, password, func(ctx context.Context, tx Tx) (User, error) {
		if u, err = HoldActive(ctx, tx, caller); err != nil {
			return User{}, err
		}
		return u, CheckPasswordUnchanged(ctx, tx, caller, confirmed, "current_password")
	}, nothingMore)
	if err != nil {
		return fmt.Errorf("change a password: %w", err)
	}
	return nil
}

func nothingMore(context.Context, Tx, User) error { return nil }

// replacePassword stores a new password and ends the sessions and resets of a user. The function
// hold checks that the password may be replaced, holds the account, and returns it. The function
// then does the rest of the unit.
func (s *Service) replacePassword(
	ctx context.Context, password string, hold func(context.Context, Tx) (User, error),
	then func(context.Context, Tx, User) error,
) error {
	hash, err := s.deps.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := hold(ctx, tx)
		if err != nil {
			return err
		}
		now := s.deps.Clock.Now()
		if err := tx.Users().SetPassword(ctx, u.ID, hash, now); err != nil {
			return fmt.Errorf("set a password: %w", err)
		}
		if err := EndAccess(ctx, tx, u.ID, now); err != nil {
			return err
		}
		return then(ctx, tx, u)
	})
}

// HoldActive holds an active account. It returns ErrNotSignedIn if the account is inactive or does
// not exist.
func HoldActive(ctx context.Context, tx Tx, user id.User) (User, error) {
	u, err := tx.Users().Hold(ctx, user)
	if errors.Is(err, fault.NotFound) || err == nil && !u.IsActive {
		return User{}, ErrNotSignedIn
	}
	if err != nil {
		return User{}, fmt.Errorf("hold a user: %w", err)
	}
	return u, nil
}

// CheckPasswordUnchanged returns fault.Invalid on the given field if the password of an account has
// changed since it was confirmed, before the unit began. The unit must hold the account.
func CheckPasswordUnchanged(ctx context.Context, tx Tx, user id.User, confirmed PasswordHash, field string) error {
	present, err := tx.Users().Password(ctx, user)
	if err != nil {
		return fmt.Errorf("read a password: %w", err)
	}
	if present != confirmed {
		return wrongPassword(field)
	}
	return nil
}

// EndAccess revokes all sessions of a user whom the unit holds, and removes their password resets.
func EndAccess(ctx context.Context, tx Tx, user id.User, at time.Time) error {
	at = clock.Truncate(at)
	if err := tx.Users().RevokeSessions(ctx, user, id.Session{}, at); err != nil {
		return fmt.Errorf("revoke sessions: %w", err)
	}
	if err := tx.Users().DropResets(ctx, user); err != nil {
		return fmt.Errorf("drop resets: %w", err)
	}
	return nil
}

// ForgotPassword requests a password reset, which is mailed to the active account with this address,
// if there is one: see SendMail. Policy.OpenResets resets of an account work at a time. If there is no
// room for another, the one that expires first is removed. Beyond Policy.MaxResets and
// Policy.MaxResetsFrom it does nothing, and returns nil. It does the same work whether or not there
// is an account. Errors: fault.Invalid on email.
func (s *Service) ForgotPassword(ctx context.Context, email string, from Device) error {
	var f fault.Fields
	// An address from before may be one that IDNA does not accept, so this checks less than a sign-up.
	line := text.Line(&f, "email", email, text.Required, MaxEmail)
	f.Check(line == "" || strings.Contains(line, "@"), "email", "must be an e-mail address like ada@example.org")
	if err := f.Err(); err != nil {
		return err
	}
	err := s.deps.Guard.requestReset(ctx, email, from)
	if errors.Is(err, ErrTooManyTries) {
		note(ctx, id.User{}, TooManyResets)
		return nil
	}
	if err != nil {
		return fmt.Errorf("request a password reset: %w", err)
	}
	return nil
}

// ResetPassword sets a new password with a token that was mailed after ForgotPassword, and ends all
// sessions and all other resets. The account then knows the network of the device, as after a
// sign-in, and its address is verified. Errors: fault.Invalid on token if it is unknown, used or
// expired, or on password if it breaks a rule.
func (s *Service) ResetPassword(ctx context.Context, token, password string, from Device) error {
	var f fault.Fields
	password = s.deps.Policy.CheckPassword(&f, password)
	if err := f.Err(); err != nil {
		return err
	}
	key, err := s.deps.Guard.hashKey(ctx)
	if err != nil {
		return fmt.Errorf("reset a password: %w", err)
	}
	refuse := func(ctx context.Context) error {
		note(ctx, id.User{}, InvalidReset)
		return fault.InvalidField("token", "is no longer valid: request a new one")
	}
	err = s.replacePassword(ctx, password, func(ctx context.Context, tx Tx) (User, error) {
		hash := hashSecret(token)
		found, err := tx.Users().Reset(ctx, hash)
		if errors.Is(err, fault.NotFound) {
			return User{}, refuse(ctx)
		}
		if err != nil {
			return User{}, fmt.Errorf("look up a reset: %w", err)
		}
		u, err := tx.Users().Hold(ctx, found.UserID)
		if err != nil {
			return User{}, fmt.Errorf("hold a user: %w", err)
		}
		r, err := tx.Users().Reset(ctx, hash) // another unit may have used it before this one held the account
		if errors.Is(err, fault.NotFound) {
			return User{}, refuse(ctx)
		}
		if err != nil {
			return User{}, fmt.Errorf("read a reset: %w", err)
		}
		if !u.IsActive || !s.deps.Clock.Now().Before(r.ExpiresAt) {
			return User{}, refuse(ctx)
		}
		note(ctx, u.ID, "")
		var f fault.Fields // the account is known only now
		s.deps.Policy.CheckPassword(&f, password, u.Name, u.Email)
		if err := f.Err(); err != nil {
			return User{}, err
		}
		return s.verify(ctx, tx, u)
	}, func(ctx context.Context, tx Tx, u User) error {
		return s.deps.Guard.know(ctx, tx, namesOf(key, kindPassword, u.Email, from.counted()))
	})
	if err != nil {
		return fmt.Errorf("reset a password: %w", err)
	}
	return nil
}

// verify stores that the address of an account was shown to be its user's, unless it was before.
func (s *Service) verify(ctx context.Context, tx Tx, u User) (User, error) {
	if !u.EmailVerifiedAt.IsZero() {
		return u, nil
	}
	u.EmailVerifiedAt = clock.Truncate(s.deps.Clock.Now())
	u.UpdatedAt = u.EmailVerifiedAt
	u, err := Touch(ctx, tx, u)
	if err != nil {
		return User{}, err
	}
	return u, events.Add(ctx, tx, s.deps.IDs, u.EmailVerifiedAt, u.Version, events.UserVerified{UserID: u.ID})
}

// Erase removes all personal data from an account, which the unit holds, and the results that are
// stored under the user's idempotency keys. The address is then free for a new account. The event
// gets its identifier from ids.
func Erase(ctx context.Context, tx Tx, ids id.Source, u User, at time.Time) error {
	address := text.FoldAddress(u.Email)
	for _, owner := range []string{u.ID.String(), signUpOwner(address)} {
		if err := tx.Idempotency().Forget(ctx, owner); err != nil {
			return fmt.Errorf("forget idempotency keys: %w", err)
		}
	}
	u.erase(clock.Truncate(at))
	if err := tx.Users().Erase(ctx, u); err != nil {
		return fmt.Errorf("erase a user: %w", err)
	}
	if err := events.Add(ctx, tx, ids, at, u.Version+1, events.UserErased{UserID: u.ID}); err != nil {
		return err
	}
	key, err := tx.Users().Key(ctx, TryKey, newStoreKey())
	if err != nil {
		return fmt.Errorf("read the key of tries: %w", err)
	}
	if err := tx.Users().DropTries(ctx, subjectOf(key, address)); err != nil {
		return fmt.Errorf("drop tries: %w", err)
	}
	return nil
}
