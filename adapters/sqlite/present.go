package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// The methods of users.PresenceChecker, and reads that make the check of a session themselves.

// checkPresence has a row if the session ?1 passes users.Presence.Check, or does not because its
// user is suspended: whether the user is active. It is read for nearly each request, so it has no
// more columns than it needs.
const checkPresence = `SELECT is_active FROM sessions JOIN users ON users.id = sessions.user_id
	WHERE sessions.id = ?1 AND sessions.user_id = ?2 AND NOT (?3 AND revoked_at IS NOT NULL)
		AND sessions.created_at > ?4 AND last_used_at > ?5 AND (is_active OR suspended_until IS NOT NULL)`

// CheckPresence implements users.PresenceChecker. The session is read with what the unit reads next.
func (repo usersRepository) CheckPresence(ctx context.Context, p users.Presence) error {
	return repo.Call(ctx, false, func() error {
		if err := repo.settle(ctx); err != nil {
			return err
		}
		repo.presence = &p
		return nil
	})
}

// settle makes the check that is due.
func (u *unit) settle(ctx context.Context) error {
	p := u.presence
	if p == nil {
		return nil
	}
	u.presence = nil
	active, err := find(ctx, u.conn, value((*row).bool), checkPresence,
		blob(p.Session), blob(p.User), p.Open.Live, milli(p.Open.CreatedAfter), milli(p.Open.UsedAfter))
	switch {
	case errors.Is(err, errNone):
		return users.ErrNotSignedIn
	case err != nil:
		return fmt.Errorf("read a session: %w", err)
	case !active:
		return users.ErrSuspended
	}
	return nil
}

// CheckActive implements users.PresenceChecker.
func (repo usersRepository) CheckActive(ctx context.Context, user id.User) error {
	return repo.read(ctx, func(c *conn) error {
		active, err := find(ctx, c, value((*row).bool), "SELECT is_active FROM users WHERE id = ?", blob(user))
		if errors.Is(err, errNone) || err == nil && !active {
			err = users.ErrNotSignedIn
		}
		return err
	})
}

// presentable holds two forms of a statement that only reads. checked has four more arguments,
// presenceArgs, and returns no rows if the session does not pass users.Presence.Check. Otherwise it
// returns the rows of plain.
type presentable struct{ plain, checked string }

// withCheck returns the two forms of a statement with so many arguments. of returns the statement
// with a further condition, which begins with AND, in each of its parts.
func withCheck(args int, of func(present string) string) presentable {
	return presentable{of(""), of(" AND " + present(args))}
}

// present is the condition that a session is open, for users.Presence with a filter of live
// sessions. Its arguments are presenceArgs, after so many others.
func present(args int) string {
	var numbers []string
	for i := range 4 {
		numbers = append(numbers, "$"+strconv.Itoa(i+1), "?"+strconv.Itoa(args+i+1))
	}
	return strings.NewReplacer(numbers...).Replace(`EXISTS (SELECT 1 FROM sessions JOIN users ON users.id = sessions.user_id
			WHERE sessions.id = $1 AND sessions.user_id = $2 AND revoked_at IS NULL AND sessions.created_at > $3 AND last_used_at > $4
				AND users.is_active)`)
}

// presenceArgs returns the arguments of present.
func presenceArgs(p *users.Presence) []any {
	return []any{blob(p.Session), blob(p.User), milli(p.Open.CreatedAfter), milli(p.Open.UsedAfter)}
}

// listPresent is list for the first statement of an f of readPresent. If the check of a session is
// due, the statement makes it. Only if that has no rows, because there are none or because the
// session does not pass, the check and the statement are made one after the other.
func listPresent[T any](
	ctx context.Context, u *unit, scan func(r *row, v *T), s presentable, args ...any,
) ([]T, error) {
	if p := u.presence; p != nil && p.Open.Live {
		all, err := list(ctx, u.conn, scan, s.checked, slices.Concat(args, presenceArgs(p))...)
		if err != nil || len(all) > 0 {
			u.presence = nil
			return all, err
		}
	}
	if err := u.settle(ctx); err != nil {
		return nil, err
	}
	return list(ctx, u.conn, scan, s.plain, args...)
}
