package users

import (
	"context"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/core/id"
)

// Note is information of a use case for the log of the transport, which is never sent to the client:
// the account that a request was for, and the reason of a refusal if the error does not contain it.
type Note struct {
	Account id.User // zero if the request was for no account, or the use case did not find out
	Reason  Reason  // "" if the error says it, or if there is none
}

// Reason is why a request was refused or had no effect.
type Reason string

// The reasons.
const (
	UnknownAddress  Reason = "unknown_address"  // no account has the address
	WrongPassword   Reason = "wrong_password"   // of an account
	InactiveAccount Reason = "inactive_account" // the password was right
	ReusedToken     Reason = "reused_token"     // a refresh token was used too late or too often: its session has ended
	InvalidReset    Reason = "invalid_reset"    // the token of a reset is unknown, used or expired
	TooManyResets   Reason = "too_many_resets"  // beyond a limit: nothing is mailed
)

type noteKey struct{}

// watched is the context of a request, with the note of its use case.
type watched struct {
	context.Context
	note atomic.Pointer[Note]
}

// Value returns the note for its key.
func (w *watched) Value(key any) any {
	if key == (noteKey{}) {
		return &w.note
	}
	return w.Context.Value(key)
}

// Watch returns a context for one request. If a use case is called with that context, or with one
// derived from it, Noted returns its note.
func Watch(ctx context.Context) context.Context {
	return &watched{Context: ctx}
}

// Noted returns the last note of the request of ctx. It returns the zero Note if there is none, or
// if ctx does not come from Watch.
func Noted(ctx context.Context) Note {
	if watch, ok := ctx.Value(noteKey{}).(*atomic.Pointer[Note]); ok {
		if n := watch.Load(); n != nil {
			return *n
		}
	}
	return Note{}
}

func note(ctx context.Context, account id.User, why Reason) {
	if watch, ok := ctx.Value(noteKey{}).(*atomic.Pointer[Note]); ok {
		watch.Store(&Note{account, why})
	}
}
