package users

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Repository keeps accounts, second factors, sessions, refresh tokens and password resets. A list of ids may
// contain an id more than once.
type Repository interface {
	// Add stores a new account, whose Version is 1. If another account, also a twin, has the same
	// address by text.FoldAddress, Add stores nothing and created is false. Of concurrent units
	// that add one address, one creates it.
	Add(ctx context.Context, u User, password PasswordHash) (created bool, err error)

	// User returns an account, or fault.NotFound.
	User(ctx context.Context, user id.User) (User, error)

	// ByEmail returns the account with an address and its password hash, or fault.NotFound. Of the
	// accounts with the same address by text.FoldAddress, it is the one that has exactly this text,
	// else the one that is not a twin.
	ByEmail(ctx context.Context, email string) (User, PasswordHash, error)

	// WithAddress returns the accounts with an address by text.FoldAddress, in ascending order of
	// id. There are several if some of them are twins.
	WithAddress(ctx context.Context, address text.Folded) ([]User, error)

	// Password returns the password hash of an account, or fault.NotFound if there is no such
	// account.
	Password(ctx context.Context, user id.User) (PasswordHash, error)

	// Pin returns accounts in ascending order of id, each once, and prevents changes to them until
	// the unit ends. A unit that pins an account and a unit that holds it wait for each other, or
	// one of them fails with uow.ErrConflict. Several units may pin the same account. If an account
	// does not exist, Pin returns fault.NotFound.
	Pin(ctx context.Context, users ...id.User) ([]User, error)

	// Hold returns an account, or fault.NotFound, and locks it for this unit alone until the unit
	// ends: other units that hold or pin it wait, or one of them fails with uow.ErrConflict.
	Hold(ctx context.Context, user id.User) (User, error)

	// HoldWithAdmins holds an account and all active admins, in ascending order of id. It returns
	// the account and the number of other active admins, or fault.NotFound if there is no such
	// account. Of two units that each take away one of the last two admins, one sees what the other
	// committed.
	HoldWithAdmins(ctx context.Context, user id.User) (u User, otherAdmins int, err error)

	// Save stores an account, except its address, its mark as a twin and its password, and
	// increments its Version. If
	// the stored version differs from u.Version, the unit fails with uow.ErrConflict. If there is
	// no such account, Save returns fault.NotFound.
	Save(ctx context.Context, u User) error

	// SetEmail is like Save, but also stores the account's address and its mark as a twin. If the
	// account is not a twin, and another account that is none has the same address by
	// text.FoldAddress, SetEmail stores nothing and saved is false.
	SetEmail(ctx context.Context, u User) (saved bool, err error)

	// SetPassword stores a new password hash, and sets the account's UpdatedAt to at. It may or may
	// not increment the Version. If there is no such account, it returns fault.NotFound.
	SetPassword(ctx context.Context, user id.User, password PasswordHash, at time.Time) error

	// Erase is like Save, for an erased account. It also removes the account's address, password,
	// second factor, sessions, refresh tokens and resets. The address is then free for a new account.
	Erase(ctx context.Context, u User) error

	// Key returns the key that the store keeps under a name. If there is none, Key stores fresh and
	// returns it. All units get the same key.
	Key(ctx context.Context, name string, fresh []byte) ([]byte, error)

	// Grant records that the bonus for an address was given. The address is hashed with a key that
	// the store keeps. If it was recorded before, granted is false.
	Grant(ctx context.Context, address SecretHash) (granted bool, err error)

	// List lists up to limit accounts that match the filter, newest first by (created_at, id):
	// those after the given position, or from the newest if after is nil.
	List(ctx context.Context, f Filter, after *page.Moment, limit int) ([]User, error)

	// AddSession stores a new session with its first refresh token.
	AddSession(ctx context.Context, s Session, first RefreshToken) error

	// Session returns a session and its account, or fault.NotFound.
	Session(ctx context.Context, session id.Session) (Session, User, error)

	// Sessions lists up to limit sessions of an account that match the filter, newest first by
	// (created_at, id): those after the given position, or from the newest if after is nil.
	Sessions(ctx context.Context, user id.User, f SessionFilter, after *page.Moment, limit int) ([]Session, error)

	// ActiveSessions returns those of the sessions that match the filter and whose account is active, in
	// any order. It locks nothing.
	ActiveSessions(ctx context.Context, f SessionFilter, sessions ...id.Session) ([]id.Session, error)

	// UseRefreshToken counts a use of a refresh token, notes the time if it is the first one, and
	// returns the token as it was before. Of all units that use one token, each sees another number
	// of uses, and exactly one sees it unused. If no token has this hash, it returns
	// fault.NotFound.
	UseRefreshToken(ctx context.Context, hash SecretHash, at time.Time) (RefreshToken, error)

	// AddRefreshToken stores another refresh token of a session, and sets the session's LastUsedAt
	// to the token's CreatedAt if that is later.
	AddRefreshToken(ctx context.Context, t RefreshToken) error

	// RevokeSession ends a session. It does nothing if the session has ended or does not exist.
	RevokeSession(ctx context.Context, session id.Session, at time.Time) error

	// RevokeSessions ends all live sessions of an account, except one, which may be zero.
	RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error

	// PurgeSessions removes up to limit sessions, with their refresh tokens, and returns their
	// number. It removes only sessions of which all refresh tokens expired before the given time.
	PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error)

	// AddReset stores a reset of an account that the unit holds. Of the account's other resets it
	// keeps the keep - 1 that expire last, by (expires_at, id), and removes the rest. keep is at
	// least 1.
	AddReset(ctx context.Context, r Reset, keep int) error

	// Reset returns a reset, or fault.NotFound. It locks nothing: the caller holds the account, and
	// then reads the reset again.
	Reset(ctx context.Context, hash SecretHash) (Reset, error)

	// DropResets removes all resets of an account.
	DropResets(ctx context.Context, user id.User) error

	// SecondFactor returns the second factor of an account, active or not, or fault.NotFound.
	SecondFactor(ctx context.Context, user id.User) (SecondFactor, error)

	// SaveSecondFactor stores the second factor of an account that the unit holds, in place of
	// another.
	SaveSecondFactor(ctx context.Context, f SecondFactor) error

	// UseStep sets the LastStep of a second factor if it is below step, and reports whether it did.
	// Of concurrent units that use one step, one does. It does nothing if there is no second factor.
	UseStep(ctx context.Context, user id.User, step int64) (used bool, err error)

	// UseRecoveryCode removes the hash of a recovery code from a second factor, and reports whether
	// it was there. Of concurrent units that use one code, one finds it.
	UseRecoveryCode(ctx context.Context, user id.User, hash string) (used bool, err error)

	// DropSecondFactor removes the second factor of an account that the unit holds. It does nothing if
	// there is none.
	DropSecondFactor(ctx context.Context, user id.User) error

	// HoldTries returns the counts of tries with these hashes, as far as they exist, in any order. Two
	// units that hold one hash and save a count of it wait for each other, or one of them fails with
	// uow.ErrConflict; also if the count does not exist yet. A hash is given once.
	HoldTries(ctx context.Context, hashes ...SecretHash) ([]Tries, error)

	// SaveTries stores counts that the unit holds, in place of those with the same hashes.
	SaveTries(ctx context.Context, counts ...Tries) error

	// GiveBackTries takes one try from each count with one of these hashes, and that has one. It then
	// adds the counts in known. Of a count that exists, it only sets ExpiresAt, if that is later. The
	// unit need not hold any of them.
	GiveBackTries(ctx context.Context, hashes []SecretHash, known ...Tries) error

	// DropTries removes all counts with a subject.
	DropTries(ctx context.Context, subject SecretHash) error

	// PurgeTries removes up to limit counts that expired before the given time, or at it, and returns
	// their number.
	PurgeTries(ctx context.Context, before time.Time, limit int) (int, error)
}

// Filter selects accounts. A field with its zero value selects all.
type Filter struct {
	Query    text.Searched // matches any part of the name or address, by text.SearchFold
	Role     Role
	IsActive *bool
}

// SessionFilter selects sessions. A field with its zero value selects all.
type SessionFilter struct {
	Live         bool      // only sessions that are not revoked
	CreatedAfter time.Time // only sessions that were created after this time
	UsedAfter    time.Time // only sessions whose LastUsedAt is after this time
}

// Matches reports whether the filter selects a session.
func (f SessionFilter) Matches(s Session) bool {
	return (!f.Live || s.Live()) && s.CreatedAt.After(f.CreatedAfter) && s.LastUsedAt.After(f.UsedAfter)
}

// Tx holds the repositories that this domain uses in a unit of work.
type Tx interface {
	idempotency.Tx
	tokens.Tx
	Users() Repository
}

// Place returns the position of an account in a list.
func Place(u User) page.Moment { return page.Moment{At: u.CreatedAt, ID: u.ID} }
