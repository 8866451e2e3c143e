package users

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
)

// opened is a session that was just stored, with its refresh token, of which only the hash is
// stored.
type opened struct {
	user    User
	session id.Session
	refresh string
}

// openSession stores a new session of an account, the code of whose second factor was used if it is
// active.
func (s *Service) openSession(ctx context.Context, tx Tx, session id.Session, u User, from Device) (opened, error) {
	now := s.deps.Clock.Now()
	o := opened{user: u, session: session}
	var hash SecretHash
	o.refresh, hash = newSecret()
	opening := Session{
		ID: o.session, UserID: u.ID, CreatedAt: now, LastUsedAt: now, Client: from.client(), Address: from.Network(),
		SecondFactor: u.SecondFactor,
	}
	err := tx.Users().AddSession(ctx, opening, s.newRefreshToken(opening, hash, now))
	if err != nil {
		return opened{}, fmt.Errorf("add a session: %w", err)
	}
	return o, nil
}

// newRefreshToken returns a refresh token of a session that is used now.
func (s *Service) newRefreshToken(session Session, hash SecretHash, now time.Time) RefreshToken {
	session.LastUsedAt = now
	return RefreshToken{Hash: hash, SessionID: session.ID, CreatedAt: now, ExpiresAt: s.end(session)}
}

// end returns the time at which a session ends if it is neither refreshed nor revoked before.
func (s *Service) end(session Session) time.Time {
	last := session.CreatedAt.Add(s.deps.Policy.SessionLifetime)
	if idle := session.LastUsedAt.Add(s.deps.Policy.RefreshLifetime); idle.Before(last) {
		return idle
	}
	return last
}

// OpenSessions selects the sessions that have not ended at a time.
func (p Policy) OpenSessions(at time.Time) SessionFilter {
	return SessionFilter{Live: true, CreatedAfter: at.Add(-p.SessionLifetime), UsedAfter: at.Add(-p.RefreshLifetime)}
}

// mayUse reports whether a session of an account may be used now. That of a suspended account is
// limited.
func (s *Service) mayUse(session Session, u User) bool {
	return session.Live() && u.admitted() && s.deps.Clock.Now().Before(s.end(session))
}

// issue returns the access token of a session, which need not be stored yet.
func (s *Service) issue(ctx context.Context, user id.User, session id.Session) (string, error) {
	access, err := s.deps.Access.Issue(ctx, user, session, s.deps.Clock.Now().Add(s.deps.Policy.AccessLifetime))
	if err != nil {
		return "", fmt.Errorf("issue an access token: %w", err)
	}
	return access, nil
}

func (s *Service) signedIn(ctx context.Context, o opened, access string) SignedIn {
	note(ctx, o.user.ID, "")
	return SignedIn{User: o.user, AccessToken: access, RefreshToken: o.refresh, ExpiresIn: s.deps.Policy.AccessLifetime}
}

// Authenticate returns the user of an access token. It returns ErrNotSignedIn if the token is not
// valid, its session has ended, or the account is inactive. If the account is suspended, or was and
// its user has neither signed in nor refreshed since, the Caller is suspended.
func (s *Service) Authenticate(ctx context.Context, accessToken string) (Caller, error) {
	user, session, err := s.named(ctx, accessToken)
	if err != nil {
		return Caller{}, err
	}
	return s.Resume(ctx, user, session)
}

// named returns the user and the session that an access token names, or ErrNotSignedIn.
func (s *Service) named(ctx context.Context, accessToken string) (id.User, id.Session, error) {
	user, session, err := s.deps.Access.Verify(ctx, accessToken)
	if errors.Is(err, fault.Unauthenticated) {
		return user, session, ErrNotSignedIn.Wrap(err)
	}
	if err != nil {
		return user, session, fmt.Errorf("verify an access token: %w", err)
	}
	return user, session, nil
}

// Resume returns the user of a session, as Authenticate does for its access tokens. It returns
// ErrNotSignedIn if the session is not the user's, has ended, or the account is inactive.
func (s *Service) Resume(ctx context.Context, user id.User, session id.Session) (Caller, error) {
	var c Caller
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		stored, u, err := tx.Users().Session(ctx, session)
		if errors.Is(err, fault.NotFound) {
			return ErrNotSignedIn
		}
		if err != nil {
			return fmt.Errorf("read a session: %w", err)
		}
		if stored.UserID != user || !s.mayUse(stored, u) {
			return ErrNotSignedIn
		}
		c = Caller{
			UserID: u.ID, SessionID: session, Role: u.Role, Suspended: u.Suspended(), SignedInAt: stored.CreatedAt,
			FactorMissing: s.deps.Policy.RequireAdminTOTP && !(u.SecondFactor && stored.SecondFactor),
		}
		return nil
	})
	return c, err
}

// maxSuccessors is the maximum number of refresh tokens that replace one.
const maxSuccessors = 3

// Refresh exchanges a refresh token for new tokens of the same session. The answer may be lost, or
// two windows may refresh concurrently, so further uses within Policy.RefreshGrace of the first get
// tokens of their own, up to maxSuccessors in all. Any use after that revokes the session. Errors:
// ErrRefresh.
func (s *Service) Refresh(ctx context.Context, refreshToken string) (SignedIn, error) {
	var o opened
	var access string
	var refused error
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		o, refused = opened{}, nil
		o, err = s.rotate(ctx, tx, refreshToken)
		if errors.Is(err, errReplayed) {
			refused, err = ErrRefresh, nil // the unit must commit, so that the session stays revoked
			return err
		}
		if err == nil { // within the unit: if it fails, the old token stays unused
			access, err = s.issue(ctx, o.user.ID, o.session)
		}
		return err
	})
	switch {
	case err != nil:
		note(ctx, o.user.ID, "")
		return SignedIn{}, fmt.Errorf("refresh: %w", err)
	case refused != nil:
		note(ctx, o.user.ID, ReusedToken)
		return SignedIn{}, refused
	}
	return s.signedIn(ctx, o, access), nil
}

// errReplayed is returned for a refresh token that was used too often or too late, after its
// session is revoked.
var errReplayed = errors.New("the refresh token was used before")

// rotate uses a refresh token, and returns its session with the next token. If the token is refused,
// it returns the session of the token if that is known.
func (s *Service) rotate(ctx context.Context, tx Tx, refreshToken string) (opened, error) {
	now := s.deps.Clock.Now()
	token, err := tx.Users().UseRefreshToken(ctx, hashSecret(refreshToken), now)
	if errors.Is(err, fault.NotFound) {
		return opened{}, ErrRefresh
	}
	if err != nil {
		return opened{}, fmt.Errorf("use a refresh token: %w", err)
	}
	session, u, err := tx.Users().Session(ctx, token.SessionID)
	if errors.Is(err, fault.NotFound) {
		return opened{}, ErrRefresh
	}
	if err != nil {
		return opened{}, fmt.Errorf("read a session: %w", err)
	}
	of := opened{user: u, session: session.ID}
	if !token.UsedAt.IsZero() && (token.Uses >= maxSuccessors || now.Sub(token.UsedAt) >= s.deps.Policy.RefreshGrace) {
		if err := tx.Users().RevokeSession(ctx, token.SessionID, now); err != nil {
			return opened{}, fmt.Errorf("revoke a session: %w", err)
		}
		return of, errReplayed
	}
	if !s.mayUse(session, u) || !now.Before(token.ExpiresAt) {
		return of, ErrRefresh
	}
	if of.user, err = s.resumed(ctx, tx, u, now); err != nil {
		return opened{}, err
	}
	var hash SecretHash
	of.refresh, hash = newSecret()
	if err := tx.Users().AddRefreshToken(ctx, s.newRefreshToken(session, hash, now)); err != nil {
		return opened{}, fmt.Errorf("add a refresh token: %w", err)
	}
	return of, nil
}

// SignOut ends the session of a refresh token, also of a used one. It does nothing if the token is
// unknown.
func (s *Service) SignOut(ctx context.Context, refreshToken string) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		now := s.deps.Clock.Now()
		token, err := tx.Users().UseRefreshToken(ctx, hashSecret(refreshToken), now)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("use a refresh token: %w", err)
		}
		return tx.Users().RevokeSession(ctx, token.SessionID, now)
	})
	if err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

// Sessions lists the caller's sessions that have not ended, newest first. Errors: ErrNotSignedIn.
func (s *Service) Sessions(ctx context.Context, caller id.User, r page.Request[page.Moment]) (page.Page[Session, page.Moment], error) {
	var p page.Page[Session, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if _, err := Active(ctx, tx, caller); err != nil {
			return err
		}
		open := s.deps.Policy.OpenSessions(s.deps.Clock.Now())
		p, err = page.Read(r, PlaceOfSession, func(after *page.Moment, limit int) ([]Session, error) {
			return tx.Users().Sessions(ctx, caller, open, after, limit)
		})
		return err
	})
	return p, err
}

// EndSession ends a session of the caller, which may be the one that they use. Errors:
// ErrSessionNotFound if it has ended, also by an earlier call, or is not theirs; ErrNotSignedIn.
func (s *Service) EndSession(ctx context.Context, caller id.User, session id.Session) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := Active(ctx, tx, caller); err != nil {
			return err
		}
		there, u, err := tx.Users().Session(ctx, session)
		if errors.Is(err, fault.NotFound) || err == nil && (there.UserID != caller || !s.mayUse(there, u)) {
			return ErrSessionNotFound
		}
		if err != nil {
			return fmt.Errorf("read a session: %w", err)
		}
		return tx.Users().RevokeSession(ctx, session, s.deps.Clock.Now())
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// EndOtherSessions ends all sessions of the caller except the one that they use. It may run more
// than once. Errors: ErrNotSignedIn.
func (s *Service) EndOtherSessions(ctx context.Context, caller Caller) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := Active(ctx, tx, caller.UserID); err != nil {
			return err
		}
		return tx.Users().RevokeSessions(ctx, caller.UserID, caller.SessionID, s.deps.Clock.Now())
	})
	if err != nil {
		return fmt.Errorf("end the other sessions: %w", err)
	}
	return nil
}

// PurgeSessions removes sessions of which all refresh tokens have expired, and returns their
// number. It may run at any time, and concurrently in several processes.
func (s *Service) PurgeSessions(ctx context.Context) (int, error) {
	n, err := s.purge(ctx, func(ctx context.Context, tx Tx, limit int) (int, error) {
		return tx.Users().PurgeSessions(ctx, s.deps.Clock.Now(), limit)
	})
	if err != nil {
		err = fmt.Errorf("purge sessions: %w", err)
	}
	return n, err
}

// purge removes what has expired, in units of their own, and returns the number.
func (s *Service) purge(
	ctx context.Context, remove func(ctx context.Context, tx Tx, limit int) (int, error),
) (int, error) {
	const batch = 1000
	total := 0
	for {
		var n int
		err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
			n, err = remove(ctx, tx, batch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
		if n < batch {
			return total, nil
		}
	}
}
