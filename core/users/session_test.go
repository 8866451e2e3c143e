package users_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// addWithoutPassword adds an account without a password, like one that signs in through an identity
// provider.
func addWithoutPassword(t *testing.T, w *coretest.World, name string) id.User {
	t.Helper()
	u := users.User{
		ID: id.User(w.IDs.Next()), Name: name, Email: coretest.Email(name), Role: users.RoleUser, IsActive: true, Version: 1,
		CreatedAt: w.Clock.Now(), UpdatedAt: w.Clock.Now(),
	}
	err := w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		if _, err := tx.Users().Add(ctx, u, users.PasswordHash{}); err != nil {
			return err
		}
		return w.Ledger.Open(ctx, tx, u.ID)
	})
	coretest.Is(t, err, nil)
	return u.ID
}

func TestSignIn(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	for _, email := range []string{"ada@example.org", "ADA@Example.ORG"} {
		in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: email, Password: coretest.Password})
		coretest.Is(t, err, nil)
		if in.User.ID != person || in.User.Email != "ada@example.org" {
			t.Errorf("%s: signed in as %+v, want Ada", email, in.User)
		}
		accepted(t, w, in.AccessToken, person)
	}
}

// Neither the error nor the time reveals the reason: every case verifies one password.
func TestSignInErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	addWithoutPassword(t, w, "Oidc")
	w.SetActive(w.Person("Idle"), false)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, w.Person("Gone"), coretest.Password, users.Device{}), nil)
	for name, try := range map[string]struct{ email, password string }{
		"an unknown address":            {"nobody@example.org", coretest.Password},
		"a wrong password":              {"ada@example.org", "wrong horse"},
		"an empty password":             {"ada@example.org", ""},
		"an account without a password": {"oidc@example.org", coretest.Password},
		"that account, empty password":  {"oidc@example.org", ""},
		"an inactive account":           {"idle@example.org", coretest.Password},
		"an erased account":             {"gone@example.org", coretest.Password},
		"an empty address":              {"", coretest.Password},
		"an address not in UTF-8":       {"ada\xff@example.org", coretest.Password},
		"an address with NUL":           {"ada\x00@example.org", coretest.Password},
		"a password over 72 bytes":      {"ada@example.org", coretest.Password + string(make([]byte, 80))},
	} {
		t.Run(name, func(t *testing.T) {
			verified := w.Hasher.Verified.Load()
			w.Unchanged(func() {
				in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: try.email, Password: try.password})
				coretest.Is(t, err, users.ErrSignIn)
				if err.Error() != users.ErrSignIn.Error() || in != (users.SignedIn{}) {
					t.Errorf("got %+v and error %q, want only the error %q", in, err, users.ErrSignIn)
				}
			})
			if n := w.Hasher.Verified.Load() - verified; n != 1 {
				t.Errorf("%d passwords were verified, want 1", n)
			}
		})
	}
}

// The hash that is compared for an account without one is made once, by the first sign-in of any
// account.
func TestDecoyHashIsMadeOnce(t *testing.T) {
	for _, email := range []string{"ada@example.org", "nobody@example.org"} {
		w := coretest.NewWorld(t, memory.New())
		w.Person("Ada")
		for i, want := range []int64{1, 0, 0} {
			hashed := w.Hasher.Hashed.Load()
			_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: email, Password: "wrong horse"})
			coretest.Is(t, err, users.ErrSignIn)
			if n := w.Hasher.Hashed.Load() - hashed; n != want {
				t.Errorf("%s, try %d: %d passwords were hashed, want %d", email, i, n, want)
			}
		}
	}
}

// A sign-in replaces an outdated hash, and only a sign-in that succeeds.
func TestSignInRenewsHash(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	before, err := w.Users.Me(w.Ctx, person)
	coretest.Is(t, err, nil)
	stored := func() (hash users.PasswordHash) {
		t.Helper()
		coretest.Is(t, w.Store.View(w.Ctx, func(ctx context.Context, tx ports.Tx) (err error) {
			hash, err = tx.Users().Password(ctx, person)
			return err
		}), nil)
		return hash
	}
	first := w.SignIn("Ada")
	old := stored()
	w.Hasher.Prefix = "renewed-"
	w.Clock.Advance(time.Minute)
	w.Unchanged(func() {
		_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: "wrong horse"})
		coretest.Is(t, err, users.ErrSignIn)
	})
	w.SignIn("Ada")
	renewed := stored()
	if renewed == old || !strings.HasPrefix(renewed.Reveal(), "renewed-") {
		t.Error("the hash was not renewed")
	}
	w.SignIn("Ada")
	if stored() != renewed {
		t.Error("a hash that is not outdated was renewed")
	}
	accepted(t, w, first.AccessToken, person) // it is the same password
	after, err := w.Users.Me(w.Ctx, person)
	coretest.Is(t, err, nil)
	if after.Version = before.Version; after != before { // a store may count the renewal
		t.Errorf("the account is %+v, want %+v", after, before)
	}
}

// A sign-in that finds the hash renewed by another one succeeds.
func TestConcurrentRenewals(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	w.Hasher.Prefix = "renewed-"
	w.Hasher.AfterVerify = func() {
		w.Hasher.AfterVerify = nil
		w.SignIn("Ada")
	}
	w.SignIn("Ada")
}

// A change between the check of the password and the start of the session makes the sign-in fail.
func TestSignInRaces(t *testing.T) {
	for name, meanwhile := range map[string]func(t *testing.T, w *coretest.World, user id.User){
		"a change of the password": func(t *testing.T, w *coretest.World, user id.User) {
			coretest.Is(t, w.Users.ChangePassword(w.Ctx, user, coretest.Password, "another password", users.Device{}), nil)
		},
		"a deactivation": func(_ *testing.T, w *coretest.World, user id.User) { w.SetActive(user, false) },
		"an erasure": func(t *testing.T, w *coretest.World, user id.User) {
			coretest.Is(t, w.Privacy.Erase(w.Ctx, user, coretest.Password, users.Device{}), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := coretest.NewWorld(t, memory.New())
			person := w.Person("Ada")
			w.Admin()
			w.Hasher.AfterVerify = func() {
				w.Hasher.AfterVerify = nil
				meanwhile(t, w, person)
			}
			_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: coretest.Password})
			coretest.Is(t, err, users.ErrSignIn)
		})
	}
}

func TestAuthenticate(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, other := w.Person("Ada"), w.Person("Luca")
	in := w.SignIn("Ada")
	c, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
	if err != nil || c.UserID != person || c.SessionID.IsZero() || c.Role != users.RoleUser {
		t.Fatalf("got %+v and error %v, want Ada's session", c, err)
	}
	coretest.Is(t, c.RequireAdmin(), users.ErrAdminsOnly)

	_, err = w.Moderation.MakeAdmin(w.Ctx, "ada@example.org")
	coretest.Is(t, err, nil)
	c, err = w.Users.Authenticate(w.Ctx, in.AccessToken) // with the present role
	if err != nil || c.Role != users.RoleAdmin || c.RequireAdmin() != nil {
		t.Errorf("got %+v and error %v, want an admin", c, err)
	}

	expires := w.Clock.Now().Add(time.Hour)
	mixed, err := w.Access.Issue(w.Ctx, other, c.SessionID, expires)
	coretest.Is(t, err, nil)
	rejected(t, w, mixed) // the session of another user
	lost, err := w.Access.Issue(w.Ctx, person, id.Session(w.IDs.Next()), expires)
	coretest.Is(t, err, nil)
	rejected(t, w, lost) // no session
	rejected(t, w, "nonsense")
	rejected(t, w, in.RefreshToken)

	w.Clock.Advance(15*time.Minute - time.Millisecond)
	accepted(t, w, in.AccessToken, person)
	w.Clock.Advance(time.Millisecond)
	rejected(t, w, in.AccessToken)
}

func TestInactiveUser(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	one, two := w.SignIn("Ada"), w.SignIn("Ada")
	w.SetActive(person, false)
	signedOut := func() {
		t.Helper()
		for _, in := range []users.SignedIn{one, two} {
			rejected(t, w, in.AccessToken)
			_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
			coretest.Is(t, err, users.ErrRefresh)
		}
	}
	signedOut()
	_, err := w.Users.Me(w.Ctx, person)
	coretest.Is(t, err, users.ErrNotSignedIn)
	_, err = w.Users.ChangeMe(w.Ctx, person, users.Change{})
	coretest.Is(t, err, users.ErrNotSignedIn)
	coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another password", users.Device{}), users.ErrNotSignedIn)

	w.SetActive(person, true)
	signedOut() // reactivation does not restore sessions
	accepted(t, w, w.SignIn("Ada").AccessToken, person)
}

func TestRefresh(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	in := w.SignIn("Ada")
	before, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
	coretest.Is(t, err, nil)
	for range 3 { // each token is valid for 30 days from its creation
		w.Clock.Advance(30*24*time.Hour - time.Millisecond)
		next, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, nil)
		if next.RefreshToken == in.RefreshToken || next.AccessToken == in.AccessToken || next.User.ID != person {
			t.Fatalf("got %+v, want new tokens of Ada", next)
		}
		in = next
	}
	after, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
	if err != nil || after != before {
		t.Errorf("got %+v and error %v, want the same session, %+v", after, err, before)
	}
	w.Clock.Advance(30 * 24 * time.Hour)
	w.Unchanged(func() {
		for _, bad := range []string{in.RefreshToken, "nonsense", "", in.AccessToken} {
			_, err := w.Users.Refresh(w.Ctx, bad)
			coretest.Is(t, err, users.ErrRefresh)
		}
	})
	if fault.KindOf(users.ErrRefresh) != fault.Unauthenticated {
		t.Error("ErrRefresh is not of kind Unauthenticated")
	}
}

// A session ends 90 days after its sign-in, although it was refreshed, and is purged then.
func TestSessionEnds(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.AccessLifetime = 24 * time.Hour })
	person := w.Person("Ada")
	in := w.SignIn("Ada")
	for range 4 {
		w.Clock.Advance(22 * 24 * time.Hour)
		next, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, nil)
		in = next
	}
	w.Clock.Advance(24 * time.Hour)
	in, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, nil)
	w.Clock.Advance(24*time.Hour - time.Millisecond) // 90 days less a millisecond since the sign-in
	last, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, nil)
	accepted(t, w, last.AccessToken, person)
	w.Clock.Advance(time.Millisecond)
	rejected(t, w, last.AccessToken)
	_, err = w.Users.Refresh(w.Ctx, last.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	w.Clock.Advance(time.Millisecond)
	if n, err := w.Users.PurgeSessions(w.Ctx); err != nil || n != 1 {
		t.Errorf("purged %d sessions with error %v, want 1", n, err)
	}
}

func TestSecondUseRevokesFamily(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	first, bystander := w.SignIn("Ada"), w.SignIn("Ada")
	second, err := w.Users.Refresh(w.Ctx, first.RefreshToken)
	coretest.Is(t, err, nil)
	third, err := w.Users.Refresh(w.Ctx, second.RefreshToken)
	coretest.Is(t, err, nil)
	accepted(t, w, third.AccessToken, person)
	w.Clock.Advance(10 * time.Second)

	in, err := w.Users.Refresh(w.Ctx, first.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	if in != (users.SignedIn{}) {
		t.Errorf("got %+v with the error, want the zero value", in)
	}
	for _, in := range []users.SignedIn{first, second, third} {
		rejected(t, w, in.AccessToken)
		_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, users.ErrRefresh)
	}
	accepted(t, w, bystander.AccessToken, person) // another device has its own family
	_, err = w.Users.Refresh(w.Ctx, bystander.RefreshToken)
	coretest.Is(t, err, nil)
}

// Within the grace, a refresh token has three successors, which all work. The next use revokes the
// session.
func TestRefreshGrace(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	in := w.SignIn("Ada")
	var all []users.SignedIn
	for range 3 {
		next, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, nil)
		all = append(all, next)
		w.Clock.Advance(5*time.Second - time.Millisecond) // the third use comes 2 ms before the end
	}
	for i, next := range all {
		accepted(t, w, next.AccessToken, person)
		further, err := w.Users.Refresh(w.Ctx, next.RefreshToken)
		coretest.Is(t, err, nil)
		all[i] = further
	}
	_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	for _, further := range all {
		rejected(t, w, further.AccessToken)
		_, err := w.Users.Refresh(w.Ctx, further.RefreshToken)
		coretest.Is(t, err, users.ErrRefresh)
	}
}

// The grace begins with the first use. A fourth use within it revokes the session, too, and so does
// any second use where the policy has no grace.
func TestEndOfRefreshGrace(t *testing.T) {
	for name, test := range map[string]struct {
		grace  time.Duration
		before []time.Duration // the pauses before further uses that succeed
		last   time.Duration   // the pause before the use that revokes
	}{
		"a second use at its end": {10 * time.Second, nil, 10 * time.Second},
		"a third use at its end":  {10 * time.Second, []time.Duration{6 * time.Second}, 4 * time.Second},
		"a fourth use within it":  {10 * time.Second, []time.Duration{0, 0}, 0},
		"no grace":                {0, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.RefreshGrace = test.grace })
			w.Person("Ada")
			in := w.SignIn("Ada")
			for _, pause := range append([]time.Duration{0}, test.before...) {
				w.Clock.Advance(pause)
				_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
				coretest.Is(t, err, nil)
			}
			w.Clock.Advance(test.last)
			_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
			coretest.Is(t, err, users.ErrRefresh)
			rejected(t, w, in.AccessToken)
		})
	}
}

func TestConcurrentRefreshes(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	in := w.SignIn("Ada")
	made := make([]users.SignedIn, 10)
	errs := coretest.AtOnce(len(made), func(i int) (err error) {
		made[i], err = w.Users.Refresh(w.Ctx, in.RefreshToken)
		return err
	})
	if won, lost := coretest.Count(errs, nil), coretest.Count(errs, users.ErrRefresh); won != 3 || lost != 7 {
		t.Fatalf("%d succeeded and %d failed, want 3 and 7", won, lost)
	}
	for i, err := range errs {
		if err == nil { // the token was used a fourth time, so the session is revoked for the winners as well
			rejected(t, w, made[i].AccessToken)
			_, err := w.Users.Refresh(w.Ctx, made[i].RefreshToken)
			coretest.Is(t, err, users.ErrRefresh)
		}
	}
}

func TestSignOut(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	in, other := w.SignIn("Ada"), w.SignIn("Ada")
	coretest.Is(t, w.Users.SignOut(w.Ctx, in.RefreshToken), nil)
	rejected(t, w, in.AccessToken)
	_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	accepted(t, w, other.AccessToken, person)

	coretest.Is(t, w.Users.SignOut(w.Ctx, in.RefreshToken), nil)
	w.Unchanged(func() { coretest.Is(t, w.Users.SignOut(w.Ctx, "nonsense"), nil) })

	// A used token signs out as well.
	rotated, err := w.Users.Refresh(w.Ctx, other.RefreshToken)
	coretest.Is(t, err, nil)
	coretest.Is(t, w.Users.SignOut(w.Ctx, other.RefreshToken), nil)
	rejected(t, w, rotated.AccessToken)
}

func TestPurgeSessions(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	stale, refreshed := w.SignIn("Ada"), w.SignIn("Ada")
	err := w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		for i := range 1500 {
			s := users.Session{ID: id.Session(w.IDs.Next()), UserID: person, CreatedAt: w.Clock.Now(), LastUsedAt: w.Clock.Now()}
			t := users.RefreshToken{Hash: users.SecretHash{byte(i), byte(i >> 8), 1}, SessionID: s.ID, CreatedAt: s.CreatedAt, ExpiresAt: s.CreatedAt.Add(time.Hour)}
			if err := tx.Users().AddSession(ctx, s, t); err != nil {
				return err
			}
		}
		return nil
	})
	coretest.Is(t, err, nil)
	purged := func(want int) {
		t.Helper()
		if n, err := w.Users.PurgeSessions(w.Ctx); err != nil || n != want {
			t.Fatalf("purged %d with error %v, want %d", n, err, want)
		}
	}
	purged(0)
	w.Clock.Advance(time.Hour + time.Millisecond)
	purged(1500)

	refreshed, err = w.Users.Refresh(w.Ctx, refreshed.RefreshToken)
	coretest.Is(t, err, nil)
	w.Clock.Advance(30*24*time.Hour - time.Minute)
	purged(1) // the stale one; the other has a token that is still valid
	_, err = w.Users.Refresh(w.Ctx, stale.RefreshToken)
	coretest.Is(t, err, users.ErrRefresh)
	_, err = w.Users.Refresh(w.Ctx, refreshed.RefreshToken)
	coretest.Is(t, err, nil)
}
