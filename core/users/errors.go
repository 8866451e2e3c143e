package users

import "github.com/cicerone-go/cicerone/core/fault"

// What this domain refuses.
var (
	// ErrNotSignedIn is whoever has no live session, or whose account is not active.
	ErrNotSignedIn = fault.New(fault.Unauthenticated, "not_signed_in", "sign in first: the access token is missing, expired or revoked")

	// ErrSignIn is one same answer to an unknown address, a wrong password, an account without a
	// password and an inactive account.
	ErrSignIn = fault.New(fault.Unauthenticated, "sign_in_failed", "the e-mail address or the password is wrong")

	// ErrRefresh is a refresh token that is unknown, expired, revoked or was used before.
	ErrRefresh = fault.New(fault.Unauthenticated, "refresh_failed", "the refresh token is not good any more: sign in again")

	// ErrNotMailed is mail that could not be handed on. Only an address that somebody has gets there, so a
	// transport does not show it to whoever asked; it is for a log.
	ErrNotMailed = fault.New(fault.Unavailable, "not_mailed", "the mail could not be handed on")

	ErrAdminsOnly = fault.New(fault.Forbidden, "admins_only", "only an admin may do this")
	ErrOwnRole    = fault.New(fault.Forbidden, "own_role", "nobody changes their own role")
	ErrNotFound   = fault.New(fault.NotFound, "user_not_found", "there is no such user")
	ErrEmailTaken = fault.New(fault.Conflict, "email_taken", "there is an account with this e-mail address")
	ErrLastAdmin  = fault.New(fault.Conflict, "last_admin", "this is the last active admin")
	ErrErased     = fault.New(fault.Conflict, "user_erased", "this person erased their account")
)
