package users_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// signInFrom signs a person in on a device, and returns the session with the tokens.
func signInFrom(t *testing.T, w *coretest.World, name string, from users.Device) (id.Session, users.SignedIn) {
	t.Helper()
	w.Clock.Advance(time.Minute)
	in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: coretest.Email(name), Password: coretest.Password, From: from})
	coretest.Is(t, err, nil)
	caller, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
	coretest.Is(t, err, nil)
	return caller.SessionID, in
}

func sessionsOf(t *testing.T, w *coretest.World, person id.User) []users.Session {
	t.Helper()
	p, err := w.Users.Sessions(w.Ctx, person, page.Request[page.Moment]{})
	coretest.Is(t, err, nil)
	return p.Items
}

func wantSessions(t *testing.T, w *coretest.World, person id.User, want ...id.Session) {
	t.Helper()
	got := sessionsOf(t, w, person)
	if len(got) != len(want) {
		t.Fatalf("got %d sessions, want %d: %+v", len(got), len(want), got)
	}
	for i, s := range got {
		if s.ID != want[i] {
			t.Errorf("session %d is %+v, want %s", i, s, want[i])
		}
	}
}

func TestSessions(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, other := w.Person("Ada"), w.Person("Luca")
	first, in := signInFrom(t, w, "Ada", users.Device{Client: "a browser", Address: "192.0.2.77"})
	signedIn := w.Clock.Now()
	second, _ := signInFrom(t, w, "Ada", users.Device{})
	others, _ := signInFrom(t, w, "Luca", users.Device{})
	wantSessions(t, w, person, second, first)
	wantSessions(t, w, other, others)

	w.Clock.Advance(time.Hour)
	in, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, nil)
	got := sessionsOf(t, w, person)[1]
	want := users.Session{
		ID: first, UserID: person, CreatedAt: signedIn, LastUsedAt: w.Clock.Now(), Client: "a browser", Address: "192.0.2.0/24",
	}
	if got != want {
		t.Errorf("the refreshed session is %+v, want %+v", got, want)
	}

	// Sessions that have ended are not listed, whatever ended them.
	w.Clock.Advance(30*24*time.Hour - time.Hour)
	wantSessions(t, w, person, first)
	coretest.Is(t, w.Users.SignOut(w.Ctx, in.RefreshToken), nil)
	wantSessions(t, w, person)
}

func TestSessionOfSignUp(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	in, err := w.Users.SignUp(w.Ctx, users.SignUp{
		Name: "Ada", Email: "ada@example.org", Password: coretest.Password, From: users.Device{Client: "an app", Address: "2001:db8:1:2::3"},
	}, "k")
	coretest.Is(t, err, nil)
	if s := sessionsOf(t, w, in.User.ID); len(s) != 1 || s[0].Client != "an app" || s[0].Address != "2001:db8:1::/48" {
		t.Errorf("the sessions are %+v", s)
	}
}

func TestSessionsNotSignedIn(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	nobody := id.User(w.IDs.Next())
	_, err := w.Users.Sessions(w.Ctx, nobody, page.Request[page.Moment]{})
	coretest.Is(t, err, users.ErrNotSignedIn)
	coretest.Is(t, w.Users.EndSession(w.Ctx, nobody, id.Session(w.IDs.Next())), users.ErrNotSignedIn)
	coretest.Is(t, w.Users.EndOtherSessions(w.Ctx, users.Caller{UserID: nobody}), users.ErrNotSignedIn)
}

func TestEndSession(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, other := w.Person("Ada"), w.Person("Luca")
	first, in := signInFrom(t, w, "Ada", users.Device{})
	second, kept := signInFrom(t, w, "Ada", users.Device{})
	for _, session := range []id.Session{first, id.Session(w.IDs.Next())} {
		coretest.Is(t, w.Users.EndSession(w.Ctx, other, session), users.ErrSessionNotFound)
	}
	accepted(t, w, in.AccessToken, person)
	coretest.Is(t, w.Users.EndSession(w.Ctx, person, first), nil)
	rejected(t, w, in.AccessToken)
	_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	coretest.Is(t, w.Users.EndSession(w.Ctx, person, first), users.ErrSessionNotFound) // it has ended
	accepted(t, w, kept.AccessToken, person)
	coretest.Is(t, w.Users.EndSession(w.Ctx, person, second), nil)
	rejected(t, w, kept.AccessToken)
}

func TestEndOtherSessions(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, other := w.Person("Ada"), w.Person("Luca")
	_, first := signInFrom(t, w, "Ada", users.Device{})
	current, in := signInFrom(t, w, "Ada", users.Device{})
	_, last := signInFrom(t, w, "Ada", users.Device{})
	_, theirs := signInFrom(t, w, "Luca", users.Device{})
	for range 2 {
		coretest.Is(t, w.Users.EndOtherSessions(w.Ctx, users.Caller{UserID: person, SessionID: current}), nil)
		rejected(t, w, first.AccessToken)
		rejected(t, w, last.AccessToken)
		accepted(t, w, in.AccessToken, person)
		accepted(t, w, theirs.AccessToken, other)
		wantSessions(t, w, person, current)
	}
}

func TestDevice(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	long := strings.Repeat("ü", users.MaxClient)
	for _, try := range []struct {
		from            users.Device
		client, address string
	}{
		{users.Device{}, "", ""},
		{users.Device{Client: " Mozilla/5.0\t(X11) ", Address: "203.0.113.200"}, "Mozilla/5.0 (X11)", "203.0.113.0/24"},
		{users.Device{Client: long + "and more", Address: "::ffff:203.0.113.200"}, long, "203.0.113.0/24"},
		{users.Device{Client: strings.Repeat("x", 1<<20), Address: "2001:db8:aaaa:bbbb:cccc::1"}, strings.Repeat("x", users.MaxClient), "2001:db8:aaaa::/48"},
		{users.Device{Client: "a\u202eb", Address: "fe80::1%eth0"}, "", "fe80::/48"},
		{users.Device{Client: "a\x00b", Address: "localhost"}, "", ""},
		{users.Device{Client: "a\x1bb", Address: "203.0.113.200:80"}, "", ""},
		{users.Device{Client: "caf\xe9", Address: "@"}, "caf\ufffd", ""},
		{users.Device{Client: "\u200b", Address: "203.0.113"}, "", ""},
	} {
		signInFrom(t, w, "Ada", try.from)
		s := sessionsOf(t, w, person)[0]
		if s.Client != try.client || s.Address != try.address {
			t.Errorf("%.50q at %q: the session has %q, %q, want %q, %q", try.from.Client, try.from.Address, s.Client, s.Address, try.client, try.address)
		}
	}
}
