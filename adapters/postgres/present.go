package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/cicerone-go/cicerone/core/users"
)

// presentable holds two forms of a statement that only reads. checked has four more arguments,
// those of withPresence, and returns no rows if the session does not pass users.Presence.Check.
// Otherwise it returns the rows of plain in their order, which the check does not depend on.
type presentable struct{ plain, checked statement }

// withCheck returns the two forms of a statement with so many arguments.
func withCheck(s statement, args int) presentable {
	return presentable{s, "SELECT result.* FROM (" + s + ") AS result WHERE " + isPresent(args)}
}

// isPresent is the condition that a session passes users.Presence.Check: see openSession. The plan
// of two subqueries has fewer steps than that of a join.
func isPresent(args int) statement {
	return hasSession(args) + " AND (SELECT is_active FROM @users WHERE id = $" + statement(strconv.Itoa(args+2)) + ")"
}

// hasSession is the condition that a session meets openSession.
func hasSession(args int) statement {
	return "EXISTS (SELECT FROM @sessions WHERE " + openSession(args) + ")"
}

// openSession is the condition on sessions for users.Presence with a filter of live sessions. Its
// arguments are those of withPresence, after so many others.
func openSession(args int) statement {
	number := func(i int) string { return "$" + strconv.Itoa(args+i) }
	return statement(strings.NewReplacer("$1", number(1), "$2", number(2), "$3", number(3), "$4", number(4)).Replace(
		"sessions.id = $1 AND sessions.user_id = $2 AND revoked_at IS NULL AND sessions.created_at > $3 AND last_used_at > $4"))
}

// listPresent is list. If the unit begins with the check of a session, which is queued, the
// statement makes it. Only if that has no rows, because there are none or because the session does
// not pass, the check and the statement are sent as they are.
func listPresent[T any](ctx context.Context, c *conn, scan func(r *row, v *T), s presentable, args ...any) ([]T, error) {
	p := c.presence
	if p == nil || len(c.first) == 0 || c.frame != (frame{}) || !p.Open.Live {
		return list(ctx, c, scan, s.plain, args...)
	}
	checks := c.first
	c.first = nil
	all, err := list(ctx, c, scan, s.checked, withPresence(args, p)...)
	if err == nil && len(all) > 0 {
		return all, nil
	}
	if c.first = checks; err != nil {
		return nil, err
	}
	return list(ctx, c, scan, s.plain, args...)
}

// withPresence returns args, and after them the arguments of openSession.
func withPresence(args []any, p *users.Presence) []any {
	return append(append(make([]any, 0, len(args)+4), args...),
		uuid(p.Session), uuid(p.User), timestamp(p.Open.CreatedAfter), timestamp(p.Open.UsedAfter))
}
