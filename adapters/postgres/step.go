package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/users"
)

// step is a unit of a kind.
type step struct {
	*kind
	args  []any     // of columns; those of the record are missing if there is no key
	locks []command // precede a unit that goes alone; none for sends and markings
	needs []any     // of hold; the last one is the key, or nil
	apart [][16]byte
	take  func(r *row) // reads the row that the unit returns, without its place
}

// keep makes the unit save the record of a key, unless r is nil. In a group, units with the same key
// are not in one statement, which could not see that the key is used. A unit that goes alone locks
// the key before all else, if it locks anything before its statement.
func (u *step) keep(c *conn, r *idempotency.Record) {
	if r == nil {
		return
	}
	key := c.store.lockOf(lockOfKey(r.Owner, r.Key)...)
	u.needs[len(u.needs)-1] = key
	u.apart = append(u.apart, [16]byte(binary.BigEndian.AppendUint64(make([]byte, 8, 16), uint64(key)))) // #nosec G115 -- all bits count
	u.args = append(u.args, records.args(*r)...)
	if len(u.locks) > 0 {
		u.locks = append([]command{{statement: holdLock, args: []any{key}}}, u.locks...)
	}
}

// goAlone commits a unit in a round trip of its own: see atOnce.
func (u *step) goAlone(ctx context.Context, c *conn) error {
	s := u.alone
	if len(u.args) == len(u.columns) {
		s = u.once
	}
	_, err := atOnce(ctx, c, scan(u), u.locks, s, u.args...)
	return err
}

// inSession is the condition that session_id is a session of a user, which passes
// users.Presence.Check, or NULL.
func inSession(user statement) statement {
	return `({session_id} IS NULL OR EXISTS (SELECT FROM @sessions WHERE id = {session_id} AND user_id = ` + user + `
				AND revoked_at IS NULL AND created_at > {created_after} AND last_used_at > {used_after}))`
}

// inSessionOf appends the arguments of inSession for the check of a presence, which may be nil.
func inSessionOf(args []any, p *users.Presence, of id.User) []any {
	switch {
	case p == nil:
		return append(args, nil, nil, nil)
	case p.User != of || !p.Open.Live: // for other checks than these, no session is found
		return append(args, uuid(id.Session{}), nil, nil)
	}
	return append(args, uuid(p.Session), timestamp(p.Open.CreatedAfter), timestamp(p.Open.UsedAfter))
}

// gap is a value in the events of a unit that only its statement knows, with what is before and
// around it.
type gap struct{ before, empty, around string }

func newGap(before, empty, after string) gap { return gap{before, empty, before + empty + after} }

// noID is the empty value of an id.
const noID = "00000000-0000-0000-0000-000000000000"

// split appends the parts of a batch of events between its gaps to args.
func split(args []any, batch string, gaps []gap) ([]any, error) {
	for _, g := range gaps {
		at := strings.Index(batch, g.around)
		if at < 0 {
			return nil, fmt.Errorf("the events have no %s%s", g.before, g.empty)
		}
		at += len(g.before)
		args, batch = append(args, batch[:at]), batch[at+len(g.empty):]
	}
	return append(args, batch), nil
}

// splitEvent is split for a single event, without the brackets of a batch.
func splitEvent(args []any, e events.Event, gaps []gap) ([]any, error) {
	one := strings.TrimSuffix(strings.TrimPrefix(events.Batch([]events.Event{e}), "["), "]")
	return split(args, one, gaps)
}
