package postgres

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

	readSession = "SELECT " + sessions.columns + ", " + people.columns +
		" FROM @sessions JOIN @users ON users.id = sessions.user_id WHERE sessions.id = $1"
)

func (repo usersRepository) AddSession(ctx context.Context, s users.Session, first users.RefreshToken) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(sessions.insert, sessions.args(s)...)
		c.later(refreshTokens.insert, refreshTokens.args(first)...)
		return nil
	})
}

func (repo usersRepository) Session(
	ctx context.Context, session id.Session,
) (there users.Session, u users.User, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = find(ctx, c, func(r *row, s *users.Session) {
			sessions.scan(r, s)
			people.scan(r, &u)
		}, readSession,
			uuid(session))
		return orNotFound(err, "a session")
	})
	return there, u, err
}

// checkPresence has a row if the session $1 passes users.Presence.Check, or does not because its
// user is suspended: whether the user is active. It is read for nearly each request, so it has no
// more columns than it needs.
const checkPresence statement = `SELECT is_active FROM @sessions JOIN @users ON users.id = sessions.user_id
	WHERE sessions.id = $1 AND sessions.user_id = $2 AND NOT ($3 AND revoked_at IS NOT NULL)
		AND sessions.created_at > $4 AND last_used_at > $5 AND (is_active OR suspended_until IS NOT NULL)`

// CheckPresence implements users.PresenceChecker. The session is read with the next question.
func (repo usersRepository) CheckPresence(ctx context.Context, p users.Presence) error {
	return repo.read(ctx, func(c *conn) error {
		c.sooner(func() command {
			return check(value((*row).bool), func(active *bool) error {
				switch {
				case active == nil:
					return users.ErrNotSignedIn
				case !*active:
					return users.ErrSuspended
				}
				return nil
			}, checkPresence, uuid(p.Session), uuid(p.User), p.Open.Live, p.Open.CreatedAfter, p.Open.UsedAfter)
		})
		if len(c.first) == 1 {
			c.presence = &p
		}
		return nil
	})
}

// CheckActive implements users.PresenceChecker.
func (repo usersRepository) CheckActive(ctx context.Context, user id.User) error {
	return repo.read(ctx, func(c *conn) error {
		c.sooner(func() command {
			return check(value((*row).bool), func(active *bool) error {
				if active == nil || !*active {
					return users.ErrNotSignedIn
				}
				return nil
			}, "SELECT is_active FROM @users WHERE id = $1", uuid(user))
		})
		return nil
	})
}

func (repo usersRepository) Sessions(
	ctx context.Context, user id.User, f users.SessionFilter, after *page.Moment, limit int,
) (all []users.Session, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		var live statement
		if f.Live {
			live = " AND revoked_at IS NULL"
		}
		all, err = list(ctx, c, sessions.scan, "SELECT "+sessions.columns+" FROM @sessions WHERE user_id = $1"+live+`
			AND (created_at, id) < ($2, $3) AND created_at > $4 AND last_used_at > $5
			ORDER BY created_at DESC, id DESC LIMIT `+hidden("$6"),
			uuid(user), at, item, f.CreatedAfter, f.UsedAfter, limited(limit))
		return err
	})
	return all, err
}

func (repo usersRepository) ActiveSessions(
	ctx context.Context, f users.SessionFilter, ids ...id.Session,
) (active []id.Session, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		var live statement
		if f.Live {
			live = " AND revoked_at IS NULL"
		}
		active, err = list(ctx, c, func(r *row, s *id.Session) { r.UUID("id", (*[16]byte)(s), ports.Required) },
			`SELECT sessions.id FROM @sessions JOIN @users ON users.id = sessions.user_id
			WHERE sessions.id `+oneOf("$1", "uuid")+live+` AND sessions.created_at > $2 AND last_used_at > $3 AND is_active`,
			uuids(ids), f.CreatedAfter, f.UsedAfter)
		return err
	})
	return active, err
}

func (repo usersRepository) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (before users.RefreshToken, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		before, err = find(ctx, c, refreshTokens.scan,
			"SELECT "+refreshTokens.columns+" FROM @refresh_tokens WHERE hash = $1 FOR NO KEY UPDATE", hash[:])
		if err != nil {
			return orNotFound(err, "a refresh token")
		}
		c.later("UPDATE @refresh_tokens SET used_at = coalesce(used_at, $1), uses = coalesce(uses, 0) + 1 WHERE hash = $2", at, hash[:])
		return nil
	})
	return before, err
}

func (repo usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("UPDATE @sessions SET last_used_at = greatest(last_used_at, $1) WHERE id = $2", t.CreatedAt, uuid(t.SessionID))
		c.later(refreshTokens.insert, refreshTokens.args(t)...)
		return nil
	})
}

func (repo usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("UPDATE @sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL", at, uuid(session))
		return nil
	})
}

func (repo usersRepository) RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("UPDATE @sessions SET revoked_at = $1 WHERE user_id = $2 AND id <> $3 AND revoked_at IS NULL",
			at, uuid(user), uuid(except))
		return nil
	})
}

// PurgeSessions skips sessions that another unit is about to remove. The array ensures that the
// limit applies once.
func (repo usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(c *conn) error {
		n, err := c.exec(ctx, `DELETE FROM @sessions WHERE id = ANY(ARRAY(
			SELECT id FROM @sessions
			WHERE NOT EXISTS (SELECT 1 FROM @refresh_tokens WHERE session_id = sessions.id AND expires_at >= $1)
			LIMIT $2 FOR UPDATE SKIP LOCKED))`, before, limited(limit))
		purged = int(n)
		return err
	})
	return purged, err
}

func (repo usersRepository) AddReset(ctx context.Context, r users.Reset, keep int) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(`DELETE FROM @password_resets WHERE id IN (SELECT id FROM @password_resets
			WHERE user_id = $1 ORDER BY expires_at DESC, id DESC OFFSET `+hidden("$2")+`)`, uuid(r.UserID), limited(keep-1))
		c.later(resets.insert, resets.args(r)...)
		return nil
	})
}

func (repo usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		reset, err = find(ctx, c, resets.scan, "SELECT "+resets.columns+" FROM @password_resets WHERE hash = $1", hash[:])
		return orNotFound(err, "a password reset")
	})
	return reset, err
}

func (repo usersRepository) DropResets(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(c *conn) error {
		c.later("DELETE FROM @password_resets WHERE user_id = $1", uuid(user))
		return nil
	})
}
