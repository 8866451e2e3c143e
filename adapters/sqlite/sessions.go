package sqlite

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

func addRefreshToken(ctx context.Context, c *conn, t users.RefreshToken) error {
	_, err := c.exec(ctx, "INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at, used_at) VALUES (?, ?, ?, ?, ?)",
		t.Hash[:], blob(t.SessionID), milli(t.CreatedAt), milli(t.ExpiresAt), milliOrNull(t.UsedAt))
	return err
}

func (r usersRepository) AddSession(ctx context.Context, session users.Session, first users.RefreshToken) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "INSERT INTO sessions (id, user_id, created_at, revoked_at) VALUES (?, ?, ?, ?)",
			blob(session.ID), blob(session.UserID), milli(session.CreatedAt), milliOrNull(session.RevokedAt))
		if err != nil {
			return err
		}
		return addRefreshToken(ctx, c, first)
	})
}

func (r usersRepository) Session(ctx context.Context, session id.Session) (there users.Session, u users.User, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, func(r *row) users.Session {
			s := scanSession(r)
			u = scanUser(r)
			return s
		}, "SELECT "+sessionColumns+", "+userColumns+" FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?",
			blob(session))
		return orNotFound(err, "a session")
	})
	return there, u, err
}

func (r usersRepository) Sessions(ctx context.Context, user id.User) (all []users.Session, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, scanSession,
			"SELECT "+sessionColumns+" FROM sessions WHERE user_id = ? ORDER BY created_at, id", blob(user))
		return err
	})
	return all, err
}

func (r usersRepository) UseRefreshToken(ctx context.Context, hash users.SecretHash, at time.Time) (before users.RefreshToken, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		before, err = find(ctx, c, scanRefreshToken,
			"SELECT hash, session_id, created_at, expires_at, used_at FROM refresh_tokens WHERE hash = ?", hash[:])
		if err != nil || !before.UsedAt.IsZero() {
			return orNotFound(err, "a refresh token")
		}
		_, err = c.exec(ctx, "UPDATE refresh_tokens SET used_at = ? WHERE hash = ?", milli(at), hash[:])
		return err
	})
	return before, err
}

func (r usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return r.write(ctx, func(c *conn) error { return addRefreshToken(ctx, c, t) })
}

func (r usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", milli(at), blob(session))
		return err
	})
}

func (r usersRepository) RevokeSessions(ctx context.Context, user id.User, at time.Time) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL", milli(at), blob(user))
		return err
	})
}

func (r usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = r.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM sessions WHERE id IN (
			SELECT s.id FROM sessions s LEFT JOIN refresh_tokens t ON t.session_id = s.id
			GROUP BY s.id HAVING max(t.expires_at) IS NULL OR max(t.expires_at) < ?
			ORDER BY max(t.expires_at), s.id LIMIT ?)`, milli(before), limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}

func (r usersRepository) SetReset(ctx context.Context, reset users.Reset) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, `INSERT INTO password_resets (user_id, hash, expires_at) VALUES (?, ?, ?)
			ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at`,
			blob(reset.UserID), reset.Hash[:], milli(reset.ExpiresAt))
		return err
	})
}

func (r usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		reset, err = find(ctx, c, func(r *row) users.Reset {
			return users.Reset{UserID: r.id(), Hash: r.hash(), ExpiresAt: r.time()}
		}, "SELECT user_id, hash, expires_at FROM password_resets WHERE hash = ?", hash[:])
		return orNotFound(err, "a password reset")
	})
	return reset, err
}

func (r usersRepository) DropReset(ctx context.Context, user id.User) error {
	return r.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM password_resets WHERE user_id = ?", blob(user))
		return err
	})
}
