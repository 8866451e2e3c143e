package users

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// SecondFactor is the stored part of the second factor of an account: a secret that an app of its
// user has, too. It is active if User.SecondFactor is true, and otherwise not confirmed yet.
type SecondFactor struct {
	UserID        id.User
	Secret        []byte   // sealed by TOTP
	LastStep      int64    // the latest time step of which a code was used; no code works up to it
	RecoveryCodes []string // the hashes of unused recovery codes, as HashRecoveryCode returns them
}

// Enrolment is the data with which a user sets up a second factor in an authenticator app. It is
// returned once.
type Enrolment struct {
	Secret string // in base32, without padding
	URI    string // the secret with the issuer and the account, as an otpauth address
}

// TOTP makes the secrets of second factors and checks their codes (RFC 6238). It seals secrets with
// a key of its own, so that a store does not reveal them.
type TOTP interface {
	// New returns a new random secret of an account, and the same secret sealed for the store. Only
	// Step for the same user opens it.
	New(user id.User, email string) (Enrolment, []byte, error)
	// Step returns the time step of a code, which is that of the time at, or the one before or after
	// it. fits is false if the code is not that of one of them. It returns an error if the secret
	// cannot be opened. It takes the same time for every code.
	Step(user id.User, sealed []byte, code string, at time.Time) (step int64, fits bool, err error)
}

// RecoveryCodes is the number of recovery codes that a second factor begins with.
const RecoveryCodes = 10

// A recovery code has 24 characters of base32, which are 120 random bits, in groups of four.
const recoveryLength, recoveryGroup = 24, 4

func newRecoveryCodes() (codes, hashes []string) {
	for range RecoveryCodes {
		random := rand.Text()[:recoveryLength]
		var groups []string
		for at := 0; at < recoveryLength; at += recoveryGroup {
			groups = append(groups, random[at:at+recoveryGroup])
		}
		codes, hashes = append(codes, strings.Join(groups, "-")), append(hashes, HashRecoveryCode(random))
	}
	return codes, hashes
}

// HashRecoveryCode returns the SHA-256 of a recovery code, which has no hyphens and is in upper case,
// in hexadecimal.
func HashRecoveryCode(code string) string {
	hash := hashSecret(code)
	return hex.EncodeToString(hash[:])
}

// maxTypedCode is the maximum length of a code as typed, in bytes.
const maxTypedCode = 100

// typedCode returns a code without spaces and hyphens, in upper case.
func typedCode(code string) string {
	if len(code) > maxTypedCode {
		return ""
	}
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
}

// useCode uses a code of a second factor, one of the app or a recovery code, each of which works
// once. Errors: ErrWrongCode.
func (s *Service) useCode(ctx context.Context, tx Tx, user id.User, code string) error {
	if code = typedCode(code); len(code) == recoveryLength {
		used, err := tx.Users().UseRecoveryCode(ctx, user, HashRecoveryCode(code))
		if err != nil {
			return fmt.Errorf("use a recovery code: %w", err)
		}
		if !used {
			return ErrWrongCode
		}
		return nil
	}
	factor, err := tx.Users().SecondFactor(ctx, user)
	if err != nil {
		return fmt.Errorf("read a second factor: %w", err)
	}
	step, err := s.step(factor, code)
	if err != nil {
		return err
	}
	used, err := tx.Users().UseStep(ctx, user, step)
	if err != nil {
		return fmt.Errorf("use a code: %w", err)
	}
	if !used {
		return ErrWrongCode
	}
	return nil
}

// step returns the time step of a code of the app. Errors: ErrWrongCode.
func (s *Service) step(factor SecondFactor, code string) (int64, error) {
	step, fits, err := s.deps.TOTP.Step(factor.UserID, factor.Secret, code, s.deps.Clock.Now())
	if err != nil {
		return 0, fmt.Errorf("check a code: %w", err)
	}
	if !fits {
		return 0, ErrWrongCode
	}
	return step, nil
}

// checkSecondFactor uses the code of a sign-in if the second factor of the account is active. Errors:
// ErrCodeRequired, ErrWrongCode.
func (s *Service) checkSecondFactor(ctx context.Context, tx Tx, u User, code string) error {
	switch {
	case !u.SecondFactor:
		return nil
	case code == "":
		return ErrCodeRequired
	}
	return s.useCode(ctx, tx, u.ID, code)
}

// SetUpSecondFactor makes the secret of a second factor, which ConfirmSecondFactor makes active. A
// repeat makes another secret instead. Errors: fault.Invalid on password if it is wrong,
// ErrSecondFactorActive, ErrTooManyTries, ErrNotSignedIn.
func (s *Service) SetUpSecondFactor(ctx context.Context, caller id.User, password string, from Device) (Enrolment, error) {
	u, confirmed, err := s.withPassword(ctx, caller, User.checkNoSecondFactor)
	if err == nil {
		err = s.deps.Guard.Confirm(ctx, u, confirmed, from, "password", password)
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("set up a second factor: %w", err)
	}
	enrolment, sealed, err := s.deps.TOTP.New(caller, u.Email)
	if err != nil {
		return Enrolment{}, fmt.Errorf("make the secret of a second factor: %w", err)
	}
	err = s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := s.holdConfirmed(ctx, tx, caller, confirmed, User.checkNoSecondFactor); err != nil {
			return err
		}
		return saveSecondFactor(ctx, tx, SecondFactor{UserID: caller, Secret: sealed})
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("set up a second factor: %w", err)
	}
	return enrolment, nil
}

// ConfirmSecondFactor makes the second factor of the caller active, with a code of the app, and
// returns its recovery codes, of which only the hashes are stored. Sessions go on as they are.
// Errors: fault.Invalid on code if it is wrong, ErrNoSecondFactor if none was set up,
// ErrSecondFactorActive, ErrTooManyTries, ErrNotSignedIn.
func (s *Service) ConfirmSecondFactor(ctx context.Context, caller id.User, code string, from Device) ([]string, error) {
	u, err := s.Me(ctx, caller)
	if err == nil {
		err = u.checkNoSecondFactor()
	}
	if err != nil {
		return nil, fmt.Errorf("confirm a second factor: %w", err)
	}
	codes, hashes := newRecoveryCodes()
	err = s.deps.Guard.try(ctx, u, from, func() (refusal, err error) {
		return s.deps.Guard.useCode(ctx, func(ctx context.Context, tx Tx) error {
			return s.activate(ctx, tx, caller, typedCode(code), hashes)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("confirm a second factor: %w", err)
	}
	return codes, nil
}

// activate makes the second factor of an account active. Errors: ErrWrongCode, ErrNoSecondFactor,
// ErrSecondFactorActive, ErrNotSignedIn.
func (s *Service) activate(ctx context.Context, tx Tx, caller id.User, code string, recovery []string) error {
	u, err := HoldActive(ctx, tx, caller)
	if err != nil {
		return err
	}
	if err := u.checkNoSecondFactor(); err != nil {
		return err
	}
	factor, err := tx.Users().SecondFactor(ctx, caller)
	if errors.Is(err, fault.NotFound) {
		return ErrNoSecondFactor
	}
	if err != nil {
		return fmt.Errorf("read a second factor: %w", err)
	}
	if factor.LastStep, err = s.step(factor, code); err != nil {
		return err
	}
	factor.RecoveryCodes = recovery
	if err := saveSecondFactor(ctx, tx, factor); err != nil {
		return err
	}
	u.SecondFactor, u.UpdatedAt = true, s.deps.Clock.Now()
	if err := tx.Users().Save(ctx, u); err != nil {
		return fmt.Errorf("save a user: %w", err)
	}
	return nil
}

// RemoveSecondFactor removes the second factor of the caller, with their password and a code of the
// app or a recovery code. Errors: fault.Invalid on password or on code if it is wrong,
// ErrNoSecondFactor if none is active, ErrTooManyTries, ErrNotSignedIn.
func (s *Service) RemoveSecondFactor(ctx context.Context, caller id.User, password, code string, from Device) error {
	u, confirmed, err := s.withPassword(ctx, caller, User.checkSecondFactor)
	if err != nil {
		return fmt.Errorf("remove a second factor: %w", err)
	}
	err = s.deps.Guard.try(ctx, u, from, func() (refusal, err error) {
		if refusal, err := s.deps.Guard.compare(ctx, u, confirmed, "password", password); refusal != nil || err != nil {
			return refusal, err
		}
		return s.deps.Guard.useCode(ctx, func(ctx context.Context, tx Tx) error {
			u, err := s.holdConfirmed(ctx, tx, caller, confirmed, User.checkSecondFactor)
			if err != nil {
				return err
			}
			if err := s.useCode(ctx, tx, caller, code); err != nil {
				return err
			}
			_, err = DropSecondFactor(ctx, tx, u, s.deps.Clock.Now())
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("remove a second factor: %w", err)
	}
	return nil
}

// DropSecondFactor removes the active second factor of an account that the unit holds, and returns
// the account as it is then. Errors: ErrNoSecondFactor.
func DropSecondFactor(ctx context.Context, tx Tx, u User, at time.Time) (User, error) {
	if err := u.checkSecondFactor(); err != nil {
		return User{}, err
	}
	if err := tx.Users().DropSecondFactor(ctx, u.ID); err != nil {
		return User{}, fmt.Errorf("drop a second factor: %w", err)
	}
	u.SecondFactor, u.UpdatedAt = false, at
	if err := tx.Users().Save(ctx, u); err != nil {
		return User{}, fmt.Errorf("save a user: %w", err)
	}
	u.Version++
	return u, nil
}

// withPassword returns the caller's account and its password hash, if check allows it.
func (s *Service) withPassword(
	ctx context.Context, caller id.User, check func(User) error,
) (u User, hash PasswordHash, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if u, err = Active(ctx, tx, caller); err != nil {
			return err
		}
		if err := check(u); err != nil {
			return err
		}
		hash, err = tx.Users().Password(ctx, caller)
		return err
	})
	return u, hash, err
}

// holdConfirmed holds the caller's account, if its password is still the confirmed one and check
// allows it.
func (s *Service) holdConfirmed(
	ctx context.Context, tx Tx, caller id.User, confirmed PasswordHash, check func(User) error,
) (User, error) {
	u, err := HoldActive(ctx, tx, caller)
	if err != nil {
		return User{}, err
	}
	if err := CheckPasswordUnchanged(ctx, tx, caller, confirmed, "password"); err != nil {
		return User{}, err
	}
	return u, check(u)
}

func (u User) checkNoSecondFactor() error {
	if u.SecondFactor {
		return ErrSecondFactorActive
	}
	return nil
}

func (u User) checkSecondFactor() error {
	if !u.SecondFactor {
		return ErrNoSecondFactor
	}
	return nil
}

func saveSecondFactor(ctx context.Context, tx Tx, f SecondFactor) error {
	if err := tx.Users().SaveSecondFactor(ctx, f); err != nil {
		return fmt.Errorf("save a second factor: %w", err)
	}
	return nil
}
