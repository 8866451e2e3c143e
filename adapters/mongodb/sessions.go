package mongodb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

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

// expiredEver is the expiry of a session without refresh tokens.
var expiredEver = date(time.Time{})

// insertSession adds a session with the columns of doc. Its document has the expiry of its last
// refresh token.
func (t *txn) insertSession(doc bson.D, expires primitive.DateTime) {
	t.later(sessionsIn, inserting(append(doc, d("expires_at", expires)...)))
}

// insertRefreshToken adds another token of a session, with the columns of doc. It increases the
// given fields of the session, too.
func (t *txn) insertRefreshToken(ctx context.Context, doc bson.D, increased ...bson.E) error {
	matched, err := t.apply(ctx, sessionsIn, changing(d("_id", field(doc, "session_id")),
		d("$max", append(d("expires_at", field(doc, "expires_at")), increased...))))
	if err == nil && matched == 0 {
		err = fmt.Errorf("%w: a refresh token's session must exist", errRule)
	}
	t.later(refreshTokensIn, inserting(doc))
	return err
}

// dropSessions removes the sessions that a query finds, with their refresh tokens.
func dropSessions(ctx context.Context, t *txn, q query) error {
	_, err := purgeSessions(ctx, t, q)
	return err
}

func purgeSessions(ctx context.Context, t *txn, q query) (purged int, err error) {
	if err := t.lift(ctx, q.in, q.filter); err != nil {
		return 0, err
	}
	if err := t.begin(ctx); err != nil { // a session that is extended concurrently must stay
		return 0, err
	}
	q.fields, q.locked = d("_id", 1), true
	gone, err := list(ctx, t, func(r *record) any { return binary(r.id("_id")) }, q)
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	if _, err := t.update(ctx, refreshTokensIn, removingAll(d("session_id", d("$in", bson.A(gone))))); err != nil {
		return 0, err
	}
	n, err := t.update(ctx, sessionsIn, removingAll(d("_id", d("$in", bson.A(gone)))))
	return int(n), err
}

func (repo usersRepository) AddSession(ctx context.Context, s users.Session, first users.RefreshToken) error {
	return repo.write(ctx, func(t *txn) error {
		t.insertSession(sessions.doc(s), date(first.ExpiresAt))
		t.later(refreshTokensIn, inserting(refreshTokens.doc(first)))
		return nil
	})
}

// Session reads the session first and then its account, because a session's account never changes,
// and the account's latest state decides.
func (repo usersRepository) Session(
	ctx context.Context, session id.Session,
) (there users.Session, u users.User, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		there, err = find(ctx, t, sessions.scan, query{in: sessionsIn, filter: d("_id", uuid(session))})
		if err == nil {
			u, err = findUser(ctx, t, there.UserID)
		}
		return orNotFound(err, "a session")
	})
	return there, u, err
}

func (repo usersRepository) Sessions(
	ctx context.Context, user id.User, f users.SessionFilter, after *page.Moment, limit int,
) (all []users.Session, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := d("user_id", uuid(user))
		if f.Live {
			filter = append(filter, d("revoked_at", nil)...)
		}
		if !f.UsedAfter.IsZero() {
			filter = append(filter, d("last_used_at", d("$gt", date(f.UsedAfter)))...)
		}
		if !f.CreatedAfter.IsZero() { // in $and, because past has a condition on created_at, too
			filter = append(filter, d("$and", bson.A{d("created_at", d("$gt", date(f.CreatedAfter)))})...)
		}
		all, err = listPage(ctx, t, sessions.scan, limit, query{
			in: sessionsIn, filter: append(filter, past(after, "$lt", "created_at", "_id")...), sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

// ActiveSessions reads the sessions first and then their accounts, as Session does.
func (repo usersRepository) ActiveSessions(
	ctx context.Context, f users.SessionFilter, ids ...id.Session,
) (active []id.Session, err error) {
	err = repo.read(ctx, func(t *txn) error {
		open, err := list(ctx, t, sessions.scan, query{in: sessionsIn, filter: d("_id", d("$in", uuids(ids)))})
		open = slices.DeleteFunc(open, func(s users.Session) bool { return !f.Matches(s) })
		if err != nil || len(open) == 0 {
			return err
		}
		of := make([]id.User, len(open))
		for i, s := range open {
			of[i] = s.UserID
		}
		there, err := list(ctx, t, func(r *record) id.User { return r.id("_id") }, query{
			in: usersIn, filter: d("_id", d("$in", uuids(of)), "is_active", true), fields: d("_id", 1),
		})
		for _, s := range open {
			if slices.Contains(there, s.UserID) {
				active = append(active, s.ID)
			}
		}
		return err
	})
	return active, err
}

func (repo usersRepository) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (before users.RefreshToken, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		if err := t.queueFor(ctx, turn(turnOfToken+string(hash[:]))); err != nil {
			return err
		}
		q := query{in: refreshTokensIn, filter: d("_id", octets(hash[:])), locked: true}
		if err := t.lift(ctx, q.in, q.filter); err != nil {
			return err
		}
		if err := t.begin(ctx); err != nil { // of two units that read the same count, one fails to write
			return err
		}
		before, err = find(ctx, t, refreshTokens.scan, q)
		if err != nil {
			return orNotFound(err, "a refresh token")
		}
		used := d("uses", before.Uses+1)
		if before.UsedAt.IsZero() {
			used = append(used, d("used_at", date(at))...)
		}
		_, err = t.update(ctx, refreshTokensIn, changing(d("_id", octets(hash[:])), d("$set", used)))
		return err
	})
	return before, err
}

func (repo usersRepository) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	return repo.write(ctx, func(tx *txn) error {
		return tx.insertRefreshToken(ctx, refreshTokens.doc(t), d("last_used_at", date(t.CreatedAt))...)
	})
}

func (repo usersRepository) RevokeSession(ctx context.Context, session id.Session, at time.Time) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(sessionsIn, changing(d("_id", uuid(session), "revoked_at", nil), d("$set", d("revoked_at", date(at)))))
		return nil
	})
}

func (repo usersRepository) RevokeSessions(ctx context.Context, user id.User, except id.Session, at time.Time) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(sessionsIn, changingAll(d("user_id", uuid(user), "revoked_at", nil, "_id", d("$ne", uuid(except))),
			d("$set", d("revoked_at", date(at)))))
		return nil
	})
}

func (repo usersRepository) PurgeSessions(ctx context.Context, before time.Time, limit int) (purged int, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		if limit <= 0 {
			return nil
		}
		purged, err = purgeSessions(ctx, t, query{
			in: sessionsIn, filter: d("expires_at", d("$lt", date(before))), sort: d("expires_at", 1, "_id", 1), limit: limit,
		})
		return err
	})
	return purged, err
}

func (repo usersRepository) AddReset(ctx context.Context, r users.Reset, keep int) error {
	return repo.write(ctx, func(t *txn) error {
		others, err := list(ctx, t, func(r *record) any { return binary(r.id("_id")) }, query{
			in: resetsIn, filter: d("user_id", uuid(r.UserID)), fields: d("_id", 1), sort: d("expires_at", -1, "_id", -1),
		})
		if err != nil {
			return err
		}
		if len(others) >= keep {
			t.later(resetsIn, removingAll(d("_id", d("$in", bson.A(others[keep-1:])))))
		}
		t.later(resetsIn, inserting(resets.doc(r)))
		return nil
	})
}

func (repo usersRepository) Reset(ctx context.Context, hash users.SecretHash) (reset users.Reset, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		reset, err = find(ctx, t, resets.scan, query{in: resetsIn, filter: d("hash", octets(hash[:]))})
		return orNotFound(err, "a password reset")
	})
	return reset, err
}

func (repo usersRepository) DropResets(ctx context.Context, user id.User) error {
	return repo.write(ctx, func(t *txn) error {
		t.later(resetsIn, removingAll(d("user_id", uuid(user))))
		return nil
	})
}
