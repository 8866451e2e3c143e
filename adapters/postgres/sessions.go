package postgres

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// The sessions, and what else proves who somebody is. They belong to users.Repository.

const sessionColumns = "sessions.id, sessions.user_id, sessions.created_at, sessions.revoked_at"

func scanSession(r *row) users.Session {
	return users.Session{ID: r.id(), UserID: r.id(), CreatedAt: r.time(), RevokedAt: r.time()}
}

func scanRefreshToken(r *row) users.RefreshToken {
	return users.RefreshToken{Hash: r.hash(), SessionID: r.id(), CreatedAt: r.time(), ExpiresAt: r.time(), UsedAt: r.time()}
}

func addRefreshToken(c *conn, t users.RefreshToken) {
	c.later("INSERT INTO @refresh_tokens (hash, session_id, created_at, expires_at, used_at) VALUES ($1, $2, $3, $4, $5)",
		t.Hash[:], uuid(t.SessionID), t.CreatedAt, t.ExpiresAt, timeOrNull(t.UsedAt))
}

func (r usersRepository) AddSession(ctx context.Context, session users.Session, first users.RefreshToken) error {
	return r.write(ctx, func(c *conn) error {
		c.later("INSERT INTO @sessions (id, user_id, created_at, revoked_at) VALUES ($1, $2, $3, $4)",
			uuid(session.ID), uuid(session.UserID), session.CreatedAt, timeOrNull(session.RevokedAt))
		addRefreshToken(c, first)
		return nil
	})
}

func (r usersRepository) Session(ctx context.Context, session id.Session) (there users.Session, u users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, func(r *row) users.Session {
			s := scanSession(r)
			u = scanUser(r)
			return s
		}, "SELECT "+sessionColumns+", "+userColumns+" FROM @sessions JOIN @users ON users.id = sessions.user_id WHERE sessions.id = $1",
			uuid(session))
		return orNotFound(err, "a session")
	})
	return there, u, err
}

func (r usersRepository) Sessions(ctx context.Context, user id.User) (all []users.Session, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, scanSession,
			"SELECT "+sessionColumns+" FROM @sessions WHERE user_id = $1 ORDER BY created_at, id", uuid(user))
		return err
	})
	return all, err
}

func (r usersRepository) UseRefreshToken(ctx context.Context, hash users.SecretHash, at time.Time) (before users.RefreshToken, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		before, err = find(ctx, c, scanRefreshToken, `SELECT hash, session_id, created_at, expires_at, used_at FROM @refresh_tokens
			WHERE hash = $1 FOR NO KEY UPDATE`, hash[:])
		if err != nil {
			return orNotFound(err, "a refresh token")
		}
		if before.UsedAt.IsZero() {
			c.later("UPDATE @refresh_tokens SET used_at = $1 WHERE hash = $2", at, hash[:])
		}
		return nil
	})
	return before, err
}

func (r usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return r.write(ctx, func(c *conn) error {
		addRefreshToken(c, t)
		return nil
	})
}

func (r usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		c.later("UPDATE @sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL", at, uuid(session))
		return nil
	})
}

func (r usersRepository) RevokeSessions(ctx context.Context, user id.User, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		c.later("UPDATE @sessions SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL", at, uuid(user))
		return nil
	})
}

// PurgeSessions leaves to other units the sessions that they are about to remove. The array makes sure that
// the limit is applied once.
func (r usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @sessions WHERE id = ANY(ARRAY(
			SELECT id FROM @sessions
			WHERE NOT EXISTS (SELECT 1 FROM @refresh_tokens WHERE session_id = sessions.id AND expires_at >= $1)
			LIMIT $2 FOR UPDATE SKIP LOCKED))`, before, limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}

func (r usersRepository) SetReset(ctx context.Context, reset users.Reset) error {
	return r.write(ctx, func(c *conn) error {
		c.later(`INSERT INTO @password_resets (user_id, hash, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at`,
			uuid(reset.UserID), reset.Hash[:], reset.ExpiresAt)
		return nil
	})
}

func (r usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		reset, err = find(ctx, c, func(r *row) users.Reset {
			return users.Reset{UserID: r.id(), Hash: r.hash(), ExpiresAt: r.time()}
		}, "SELECT user_id, hash, expires_at FROM @password_resets WHERE hash = $1", hash[:])
		return orNotFound(err, "a password reset")
	})
	return reset, err
}

func (r usersRepository) DropReset(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @password_resets WHERE user_id = $1", uuid(user))
		return nil
	})
}
