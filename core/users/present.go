package users

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
)

// Present returns the account of a caller whom Authenticate has returned before, inside a unit of
// work. It returns ErrNotSignedIn if the account is no longer active, or if the session of the
// caller was revoked meanwhile. It does not check how long the session lasts. If c.SessionID is
// zero, it checks only the account.
func Present(ctx context.Context, tx Tx, c Caller) (User, error) {
	if c.SessionID.IsZero() {
		return Admitted(ctx, tx, c.UserID)
	}
	session, u, err := tx.Users().Session(ctx, c.SessionID)
	switch {
	case errors.Is(err, fault.NotFound):
		return User{}, ErrNotSignedIn
	case err != nil:
		return User{}, fmt.Errorf("read a session: %w", err)
	case !session.Live() || session.UserID != c.UserID || !u.admitted():
		return User{}, ErrNotSignedIn
	}
	return u, nil
}
