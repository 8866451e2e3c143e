package porttest_test

import (
	"context"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// twoAddresses stores a second account with the same address.
type twoAddresses struct{ users.Repository }

func (r twoAddresses) Add(ctx context.Context, u users.User, password users.PasswordHash) (bool, error) {
	for {
		created, err := r.Repository.Add(ctx, u, password)
		if created || err != nil {
			return created, err
		}
		u.Email = "x" + u.Email
	}
}

// ignoresTwins finds the account that is not a twin, and adds an account beside twins.
type ignoresTwins struct{ users.Repository }

func (r ignoresTwins) ByEmail(ctx context.Context, email string) (users.User, users.PasswordHash, error) {
	return r.Repository.ByEmail(ctx, " "+email)
}

func (r ignoresTwins) Add(ctx context.Context, u users.User, password users.PasswordHash) (bool, error) {
	there, err := r.WithAddress(ctx, text.FoldAddress(u.Email))
	if err != nil || len(there) == 0 || !there[0].Twin {
		if err != nil {
			return false, err
		}
		return r.Repository.Add(ctx, u, password)
	}
	u.Email = "x" + u.Email
	return r.Repository.Add(ctx, u, password)
}

// grantsAgain grants the bonus of an address whenever it is asked to.
type grantsAgain struct{ users.Repository }

func (r grantsAgain) Grant(ctx context.Context, address users.SecretHash) (bool, error) {
	_, err := r.Repository.Grant(ctx, address)
	return err == nil, err
}

// newKeys returns a new key of the store each time.
type newKeys struct{ users.Repository }

func (r newKeys) Key(ctx context.Context, name string, fresh []byte) ([]byte, error) {
	_, err := r.Repository.Key(ctx, name, fresh)
	return fresh, err
}

// savesStale saves an account of any version.
type savesStale struct{ users.Repository }

func (r savesStale) Save(ctx context.Context, u users.User) error {
	present, err := r.User(ctx, u.ID)
	if err != nil {
		return err
	}
	u.Version = present.Version
	return r.Repository.Save(ctx, u)
}

// checksNobody admits whoever makes a request.
type checksNobody struct{ users.Repository }

func (checksNobody) CheckPresence(context.Context, users.Presence) error { return nil }
func (checksNobody) CheckActive(context.Context, id.User) error          { return nil }

// checksReaders leaves a check to the next list of accounts, and forgets it if there is none.
type checksReaders struct {
	users.Repository
	late *error
}

func (r checksReaders) CheckPresence(ctx context.Context, p users.Presence) error {
	s, u, err := r.Session(ctx, p.Session)
	if err != nil {
		return users.ErrNotSignedIn
	}
	*r.late = p.Check(s, u)
	return nil
}

func (r checksReaders) CheckActive(ctx context.Context, user id.User) error {
	if u, err := r.User(ctx, user); err != nil || !u.IsActive {
		*r.late = users.ErrNotSignedIn
	}
	return nil
}

func (r checksReaders) List(ctx context.Context, f users.Filter, after *page.Moment, limit int) ([]users.User, error) {
	if *r.late != nil {
		return nil, *r.late
	}
	return r.Repository.List(ctx, f, after, limit)
}

// usedTwice reports every refresh token as unused.
type usedTwice struct{ users.Repository }

func (r usedTwice) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (users.RefreshToken, error) {
	t, err := r.Repository.UseRefreshToken(ctx, hash, at)
	t.UsedAt, t.Uses = time.Time{}, 0
	return t, err
}

// countsToTwo forgets the uses of a refresh token after the first.
type countsToTwo struct{ users.Repository }

func (r countsToTwo) UseRefreshToken(
	ctx context.Context, hash users.SecretHash, at time.Time,
) (users.RefreshToken, error) {
	t, err := r.Repository.UseRefreshToken(ctx, hash, at)
	t.Uses = min(t.Uses, 1)
	return t, err
}

// listsEnded lists sessions whether they live or not.
type listsEnded struct{ users.Repository }

func (r listsEnded) Sessions(
	ctx context.Context, user id.User, f users.SessionFilter, after *page.Moment, limit int,
) ([]users.Session, error) {
	f.Live = false
	return r.Repository.Sessions(ctx, user, f, after, limit)
}

// neverUsed stores a refresh token as one from before the session was last used.
type neverUsed struct{ users.Repository }

func (r neverUsed) AddRefreshToken(ctx context.Context, t users.RefreshToken) error {
	t.CreatedAt = time.Time{}
	return r.Repository.AddRefreshToken(ctx, t)
}

// exceptsNone revokes the session that is excepted, too.
type exceptsNone struct{ users.Repository }

func (r exceptsNone) RevokeSessions(ctx context.Context, user id.User, _ id.Session, at time.Time) error {
	return r.Repository.RevokeSessions(ctx, user, id.Session{}, at)
}

// keepsOneMore keeps one more reset than it is told.
type keepsOneMore struct{ users.Repository }

func (r keepsOneMore) AddReset(ctx context.Context, reset users.Reset, keep int) error {
	return r.Repository.AddReset(ctx, reset, keep+1)
}

// trims removes leading and trailing white space.
type trims struct{ users.Repository }

func (r trims) Add(ctx context.Context, u users.User, password users.PasswordHash) (bool, error) {
	u.Bio = strings.TrimSpace(u.Bio)
	return r.Repository.Add(ctx, u, password)
}

// findsInactive finds the sessions of accounts that are not active, too.
type findsInactive struct{ users.Repository }

func (r findsInactive) ActiveSessions(
	ctx context.Context, f users.SessionFilter, sessions ...id.Session,
) (active []id.Session, err error) {
	for _, session := range sessions {
		if s, _, err := r.Session(ctx, session); err == nil && f.Matches(s) {
			active = append(active, session)
		}
	}
	return active, nil
}
