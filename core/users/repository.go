package users

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Repository keeps accounts, sessions and what proves them. Lists of ids may repeat one.
type Repository interface {
	// Add stores a new account, its Version 1. created is false, and nothing stored, where another account has the
	// address without regard to case; of units that add one address at once, one creates it.
	Add(ctx context.Context, u User, password PasswordHash) (created bool, err error)

	// User reads an account, or fault.NotFound.
	User(ctx context.Context, user id.User) (User, error)

	// ByEmail reads the account with a folded address, and its password, or fault.NotFound.
	ByEmail(ctx context.Context, folded string) (User, PasswordHash, error)

	// Password reads an account's password hash, or fault.NotFound for no account.
	Password(ctx context.Context, user id.User) (PasswordHash, error)

	// Pin reads accounts, in ascending order of id, and keeps each as it is until the unit ends: a unit
	// that holds one of them waits for this one and this one for it, or one fails with uow.ErrConflict.
	// Units that pin the same account do not disturb each other. fault.NotFound where one is missing.
	Pin(ctx context.Context, users ...id.User) ([]User, error)

	// Hold reads an account and holds it for this unit alone until it ends (see Pin), or fault.NotFound.
	Hold(ctx context.Context, user id.User) (User, error)

	// HoldWithAdmins holds an account and all active admins, in ascending order of id, and says how
	// many active admins there are beside the account: of two units that would each leave the
	// other's admin as the last, one sees what the other committed. fault.NotFound for no account.
	HoldWithAdmins(ctx context.Context, user id.User) (u User, otherAdmins int, err error)

	// Save stores all of an account but its address and password, and raises its Version by one; where
	// the stored version is not u's, the unit fails with uow.ErrConflict. fault.NotFound for no account.
	Save(ctx context.Context, u User) error

	// SetPassword stores a new password hash and the time of the change. fault.NotFound for no account.
	SetPassword(ctx context.Context, user id.User, password PasswordHash, at time.Time) error

	// Erase is Save for an erased account: its address, password, sessions, refresh tokens and resets
	// go too, and the address is free again.
	Erase(ctx context.Context, u User) error

	// List lists the accounts that match, newest first by (created_at, id): those after a place, or from
	// the newest where it is nil; at most limit.
	List(ctx context.Context, f Filter, after *page.Moment, limit int) ([]User, error)

	// AddSession stores a new session with its first refresh token.
	AddSession(ctx context.Context, s Session, first RefreshToken) error

	// Session reads a session and its account, or fault.NotFound.
	Session(ctx context.Context, session id.Session) (Session, User, error)

	// Sessions lists an account's sessions, oldest first by (created_at, id).
	Sessions(ctx context.Context, user id.User) ([]Session, error)

	// UseRefreshToken marks a refresh token as used at a time, and returns it as it was before: of all
	// units that use one, exactly one sees it unused. fault.NotFound for a hash that is not kept.
	UseRefreshToken(ctx context.Context, hash SecretHash, at time.Time) (RefreshToken, error)

	// AddRefreshToken stores a further refresh token of a session.
	AddRefreshToken(ctx context.Context, t RefreshToken) error

	// RevokeSession ends a session. One that has ended, or is not kept, is not an error.
	RevokeSession(ctx context.Context, session id.Session, at time.Time) error

	// RevokeSessions ends all sessions of an account that live.
	RevokeSessions(ctx context.Context, user id.User, at time.Time) error

	// PurgeSessions removes up to limit sessions all of whose refresh tokens expired before the given
	// time, with those tokens, and says how many.
	PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error)

	// SetReset stores a reset in place of any other of the same account.
	SetReset(ctx context.Context, r Reset) error

	// Reset reads a reset, or fault.NotFound. Whoever uses one holds its account, and reads it again.
	Reset(ctx context.Context, hash SecretHash) (Reset, error)

	// DropReset removes an account's reset. None is not an error.
	DropReset(ctx context.Context, user id.User) error
}

// Filter chooses among accounts; a zero field chooses all.
type Filter struct {
	Query    string // folded; a part of the folded name or address
	Role     Role
	IsActive *bool
}

// Tx is what this domain touches in a unit of work.
type Tx interface {
	idempotency.Tx
	tokens.Tx
	Users() Repository
}

// Place is where an account stands in a list.
func Place(u User) page.Moment { return page.Moment{At: u.CreatedAt, ID: u.ID} }
