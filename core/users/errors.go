package users

import "github.com/cicerone-go/cicerone/core/fault"

// The errors of this domain.
var (
	// ErrNotSignedIn is returned for a caller who has no live session or no active account.
	ErrNotSignedIn = fault.New(fault.Unauthenticated, "not_signed_in", "sign in first: the access token is missing, expired or revoked")

	// ErrSignIn is returned alike for an unknown address, a wrong password, an account without a
	// password, and an inactive account.
	ErrSignIn = fault.New(fault.Unauthenticated, "sign_in_failed", "the e-mail address or the password is wrong")

	// ErrCodeRequired is returned for a sign-in with the right password and without a code, if the
	// second factor of the account is active.
	ErrCodeRequired = fault.New(fault.Unauthenticated, "code_required", "the account has a second factor: sign in with a code, too")

	// ErrWrongCode is returned for a sign-in with the right password and a code that is wrong, is not
	// the present one, or was used before.
	ErrWrongCode = fault.New(fault.Unauthenticated, "wrong_code", "the code is wrong or was used before")

	// ErrSecondFactorRequired is returned to an admin whose session was not opened with a second
	// factor, if Policy.RequireAdminTOTP is set.
	ErrSecondFactorRequired = fault.New(fault.Forbidden, "second_factor_required",
		"an admin needs a second factor here: set one up, and sign in with it")

	// ErrSignInAgain is returned for an act that needs a recent sign-in.
	ErrSignInAgain = fault.New(fault.Forbidden, "sign_in_again", "your sign-in is too long ago for this: sign in again")

	// ErrTooManyTries is returned after too many wrong passwords for an address or from a network,
	// whether or not the address has an account. Its RetryAfter is the time until the next try.
	ErrTooManyTries = fault.New(fault.TooManyRequests, "too_many_tries",
		"there were too many wrong passwords: wait before the next try")

	// ErrRefresh is returned for a refresh token that is unknown, expired, or used too often or too
	// late, and for one whose session has ended.
	ErrRefresh = fault.New(fault.Unauthenticated, "refresh_failed", "the refresh token is no longer valid: sign in again")

	// ErrNotMailed is returned by a Mailer if a message cannot be sent now, for instance because the
	// mail server cannot be reached.
	ErrNotMailed = fault.New(fault.Unavailable, "not_mailed", "the mail could not be sent")

	// ErrMailRefused is returned by a Mailer if a message will never be sent, for instance because
	// the mail server refuses its recipient.
	ErrMailRefused = fault.New(fault.Invalid, "mail_refused", "the mail is refused for good")

	// ErrSessionNotFound is returned for a session that has ended or is not the caller's.
	ErrSessionNotFound = fault.New(fault.NotFound, "session_not_found", "there is no such session")

	// ErrSuspended is returned to a user whose account is suspended, for all but what they may still
	// do: see Admitted.
	ErrSuspended = fault.New(fault.Forbidden, "account_suspended", "your account is suspended: your sanctions have the reason")

	// ErrRestricted is returned for a new conversation or proposal of a user whose account is
	// restricted.
	ErrRestricted = fault.New(fault.Forbidden, "account_restricted", "your account is restricted: your sanctions have the reason")

	ErrAdminsOnly         = fault.New(fault.Forbidden, "admins_only", "only an admin may do this")
	ErrOwnRole            = fault.New(fault.Forbidden, "own_role", "an admin cannot change their own role")
	ErrNotFound           = fault.New(fault.NotFound, "user_not_found", "there is no such user")
	ErrEmailTaken         = fault.New(fault.Conflict, "email_taken", "there is already an account with this e-mail address")
	ErrNoTwin             = fault.New(fault.Conflict, "no_twin", "no other account has, or had, the address of this one")
	ErrLastAdmin          = fault.New(fault.Conflict, "last_admin", "this is the last active admin")
	ErrSecondFactorActive = fault.New(fault.Conflict, "second_factor_active", "your account has a second factor: remove it first")
	ErrNoSecondFactor     = fault.New(fault.Conflict, "no_second_factor", "there is no second factor: set one up first")
	ErrErased             = fault.New(fault.Conflict, "user_erased", "this account was erased by its user")
)
