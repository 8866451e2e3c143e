package porttest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// sessionsTests tests sessions, refresh tokens and password resets.
var sessionsTests = []test{
	{"a session comes back with its account", sessionRead},
	{"sessions are listed oldest first", sessionsListed},
	{"a refresh token counts its uses, and notes the time of the first", tokenUsed},
	{"of concurrent uses of a refresh token, each finds another number of uses", tokenRace},
	{"a revoked session stays revoked", sessionRevoked},
	{"revoking all sessions ends the live ones", sessionsRevoked},
	{"purging removes sessions whose tokens have all expired", sessionsPurged},
	{"an account keeps the resets that expire last", resetsKept},
	{"of concurrent uses of a reset, one succeeds", resetRace},
}

// sessionOf reads a session.
func (f *fixture) sessionOf(session id.Session) users.Session {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) (users.Session, error) {
		s, _, err := tx.Users().Session(ctx, session)
		return s, err
	})
}

func sessionRead(f *fixture) {
	ada := f.account("ada", inactive)
	session, _ := f.session(ada.ID)
	var u users.User
	s := read(f, func(ctx context.Context, tx ports.Tx) (s users.Session, err error) {
		s, u, err = tx.Users().Session(ctx, session.ID)
		return s, err
	})
	f.same("the session", s, session)
	f.same("its account", u, ada)
}

func sessionsListed(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	var want []users.Session
	for i := range 10 {
		s, first := f.newSession(ada.ID)
		s.CreatedAt = tie(i)
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddSession(ctx, s, first) })
		want = append(want, s)
	}
	f.session(ben.ID)
	want = oldestFirst(want, func(s users.Session) time.Time { return s.CreatedAt }, func(s users.Session) id.Session {
		return s.ID
	})
	got := read(f, func(ctx context.Context, tx ports.Tx) ([]users.Session, error) {
		return tx.Users().Sessions(ctx, ada.ID)
	})
	sameList(f, "the sessions", got, want)
}

func tokenUsed(f *fixture) {
	ada := f.account("ada")
	session, first := f.session(ada.ID)
	second := f.newRefreshToken(session.ID, noon.Add(time.Hour))
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddRefreshToken(ctx, second) })
	use := func(t users.RefreshToken, at time.Time) users.RefreshToken {
		return write(f, func(ctx context.Context, tx ports.Tx) (users.RefreshToken, error) {
			return tx.Users().UseRefreshToken(ctx, t.Hash, at)
		})
	}
	err := f.try(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().UseRefreshToken(ctx, first.Hash, noon); err != nil {
			return err
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		f.Error(err)
	}
	f.same("the token at its first use", use(first, noon.Add(time.Minute)), first)
	first.UsedAt = noon.Add(time.Minute)
	for first.Uses = 1; first.Uses < 4; first.Uses++ {
		f.same("the token at a further use", use(first, noon.Add(time.Hour)), first)
	}
	f.same("another token of the session", use(second, noon), second)
}

func tokenRace(f *fixture) {
	ada := f.account("ada")
	for range rounds(5, 300) {
		_, token := f.session(ada.ID)
		found := make([]users.RefreshToken, 10)
		at := func(i int) time.Time { return noon.Add(time.Duration(i) * time.Second) }
		f.allConcurrently(len(found), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				found[i], err = tx.Users().UseRefreshToken(ctx, token.Hash, at(i))
				return err
			})
		})
		first := slices.IndexFunc(found, func(t users.RefreshToken) bool { return t.UsedAt.IsZero() })
		if first < 0 {
			f.Fatal("no unit found the token unused")
		}
		want := token
		slices.SortFunc(found, func(a, b users.RefreshToken) int { return cmp.Compare(a.Uses, b.Uses) })
		for i, got := range found {
			if want.Uses = int64(i); i > 0 {
				want.UsedAt = at(first)
			}
			f.same("the token at a concurrent use", got, want)
		}
	}
}

func (f *fixture) revoke(session id.Session, at time.Time) {
	f.Helper()
	f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().RevokeSession(ctx, session, at) })
}

func sessionRevoked(f *fixture) {
	ada := f.account("ada")
	session, _ := f.session(ada.ID)
	other, _ := f.session(ada.ID)
	f.revoke(session.ID, noon.Add(time.Minute))
	f.same("a revoked session lives", f.sessionOf(session.ID).Live(), false)
	f.revoke(session.ID, noon.Add(time.Hour))
	f.same("a session revoked twice lives", f.sessionOf(session.ID).Live(), false)
	f.revoke(id.Session(f.ids.Next()), noon)
	f.same("another session", f.sessionOf(other.ID), other)
}

func sessionsRevoked(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	early, _ := f.session(ada.ID)
	late, _ := f.session(ada.ID)
	other, _ := f.session(ben.ID)
	f.revoke(early.ID, noon.Add(time.Minute))
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Users().RevokeSessions(ctx, ada.ID, noon.Add(time.Hour))
	})
	early.RevokedAt, late.RevokedAt = noon.Add(time.Minute), noon.Add(time.Hour)
	f.same("a session that ended before", f.sessionOf(early.ID), early)
	f.same("a session that was live", f.sessionOf(late.ID), late)
	f.same("the session of another account", f.sessionOf(other.ID), other)
}

func sessionsPurged(f *fixture) {
	ada := f.account("ada")
	add := func(expiries ...time.Duration) users.Session {
		s := users.Session{ID: id.Session(f.ids.Next()), UserID: ada.ID, CreatedAt: noon}
		f.do(func(ctx context.Context, tx ports.Tx) error {
			if err := tx.Users().AddSession(ctx, s, f.newRefreshToken(s.ID, noon.Add(expiries[0]))); err != nil {
				return err
			}
			for _, e := range expiries[1:] {
				if err := tx.Users().AddRefreshToken(ctx, f.newRefreshToken(s.ID, noon.Add(e))); err != nil {
					return err
				}
			}
			return nil
		})
		return s
	}
	stay := []users.Session{add(0), add(-time.Hour, time.Hour), add(time.Hour, -time.Hour), add(time.Millisecond)}
	revoked := add(time.Hour)
	f.revoke(revoked.ID, noon)
	for range 5 {
		add(-time.Millisecond, -time.Hour)
	}
	gone := add(-time.Hour)
	f.revoke(gone.ID, noon)
	for _, want := range []int{4, 2, 0} {
		n := write(f, func(ctx context.Context, tx ports.Tx) (int, error) {
			return tx.Users().PurgeSessions(ctx, noon, 4)
		})
		f.same("the number of purged sessions", n, want)
	}
	revoked.RevokedAt = noon
	got := read(f, func(ctx context.Context, tx ports.Tx) ([]users.Session, error) {
		return tx.Users().Sessions(ctx, ada.ID)
	})
	sameList(f, "the sessions that remain", got, append(stay, revoked))
	f.rowCount(ports.RefreshTokens, 7)
}

// reset reads a reset; found is false if it is not stored.
func reset(ctx context.Context, tx ports.Tx, hash users.SecretHash) (r users.Reset, found bool, err error) {
	r, err = tx.Users().Reset(ctx, hash)
	if errors.Is(err, fault.NotFound) {
		return users.Reset{}, false, nil
	}
	return r, err == nil, err
}

func (f *fixture) newReset(user id.User, expires time.Time) users.Reset {
	return users.Reset{ID: id.Reset(f.ids.Next()), UserID: user, Hash: f.secret(), ExpiresAt: expires}
}

// addReset adds a reset as core does, in a unit that holds the account.
func (f *fixture) addReset(user id.User, expires time.Time, keep int) users.Reset {
	f.Helper()
	r := f.newReset(user, expires)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Hold(ctx, user); err != nil {
			return err
		}
		return tx.Users().AddReset(ctx, r, keep)
	})
	return r
}

func resetsKept(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	other := f.addReset(ben.ID, noon, 1)
	check := func(what string, want []users.Reset, gone ...users.Reset) {
		f.Helper()
		f.view(func(ctx context.Context, tx ports.Tx) error {
			for _, w := range append(want, other) {
				got, _, err := reset(ctx, tx, w.Hash)
				if err != nil {
					return err
				}
				f.same("a reset that is kept "+what, got, w)
			}
			for _, g := range gone {
				_, found, err := reset(ctx, tx, g.Hash)
				if err != nil {
					return err
				}
				f.same("a reset that is removed "+what+" is found", found, false)
			}
			return nil
		})
	}
	late := f.addReset(ada.ID, noon.Add(time.Hour), 3)
	early := f.addReset(ada.ID, noon, 3)
	lower := f.addReset(ada.ID, noon.Add(time.Minute), 3)
	check("when all have room", []users.Reset{late, early, lower})
	higher := f.addReset(ada.ID, noon.Add(time.Minute), 3)
	check("when one makes room", []users.Reset{late, lower, higher}, early)
	soon := f.addReset(ada.ID, noon.Add(-time.Hour), 3) // it stays, although it expires first
	check("when one of two that expire together makes room", []users.Reset{late, higher, soon}, lower)
	last := f.addReset(ada.ID, noon.Add(time.Second), 1)
	check("when one is kept", []users.Reset{last}, late, higher, soon)
	second := f.addReset(ada.ID, noon, 2)
	for range 2 { // the second call finds no reset
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().DropResets(ctx, ada.ID) })
		check("when all are dropped", nil, last, second)
	}
	f.rowCount(ports.PasswordResets, 1)
}

// resetRace uses a reset as core does: a unit reads it, holds its account, and reads it again.
func resetRace(f *fixture) {
	ada := f.account("ada")
	for range rounds(3, 200) {
		r := f.addReset(ada.ID, noon, 3)
		used := make([]bool, 10)
		f.allConcurrently(len(used), func(i int) error {
			return f.store.Do(f.ctx, func(ctx context.Context, tx ports.Tx) (err error) {
				if _, err = tx.Users().Hold(ctx, ada.ID); err != nil {
					return err
				}
				if _, used[i], err = reset(ctx, tx, r.Hash); err != nil || !used[i] {
					return err
				}
				return tx.Users().DropResets(ctx, ada.ID)
			})
		})
		f.same("the number of units that used it", len(filter(used, func(b bool) bool { return b })), 1)
	}
}
