package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.Repository for sessions, refresh tokens and resets.
type sessionTables struct {
	sessions         tree[*users.Session]      // id
	sessionsOf       index                     // user_id, created_at, id
	liveSessionsOf   index                     // the same, of sessions that are not revoked
	sessionsByExpiry index                     // expires_at of its last refresh token, id
	refreshTokens    tree[*users.RefreshToken] // hash
	refreshTokensOf  tree[*users.RefreshToken] // session_id, hash
	resets           tree[*users.Reset]        // id
	resetsOf         index                     // user_id, expires_at, id
	resetsByHash     tree[*users.Reset]        // hash
}

func (t *sessionTables) copy() sessionTables {
	return sessionTables{
		sessions: t.sessions.copy(), sessionsOf: t.sessionsOf.copy(), liveSessionsOf: t.liveSessionsOf.copy(),
		sessionsByExpiry: t.sessionsByExpiry.copy(), refreshTokens: t.refreshTokens.copy(), refreshTokensOf: t.refreshTokensOf.copy(),
		resets: t.resets.copy(), resetsOf: t.resetsOf.copy(), resetsByHash: t.resetsByHash.copy(),
	}
}

func hashKey(h users.SecretHash) string { return string(h[:]) }

func (s *state) addSession(session users.Session) error {
	switch {
	case s.sessions.has(idKey(session.ID)):
		return taken("a session")
	case !s.users.has(idKey(session.UserID)):
		return noTarget("a session's user")
	}
	s.sessions.put(idKey(session.ID), &session)
	s.sessionsOf.put(sessionPlace(&session), struct{}{})
	if session.Live() {
		s.liveSessionsOf.put(sessionPlace(&session), struct{}{})
	}
	s.sessionsByExpiry.put(s.expiryPlace(session.ID), struct{}{})
	return nil
}

func sessionPlace(s *users.Session) string {
	return idKey(s.UserID) + momentKey(page.Moment{At: s.CreatedAt, ID: s.ID})
}

// expiryPlace returns the position of a session in the order in which sessions are purged.
func (t *sessionTables) expiryPlace(session id.Session) string {
	var last time.Time
	for _, token := range t.refreshTokensOf.ascend(idKey(session), "") {
		if token.ExpiresAt.After(last) {
			last = token.ExpiresAt
		}
	}
	return momentKey(page.Moment{At: last, ID: session})
}

func (t *sessionTables) addRefreshToken(token users.RefreshToken) error {
	switch {
	case t.refreshTokens.has(hashKey(token.Hash)):
		return taken("a refresh token")
	case !t.sessions.has(idKey(token.SessionID)):
		return noTarget("a refresh token's session")
	}
	t.sessionsByExpiry.drop(t.expiryPlace(token.SessionID))
	t.putRefreshToken(&token)
	t.sessionsByExpiry.put(t.expiryPlace(token.SessionID), struct{}{})
	return nil
}

func (t *sessionTables) putRefreshToken(token *users.RefreshToken) {
	t.refreshTokens.put(hashKey(token.Hash), token)
	t.refreshTokensOf.put(idKey(token.SessionID)+hashKey(token.Hash), token)
}

// sessionsIn lists an account's sessions, oldest first.
func (t *sessionTables) sessionsIn(user id.User) []*users.Session {
	var list []*users.Session
	for key := range t.sessionsOf.ascend(idKey(user), "") {
		session, _ := t.sessions.get(idKey(lastID(key)))
		list = append(list, session)
	}
	return list
}

func (t *sessionTables) revoke(session *users.Session, at time.Time) {
	if session.Live() {
		ended := *session
		ended.RevokedAt = at
		t.sessions.put(idKey(ended.ID), &ended)
		t.liveSessionsOf.drop(sessionPlace(&ended))
	}
}

func (t *sessionTables) dropSession(session *users.Session) {
	t.sessionsByExpiry.drop(t.expiryPlace(session.ID))
	t.sessionsOf.drop(sessionPlace(session))
	t.liveSessionsOf.drop(sessionPlace(session))
	t.sessions.drop(idKey(session.ID))
	var tokens []*users.RefreshToken
	for _, token := range t.refreshTokensOf.ascend(idKey(session.ID), "") {
		tokens = append(tokens, token)
	}
	for _, token := range tokens {
		t.refreshTokens.drop(hashKey(token.Hash))
		t.refreshTokensOf.drop(idKey(session.ID) + hashKey(token.Hash))
	}
}

func (t *sessionTables) dropSessionsOf(user id.User) {
	for _, session := range t.sessionsIn(user) {
		t.dropSession(session)
	}
}

func (s *state) addReset(r users.Reset) error {
	switch {
	case s.resets.has(idKey(r.ID)):
		return taken("a password reset's id")
	case s.resetsByHash.has(hashKey(r.Hash)):
		return taken("a password reset")
	case !s.users.has(idKey(r.UserID)):
		return noTarget("a password reset's user")
	}
	s.resets.put(idKey(r.ID), &r)
	s.resetsOf.put(resetPlace(&r), struct{}{})
	s.resetsByHash.put(hashKey(r.Hash), &r)
	return nil
}

func resetPlace(r *users.Reset) string {
	return idKey(r.UserID) + momentKey(page.Moment{At: r.ExpiresAt, ID: r.ID})
}

// dropResets removes the resets of an account, except the given number of those that expire last.
func (t *sessionTables) dropResets(user id.User, except int) {
	var gone []*users.Reset
	for key := range t.resetsOf.descend(idKey(user), "") {
		if except--; except < 0 {
			r, _ := t.resets.get(idKey(lastID(key)))
			gone = append(gone, r)
		}
	}
	for _, r := range gone {
		t.resets.drop(idKey(r.ID))
		t.resetsOf.drop(resetPlace(r))
		t.resetsByHash.drop(hashKey(r.Hash))
	}
}

func (repo usersRepository) AddSession(ctx context.Context, s users.Session, first users.RefreshToken) error {
	return repo.write(ctx, func(own *state) error {
		if err := own.addSession(s); err != nil {
			return err
		}
		return own.addRefreshToken(first)
	})
}

func (repo usersRepository) Session(
	ctx context.Context, session id.Session,
) (there users.Session, u users.User, err error) {
	err = repo.read(ctx, func(s *state) error {
		found, ok := s.sessions.get(idKey(session))
		if !ok {
			return notFound("a session")
		}
		a, err := s.account(found.UserID)
		if err == nil {
			there, u = *found, a.User
		}
		return err
	})
	return there, u, err
}

func (repo usersRepository) Sessions(
	ctx context.Context, user id.User, f users.SessionFilter, after *page.Moment, limit int,
) (list []users.Session, err error) {
	err = repo.read(ctx, func(s *state) error {
		of := &s.sessionsOf
		if f.Live {
			of = &s.liveSessionsOf
		}
		list = newest(of, idKey(user), after, limit, func(session [16]byte) (users.Session, bool) {
			there, _ := s.sessions.get(idKey(session))
			return *there, f.Matches(*there)
		})
		return nil
	})
	return list, err
}

func (repo usersRepository) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (before users.RefreshToken, err error) {
	err = repo.write(ctx, func(s *state) error {
		there, found := s.refreshTokens.get(hashKey(hash))
		if !found {
			return notFound("a refresh token")
		}
		before = *there
		used := before
		used.Uses++
		if used.UsedAt.IsZero() {
			used.UsedAt = at
		}
		s.putRefreshToken(&used)
		return nil
	})
	return before, err
}

func (repo usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return repo.write(ctx, func(s *state) error {
		if err := s.addRefreshToken(t); err != nil {
			return err
		}
		used, _ := s.sessions.get(idKey(t.SessionID))
		if t.CreatedAt.After(used.LastUsedAt) {
			again := *used
			again.LastUsedAt = t.CreatedAt
			s.sessions.put(idKey(again.ID), &again)
		}
		return nil
	})
}

func (repo usersRepository) ActiveSessions(
	ctx context.Context, f users.SessionFilter, ids ...id.Session,
) (active []id.Session, err error) {
	err = repo.read(ctx, func(s *state) error {
		for _, session := range eachOnce(ids) {
			found, ok := s.sessions.get(idKey(session))
			if !ok || !f.Matches(*found) {
				continue
			}
			a, err := s.account(found.UserID)
			if err != nil {
				return err
			}
			if a.IsActive {
				active = append(active, session)
			}
		}
		return nil
	})
	return active, err
}

func (repo usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return repo.write(ctx, func(s *state) error {
		if there, found := s.sessions.get(idKey(session)); found {
			s.revoke(there, at)
		}
		return nil
	})
}

func (repo usersRepository) RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error {
	return repo.write(ctx, func(s *state) error {
		for _, session := range s.sessionsIn(user) {
			if session.ID != except {
				s.revoke(session, at)
			}
		}
		return nil
	})
}

func (repo usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(s *state) error {
		var gone []*users.Session
		for key := range s.sessionsByExpiry.ascend("", "") {
			if len(gone) >= limit || key >= timeKey(before) {
				break
			}
			session, _ := s.sessions.get(idKey(lastID(key)))
			gone = append(gone, session)
		}
		for _, session := range gone {
			s.dropSession(session)
		}
		purged = len(gone)
		return nil
	})
	return purged, err
}

func (repo usersRepository) AddReset(ctx context.Context, r users.Reset, keep int) error {
	return repo.write(ctx, func(s *state) error {
		s.dropResets(r.UserID, keep-1)
		return s.addReset(r)
	})
}

func (repo usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = repo.read(ctx, func(s *state) error {
		there, found := s.resetsByHash.get(hashKey(hash))
		if !found {
			return notFound("a password reset")
		}
		reset = *there
		return nil
	})
	return reset, err
}

func (repo usersRepository) DropResets(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(s *state) error {
		s.dropResets(user, 0)
		return nil
	})
}
