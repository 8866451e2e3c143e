package sqlite

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// The methods of users.Repository for sessions, refresh tokens and resets.

var (
	sessions      = tableOf(ports.SessionLayout)
	refreshTokens = tableOf(ports.RefreshTokenLayout)
	resets        = tableOf(ports.ResetLayout)
)

func addRefreshToken(ctx context.Context, c *conn, t users.RefreshToken) error {
	_, err := c.exec(ctx, refreshTokens.insert, refreshTokens.args(t)...)
	return err
}

func (repo usersRepository) AddSession(ctx context.Context, s users.Session, first users.RefreshToken) error {
	return repo.write(ctx, func(c *conn) error {
		if _, err := c.exec(ctx, sessions.insert, sessions.args(s)...); err != nil {
			return err
		}
		return addRefreshToken(ctx, c, first)
	})
}

func (repo usersRepository) Session(
	ctx context.Context, session id.Session,
) (there users.Session, u users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, func(r *row, s *users.Session) {
			sessions.scan(r, s)
			people.scan(r, &u)
		}, "SELECT "+sessions.columns+", "+people.columns+" FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?",
			blob(session))
		return orNotFound(err, "a session")
	})
	return there, u, err
}

func (repo usersRepository) Sessions(
	ctx context.Context, user id.User, f users.SessionFilter, after *page.Moment, limit int,
) (all []users.Session, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		live := ""
		if f.Live {
			live = " AND revoked_at IS NULL"
		}
		all, err = list(ctx, c, sessions.scan, "SELECT "+sessions.columns+" FROM sessions WHERE user_id = ?1"+live+`
			AND (created_at, id) < (?2, ?3) AND created_at > ?4 AND last_used_at > ?5
			ORDER BY created_at DESC, id DESC LIMIT +?6`,
			blob(user), at, item, milli(f.CreatedAfter), milli(f.UsedAfter), limited(limit))
		return err
	})
	return all, err
}

func (repo usersRepository) ActiveSessions(
	ctx context.Context, f users.SessionFilter, ids ...id.Session,
) (active []id.Session, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		live := ""
		if f.Live {
			live = " AND revoked_at IS NULL"
		}
		active, err = list(ctx, c, func(r *row, s *id.Session) { r.UUID("id", (*[16]byte)(s), ports.Required) },
			`SELECT sessions.id FROM sessions JOIN users ON users.id = sessions.user_id
			WHERE sessions.id IN (SELECT unhex(value) FROM json_each(?1))`+live+`
			AND sessions.created_at > ?2 AND last_used_at > ?3 AND is_active`,
			hexes(ids), milli(f.CreatedAfter), milli(f.UsedAfter))
		return err
	})
	return active, err
}

func (repo usersRepository) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (before users.RefreshToken, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		before, err = find(ctx, c, refreshTokens.scan,
			"SELECT "+refreshTokens.columns+" FROM refresh_tokens WHERE hash = ?", hash[:])
		if err != nil {
			return orNotFound(err, "a refresh token")
		}
		_, err = c.exec(ctx, "UPDATE refresh_tokens SET used_at = coalesce(used_at, ?), uses = coalesce(uses, 0) + 1 WHERE hash = ?",
			milli(at), hash[:])
		return err
	})
	return before, err
}

func (repo usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE sessions SET last_used_at = max(last_used_at, ?) WHERE id = ?", milli(t.CreatedAt), blob(t.SessionID))
		if err != nil {
			return err
		}
		return addRefreshToken(ctx, c, t)
	})
}

func (repo usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", milli(at), blob(session))
		return err
	})
}

func (repo usersRepository) RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "UPDATE sessions SET revoked_at = ? WHERE user_id = ? AND id <> ? AND revoked_at IS NULL",
			milli(at), blob(user), blob(except))
		return err
	})
}

func (repo usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM sessions WHERE id IN (
			SELECT s.id FROM sessions s LEFT JOIN refresh_tokens t ON t.session_id = s.id
			GROUP BY s.id HAVING max(t.expires_at) IS NULL OR max(t.expires_at) < ?
			ORDER BY max(t.expires_at), s.id LIMIT +?)`, milli(before), limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}

func (repo usersRepository) AddReset(ctx context.Context, r users.Reset, keep int) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, `DELETE FROM password_resets WHERE id IN (SELECT id FROM password_resets
			WHERE user_id = ? ORDER BY expires_at DESC, id DESC LIMIT -1 OFFSET ?)`, blob(r.UserID), limited(keep-1))
		if err != nil {
			return err
		}
		_, err = c.exec(ctx, resets.insert, resets.args(r)...)
		return err
	})
}

func (repo usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		reset, err = find(ctx, c, resets.scan, "SELECT "+resets.columns+" FROM password_resets WHERE hash = ?", hash[:])
		return orNotFound(err, "a password reset")
	})
	return reset, err
}

func (repo usersRepository) DropResets(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, "DELETE FROM password_resets WHERE user_id = ?", blob(user))
		return err
	})
}
