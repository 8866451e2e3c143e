package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// Presence is the session of a user who makes a request, with what decides whether the request may
// go on.
type Presence struct {
	User    id.User
	Session id.Session
	Open    SessionFilter // selects the sessions that have not ended: see Policy.OpenSessions
}

// Check returns ErrNotSignedIn if a session with its account is not that of the user or has ended,
// or if the account is neither active nor suspended, and ErrSuspended if it is suspended.
func (p Presence) Check(s Session, u User) error {
	switch {
	case s.ID != p.Session || s.UserID != p.User || !p.Open.Matches(s) || !u.admitted():
		return ErrNotSignedIn
	case u.Suspended():
		return ErrSuspended
	}
	return nil
}

// PresenceChecker is an optional interface of a Repository whose store can read an account in one
// round trip with what the unit reads next. Its methods return an error, or leave it to the next
// method of a repository of the unit, which then returns it, or to the end of a unit that calls none.
// Nothing that the unit has written is committed then.
type PresenceChecker interface {
	// CheckPresence is as Presence.Check for the session that the store has. It returns
	// ErrNotSignedIn if there is none.
	CheckPresence(ctx context.Context, p Presence) error

	// CheckActive returns ErrNotSignedIn if the account is inactive or does not exist.
	CheckActive(ctx context.Context, user id.User) error
}

// CheckPresence checks a presence inside a unit of work. It may leave its error to the rest of the
// unit: see PresenceChecker. Errors: those of Presence.Check.
func CheckPresence(ctx context.Context, tx Tx, p Presence) error {
	if checker, ok := tx.Users().(PresenceChecker); ok {
		return checker.CheckPresence(ctx, p)
	}
	stored, u, err := tx.Users().Session(ctx, p.Session)
	switch {
	case errors.Is(err, fault.NotFound):
		return ErrNotSignedIn
	case err != nil:
		return fmt.Errorf("read a session: %w", err)
	}
	return p.Check(stored, u)
}

// CheckActive is like Active for a use case that does not need the account. It may leave its error
// to the rest of the unit: see PresenceChecker. If Presume returned the context for that user, their
// session is checked instead, and CheckActive does nothing. Errors: ErrNotSignedIn.
func CheckActive(ctx context.Context, tx Tx, user id.User) error {
	if presumed, ok := ctx.Value(presumedKey{}).(*id.User); ok && *presumed == user {
		return nil
	}
	if checker, ok := tx.Users().(PresenceChecker); ok {
		return checker.CheckActive(ctx, user)
	}
	_, err := Active(ctx, tx, user)
	return err
}

// presumedKey is the context key of the user whom Presume has returned.
type presumedKey struct{}

// presumed is the context that Presume returns.
type presumed struct {
	context.Context
	user id.User
}

// Value returns a pointer to the user for its key.
func (p *presumed) Value(key any) any {
	if key == (presumedKey{}) {
		return &p.user
	}
	return p.Context.Value(key)
}

// Presume returns the user whom an access token names, without reading the store. Units of work with
// the context that it returns begin with the check of the session, until one of them has succeeded;
// see uow.Store.Guarded. A store can make that check in one round trip with the rest of the unit.
//
// Until then the caller gets no response, and nothing is done for the caller outside of the store. confirm makes the check if no unit has made it, and returns its error: ErrNotSignedIn or
// ErrSuspended. It must be called before a response, also before one that refuses the request for
// another reason. The Caller has only UserID and SessionID.
//
// Presume returns ErrNotSignedIn if the token is not valid.
func (s *Service) Presume(ctx context.Context, accessToken string) (
	with context.Context, c Caller, confirm func(ctx context.Context) error, err error,
) {
	user, session, err := s.named(ctx, accessToken)
	if err != nil {
		return ctx, Caller{}, nil, err
	}
	p := Presence{User: user, Session: session, Open: s.deps.Policy.OpenSessions(s.deps.Clock.Now())}
	guarded, passed := s.deps.Store.Guarded(ctx, func(ctx context.Context, tx Tx) error { return CheckPresence(ctx, tx, p) })
	confirm = func(ctx context.Context) error {
		if passed() {
			return nil
		}
		return s.deps.Store.View(ctx, func(context.Context, Tx) error { return nil }) // which begins with the check
	}
	return &presumed{guarded, user}, Caller{UserID: user, SessionID: session}, confirm, nil
}
