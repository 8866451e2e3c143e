package porttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func presenceChecked(f *fixture) {
	for what, p := range f.presences(f.account("ada")) {
		f.checked(what, p.want, p.check)
	}
}

// viewsChecked checks that what views find does not hide a session that does not hold.
func viewsChecked(f *fixture) {
	voyager := f.rich("vera", 100)
	luca, hiking := f.user("luca"), f.interest("hiking")
	talk := f.conversation(voyager, luca)
	f.profile(voyager, hiking)
	f.profile(luca, hiking)
	f.message(talk, voyager, noon)
	f.message(talk, voyager, noon.Add(time.Second))
	views := map[string]guarded{
		"a view of messages":      {uow.Read, func(ctx context.Context, tx ports.Tx) error { return readsTalk(ctx, tx, talk) }, nil},
		"a view of conversations": {uow.Read, func(ctx context.Context, tx ports.Tx) error { return readsTalks(ctx, tx, talk) }, nil},
		"a view of a wallet":      {uow.Read, func(ctx context.Context, tx ports.Tx) error { return readsFunds(ctx, tx, voyager.ID) }, nil},
		"a view of matches": {uow.Read, func(ctx context.Context, tx ports.Tx) error {
			return finds(ctx, tx, matching.Query{Viewer: voyager.ID}, luca.ID)
		}, nil},
		"a view of matches of one without interests": {uow.Read, func(ctx context.Context, tx ports.Tx) error {
			return finds(ctx, tx, matching.Query{Viewer: id.User(f.ids.Next()), Interests: []id.Interest{hiking.ID}}, luca.ID, voyager.ID)
		}, nil},
		"a view of what there is not": {uow.Read, func(ctx context.Context, tx ports.Tx) error {
			_, _, err := tx.Messaging().History(ctx, id.Conversation(f.ids.Next()), voyager.ID, nil, 10)
			return err
		}, fault.NotFound},
	}
	for what, p := range f.presences(f.account("ada")) {
		f.guard(what, p.want, p.check, views)
	}
}

// presence is the check of a session, and what it returns.
type presence struct {
	users.Presence
	want error
}

func (p presence) check(ctx context.Context, tx ports.Tx) error {
	return users.CheckPresence(ctx, tx, p.Presence)
}

// presences makes sessions of all kinds, of ada and of others.
func (f *fixture) presences(ada users.User) map[string]presence {
	f.Helper()
	suspended := f.account("ben", func(u *users.User) { u.IsActive, u.SuspendedUntil = false, noon })
	gone := f.account("eve", inactive)
	open := users.SessionFilter{Live: true, CreatedAfter: noon.Add(-time.Hour), UsedAfter: noon.Add(-time.Hour)}
	sessionOf := func(of users.User, at time.Time) id.Session {
		s, first := f.newSession(of.ID)
		s.CreatedAt, s.LastUsedAt = at, at
		f.do(func(ctx context.Context, tx ports.Tx) error { return tx.Users().AddSession(ctx, s, first) })
		return s.ID
	}
	revoked := sessionOf(ada, noon)
	f.revoke(revoked, noon)
	ended := sessionOf(suspended, noon)
	f.revoke(ended, noon)
	all := map[string]presence{
		"a session":                       {users.Presence{User: ada.ID, Session: sessionOf(ada, noon)}, nil},
		"a revoked session":               {users.Presence{User: ada.ID, Session: revoked}, users.ErrNotSignedIn},
		"an old session":                  {users.Presence{User: ada.ID, Session: sessionOf(ada, noon.Add(-time.Hour))}, users.ErrNotSignedIn},
		"a session of somebody else":      {users.Presence{User: ada.ID, Session: sessionOf(f.account("dan"), noon)}, users.ErrNotSignedIn},
		"a session of a suspended user":   {users.Presence{User: suspended.ID, Session: sessionOf(suspended, noon)}, users.ErrSuspended},
		"a session of an inactive user":   {users.Presence{User: gone.ID, Session: sessionOf(gone, noon)}, users.ErrNotSignedIn},
		"a session that there never was":  {users.Presence{User: ada.ID, Session: id.Session(f.ids.Next())}, users.ErrNotSignedIn},
		"a session of a user without one": {users.Presence{User: f.account("flo").ID}, users.ErrNotSignedIn},
		"a revoked session, if it may be": {users.Presence{User: suspended.ID, Session: ended, Open: users.SessionFilter{CreatedAfter: open.CreatedAfter}}, users.ErrSuspended},
		"a session that was begun early":  {users.Presence{User: ada.ID, Session: sessionOf(ada, noon), Open: users.SessionFilter{Live: true, CreatedAfter: noon}}, users.ErrNotSignedIn},
		"a session that is not used":      {users.Presence{User: ada.ID, Session: sessionOf(ada, noon), Open: users.SessionFilter{Live: true, UsedAfter: noon}}, users.ErrNotSignedIn},
	}
	for what, p := range all {
		if p.Open == (users.SessionFilter{}) {
			p.Open = open
			all[what] = p
		}
	}
	return all
}

func activeChecked(f *fixture) {
	for what, c := range map[string]struct {
		user id.User
		want error
	}{
		"an active account":               {f.account("ada").ID, nil},
		"an inactive account":             {f.account("ben", inactive).ID, users.ErrNotSignedIn},
		"an account that there never was": {f.newUser("eve").ID, users.ErrNotSignedIn},
	} {
		f.checked(what, c.want, func(ctx context.Context, tx ports.Tx) error { return users.CheckActive(ctx, tx, c.user) })
	}
}

// checked runs units that begin with a check, which has to decide about all of them, and before
// anything else does.
func (f *fixture) checked(what string, want error, check unit) {
	f.Helper()
	var added, late users.User
	failed := errors.New("failed")
	f.guard(what, want, check, map[string]guarded{
		"a unit that only reads":         {uow.Read, func(ctx context.Context, tx ports.Tx) error { return f.readsUsers(ctx, tx) }, nil},
		"a snapshot":                     {uow.Snapshot, func(ctx context.Context, tx ports.Tx) error { return f.readsUsers(ctx, tx) }, nil},
		"a unit that does nothing else":  {uow.Write, func(context.Context, ports.Tx) error { return nil }, nil},
		"a view that does nothing else":  {uow.Read, func(context.Context, ports.Tx) error { return nil }, nil},
		"a unit that fails by itself":    {uow.Write, func(context.Context, ports.Tx) error { return failed }, failed},
		"a unit that ignores all errors": {uow.Write, func(ctx context.Context, tx ports.Tx) error { _ = f.readsUsers(ctx, tx); return nil }, nil},
		"a unit that writes":             {uow.Write, func(ctx context.Context, tx ports.Tx) error { return f.adds(ctx, tx, "new", &added) }, nil},
		"a unit that reads and writes": {uow.Write, func(ctx context.Context, tx ports.Tx) error {
			if err := f.readsUsers(ctx, tx); err != nil {
				return err
			}
			return f.adds(ctx, tx, "late", &late)
		}, nil},
	})
	for _, u := range []users.User{added, late} {
		if !u.ID.IsZero() && f.stored(u) != (want == nil) {
			f.Errorf("%s: an account was stored: %v, want %v", what, want != nil, want == nil)
		}
	}
}

// guarded is what a unit does after a check.
type guarded struct {
	mode uow.Mode
	rest unit
	err  error // with which the unit ends if the check succeeds
}

// guard runs units that begin with a check.
func (f *fixture) guard(what string, want error, check unit, all map[string]guarded) {
	f.Helper()
	for how, u := range all {
		expected := cmp.Or(want, u.err)
		got := f.in(f.ctx, u.mode, func(ctx context.Context, tx ports.Tx) error {
			if err := check(ctx, tx); err != nil {
				return err
			}
			return u.rest(ctx, tx)
		})
		if !errors.Is(got, expected) || expected == nil && got != nil {
			f.Errorf("%s: %s returned %v, want %v", what, how, got, expected)
		}
	}
}

// readsTalk reads the messages of a conversation, of which there are two.
func readsTalk(ctx context.Context, tx ports.Tx, c messaging.Conversation) error {
	_, sent, err := tx.Messaging().History(ctx, c.ID, c.VoyagerID, nil, 10)
	if err == nil && len(sent) != 2 {
		err = fmt.Errorf("%d messages", len(sent))
	}
	return err
}

// readsTalks reads the conversations of the voyager of a conversation.
func readsTalks(ctx context.Context, tx ports.Tx, c messaging.Conversation) error {
	all, err := tx.Messaging().Overviews(ctx, c.VoyagerID, nil, 10)
	if err == nil && (len(all) != 1 || all[0].Conversation.ID != c.ID) {
		err = fmt.Errorf("the conversations %v", all)
	}
	return err
}

// finds searches, and expects these users.
func finds(ctx context.Context, tx ports.Tx, q matching.Query, want ...id.User) error {
	found, err := tx.Matching().Search(ctx, q, nil, 10)
	if err != nil {
		return err
	}
	if len(found) != len(want) || slices.ContainsFunc(found, func(m matching.Match) bool { return !slices.Contains(want, m.Profile.UserID) }) {
		return fmt.Errorf("the matches %v", found)
	}
	return nil
}

// readsFunds reads the funds of a user, in one step if the store can.
func readsFunds(ctx context.Context, tx ports.Tx, user id.User) error {
	if reader, ok := tx.Reservations().(reservations.FundsReader); ok {
		_, err := reader.Funds(ctx, user)
		return err
	}
	_, err := reservations.FundsOf(ctx, tx, user)
	return err
}

// readsUsers reads a page of accounts.
func (f *fixture) readsUsers(ctx context.Context, tx ports.Tx) error {
	_, err := tx.Users().List(ctx, users.Filter{}, nil, 10)
	return err
}

// adds adds an account.
func (f *fixture) adds(ctx context.Context, tx ports.Tx, name string, u *users.User) error {
	*u = f.newUser(name)
	_, err := tx.Users().Add(ctx, *u, hashOf("x"))
	return err
}
