package porttest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// sessionsTests tests sessions, refresh tokens and password resets.
var sessionsTests = []test{
	{"a session comes back with its account", sessionRead},
	{"sessions are listed in pages, newest first", sessionPages},
	{"of several sessions, the active ones are found", sessionsActive},
	{"a unit begins with the check of a session", presenceChecked},
	{"a unit begins with the check of an account", activeChecked},
	{"another refresh token is a use of its session", sessionUsed},
	{"a refresh token counts its uses, and notes the time of the first", tokenUsed},
	{"of concurrent uses of a refresh token, each finds another number of uses", tokenRace},
	{"a revoked session stays revoked", sessionRevoked},
	{"revoking all sessions ends the live ones, except one", sessionsRevoked},
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

// sessionsOf lists all sessions of an account.
func (f *fixture) sessionsOf(user id.User) []users.Session {
	f.Helper()
	return read(f, func(ctx context.Context, tx ports.Tx) ([]users.Session, error) {
		return tx.Users().Sessions(ctx, user, users.SessionFilter{}, nil, 10000)
	})
}

func sessionPages(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben")
	var all []users.Session
	for i := range paged {
		s, first := f.newSession(ada.ID)
		s.CreatedAt, s.LastUsedAt = tie(i), noon.Add(time.Duration(i%5)*time.Minute)
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddSession(ctx, s, first) })
		if i%3 == 0 {
			s.RevokedAt = noon.Add(time.Hour)
			f.revoke(s.ID, s.RevokedAt)
		}
		all = append(all, s)
	}
	f.session(ben.ID)
	all = newestFirst(all, func(s users.Session) time.Time { return s.CreatedAt }, func(s users.Session) id.Session {
		return s.ID
	})
	for what, chosen := range map[string]users.SessionFilter{
		"all sessions":                             {},
		"live sessions":                            {Live: true},
		"sessions that began after a time":         {CreatedAfter: tie(paged / 2)},
		"sessions that were used after a time":     {UsedAfter: noon.Add(2 * time.Minute)},
		"live sessions that were used and are new": {Live: true, CreatedAfter: tie(1), UsedAfter: noon},
	} {
		want := filter(all, chosen.Matches)
		if len(want) == 0 || len(want) == len(all) && chosen != (users.SessionFilter{}) {
			f.Fatalf("%s are %d of %d: choose another filter", what, len(want), len(all))
		}
		pages(f, what, want, users.PlaceOfSession,
			func(ctx context.Context, tx ports.Tx, after *page.Moment, limit int) ([]users.Session, error) {
				return tx.Users().Sessions(ctx, ada.ID, chosen, after, limit)
			})
	}
}

func sessionsActive(f *fixture) {
	ada, ben := f.account("ada"), f.account("ben", inactive)
	var asked, active []id.Session
	chosen := users.SessionFilter{Live: true, CreatedAfter: noon, UsedAfter: noon.Add(time.Minute)}
	for i := range 16 {
		of := ada
		if i&1 != 0 {
			of = ben
		}
		s, first := f.newSession(of.ID)
		s.CreatedAt, s.LastUsedAt = noon.Add(time.Duration(i>>1&1)*time.Hour), noon.Add(time.Duration(i>>2&1)*time.Hour)
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddSession(ctx, s, first) })
		if i&8 != 0 {
			s.RevokedAt = noon.Add(time.Hour)
			f.revoke(s.ID, s.RevokedAt)
		}
		asked = append(asked, s.ID)
		if of.IsActive && chosen.Matches(s) {
			active = append(active, s.ID)
		}
	}
	f.session(ada.ID) // which is not asked for
	find := func(filter users.SessionFilter, ids ...id.Session) []id.Session {
		return slices.SortedFunc(slices.Values(read(f, func(ctx context.Context, tx ports.Tx) ([]id.Session, error) {
			return tx.Users().ActiveSessions(ctx, filter, ids...)
		})), id.Session.Compare)
	}
	f.same("the active sessions that match a filter", find(chosen, append(asked, id.Session(f.ids.Next()))...), active)
	f.same("the number of active sessions", len(find(users.SessionFilter{}, asked...)), len(asked)/2)
	f.same("an active session that is asked for twice", find(chosen, active[0], active[0]), active[:1])
	f.same("the active ones of no sessions", find(users.SessionFilter{}), []id.Session(nil))
}

func sessionUsed(f *fixture) {
	ada := f.account("ada")
	session, _ := f.session(ada.ID)
	other, _ := f.session(ada.ID)
	for _, use := range []struct{ at, last time.Time }{
		{noon.Add(time.Hour), noon.Add(time.Hour)},
		{noon.Add(time.Minute), noon.Add(time.Hour)}, // another server's clock may be behind
		{noon.Add(2 * time.Hour), noon.Add(2 * time.Hour)},
	} {
		token := f.newRefreshToken(session.ID, use.at.Add(time.Hour))
		token.CreatedAt = use.at
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddRefreshToken(ctx, token) })
		session.LastUsedAt = use.last
		f.same("the session", f.sessionOf(session.ID), session)
	}
	f.same("another session", f.sessionOf(other.ID), other)
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
	kept, _ := f.session(ada.ID)
	other, _ := f.session(ben.ID)
	f.revoke(early.ID, noon.Add(time.Minute))
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Users().RevokeSessions(ctx, ada.ID, kept.ID, noon.Add(time.Hour))
	})
	early.RevokedAt, late.RevokedAt = noon.Add(time.Minute), noon.Add(time.Hour)
	f.same("a session that ended before", f.sessionOf(early.ID), early)
	f.same("a session that was live", f.sessionOf(late.ID), late)
	f.same("the session that is excepted", f.sessionOf(kept.ID), kept)
	f.same("the session of another account", f.sessionOf(other.ID), other)
	f.do(func(ctx context.Context, tx ports.Tx) error {
		return tx.Users().RevokeSessions(ctx, ada.ID, id.Session{}, noon.Add(2*time.Hour))
	})
	kept.RevokedAt = noon.Add(2 * time.Hour)
	f.same("a session when none is excepted", f.sessionOf(kept.ID), kept)
}

func sessionsPurged(f *fixture) {
	ada := f.account("ada")
	add := func(expiries ...time.Duration) users.Session {
		s := users.Session{ID: id.Session(f.ids.Next()), UserID: ada.ID, CreatedAt: noon, LastUsedAt: noon}
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
	got := f.sessionsOf(ada.ID)
	slices.Reverse(got)
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
