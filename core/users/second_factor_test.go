package users_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

var home = users.Device{Address: "192.0.2.1"}

// factor is the active second factor of a person.
type factor struct {
	w        *coretest.World
	user     id.User
	secret   string
	recovery []string
}

// setUp gives a person a second factor. The code that confirms it is a minute old then.
func setUp(t *testing.T, w *coretest.World, user id.User) factor {
	t.Helper()
	enrolment, err := w.Users.SetUpSecondFactor(w.Ctx, user, coretest.Password, home)
	coretest.Is(t, err, nil)
	f := factor{w: w, user: user, secret: enrolment.Secret}
	f.recovery, err = w.Users.ConfirmSecondFactor(w.Ctx, user, f.code(), home)
	coretest.Is(t, err, nil)
	w.Clock.Advance(time.Minute)
	return f
}

func (f factor) code() string { return f.w.TOTP.CodeAt(f.secret, f.w.Clock.Now()) }

func signInWith(w *coretest.World, name, password, code string) (users.SignedIn, error) {
	return w.Users.SignIn(w.Ctx, users.SignIn{Email: coretest.Email(name), Password: password, Code: code, From: home})
}

func factors(t *testing.T, w *coretest.World) (list []users.SecondFactor) {
	t.Helper()
	err := w.Store.View(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		rows, err := tx.Rows().Read(ctx, ports.SecondFactors, nil, 100)
		for _, row := range rows {
			f, err := ports.SecondFactorLayout.Value(row)
			coretest.Is(t, err, nil)
			list = append(list, f)
		}
		return err
	})
	coretest.Is(t, err, nil)
	return list
}

func TestSecondFactor(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	before := w.SignIn("Ada")
	enrolment, err := w.Users.SetUpSecondFactor(w.Ctx, ada, coretest.Password, home)
	if err != nil || enrolment.Secret == "" || !strings.Contains(enrolment.URI, coretest.Email("Ada")) {
		t.Fatalf("the enrolment is %+v, %v", enrolment, err)
	}
	_, err = signInWith(w, "Ada", coretest.Password, "")
	coretest.Is(t, err, nil) // it is not active yet
	u, err := w.Users.Me(w.Ctx, ada)
	if err != nil || u.SecondFactor {
		t.Errorf("before the confirmation the account is %+v, %v", u, err)
	}
	f := setUp(t, w, ada) // another secret, instead of the first
	_, err = signInWith(w, "Ada", coretest.Password, w.TOTP.CodeAt(enrolment.Secret, w.Clock.Now()))
	coretest.Is(t, err, users.ErrWrongCode)
	if u, err = w.Users.Me(w.Ctx, ada); err != nil || !u.SecondFactor {
		t.Errorf("after the confirmation the account is %+v, %v", u, err)
	}
	_, err = w.Users.SetUpSecondFactor(w.Ctx, ada, coretest.Password, home)
	coretest.Is(t, err, users.ErrSecondFactorActive)
	_, err = w.Users.ConfirmSecondFactor(w.Ctx, ada, f.code(), home)
	coretest.Is(t, err, users.ErrSecondFactorActive)

	_, err = signInWith(w, "Ada", coretest.Password, "")
	coretest.Is(t, err, users.ErrCodeRequired)
	in, err := signInWith(w, "Ada", coretest.Password, f.code()[:3]+" "+f.code()[3:])
	coretest.Is(t, err, nil)
	var with []bool
	for _, s := range sessionsOf(t, w, ada) {
		with = append(with, s.SecondFactor)
	}
	if !slices.Equal(with, []bool{true, false, false}) {
		t.Errorf("the sessions were opened with a second factor: %v", with)
	}
	for _, in := range []users.SignedIn{before, in} { // sessions go on without a code
		_, err = w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, nil)
	}
}

// TestSecondFactorIsSecret tests that without the right password, an account with a second factor
// answers as one without.
func TestSecondFactorIsSecret(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	f := setUp(t, w, w.Person("Ada"))
	w.Person("Luca")
	for _, code := range []string{"", f.code(), f.recovery[0], "123456"} {
		w.Clock.Advance(users.DefaultPolicy().CountWindow) // the wrong passwords are forgotten
		for _, name := range []string{"Ada", "Luca", "Nobody"} {
			if _, err := signInWith(w, name, "wrong horse", code); err == nil || err.Error() != users.ErrSignIn.Error() {
				t.Errorf("%s with a wrong password and the code %q: %v", name, code, err)
			}
		}
	}
	_, err := signInWith(w, "Ada", coretest.Password, f.code()) // which no wrong password has used
	coretest.Is(t, err, nil)
	for _, stored := range factors(t, w) {
		for _, code := range f.recovery {
			if slices.Contains(stored.RecoveryCodes, code) || slices.Contains(stored.RecoveryCodes, strings.ReplaceAll(code, "-", "")) {
				t.Error("a recovery code is stored as it is")
			}
		}
	}
}

func TestCodesWorkOnce(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	f := setUp(t, w, ada)
	early, now, late := w.TOTP.CodeAt(f.secret, w.Clock.Now().Add(-30*time.Second)), f.code(),
		w.TOTP.CodeAt(f.secret, w.Clock.Now().Add(30*time.Second))
	for _, step := range []struct {
		code string
		want error
	}{
		{early, nil}, {early, users.ErrWrongCode}, {now, nil}, {now, users.ErrWrongCode}, {late, nil}, {now, users.ErrWrongCode},
		{w.TOTP.CodeAt(f.secret, w.Clock.Now().Add(60*time.Second)), users.ErrWrongCode},
		{f.recovery[3], nil}, {f.recovery[3], users.ErrWrongCode},
		{strings.ToLower(strings.ReplaceAll(f.recovery[4], "-", " ")), nil}, {f.recovery[4], users.ErrWrongCode},
		{strings.Repeat("A", 24), users.ErrWrongCode}, {strings.Repeat("1", 1_000_000), users.ErrWrongCode}, {"\x00", users.ErrWrongCode},
	} {
		_, err := signInWith(w, "Ada", coretest.Password, step.code)
		coretest.Is(t, err, step.want)
	}
	if left := factors(t, w)[0].RecoveryCodes; len(left) != users.RecoveryCodes-2 {
		t.Errorf("%d recovery codes are left, want %d", len(left), users.RecoveryCodes-2)
	}
	for i := range 2 {
		w.Clock.Advance(users.DefaultPolicy().CountWindow) // the wrong codes are forgotten
		code := []string{f.code(), f.recovery[5]}[i]
		errs := coretest.AtOnce(8, func(int) error {
			_, err := signInWith(w, "Ada", coretest.Password, code)
			return err
		})
		if coretest.Count(errs, nil) != 1 || coretest.Count(errs, users.ErrWrongCode)+coretest.Count(errs, users.ErrTooManyTries) != 7 {
			t.Errorf("concurrent sign-ins with one code returned %v", errs)
		}
	}
}

// TestWrongCodesAreCounted tests that codes cannot be guessed faster than passwords, by whom has the
// password, by concurrent tries, or on the other routes that take a code.
func TestWrongCodesAreCounted(t *testing.T) {
	for name, try := range map[string]func(w *coretest.World, f factor, code string) error{
		"sign-in": func(w *coretest.World, _ factor, code string) error {
			_, err := signInWith(w, "Ada", coretest.Password, code)
			return err
		},
		"removal": func(w *coretest.World, f factor, code string) error {
			return w.Users.RemoveSecondFactor(w.Ctx, f.user, coretest.Password, code, home)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := coretest.NewWorld(t, memory.New())
			f := setUp(t, w, w.Person("Ada"))
			for range 30 { // the right password without a code is not counted
				_, err := signInWith(w, "Ada", coretest.Password, "")
				coretest.Is(t, err, users.ErrCodeRequired)
			}
			errs := coretest.AtOnce(24, func(i int) error { return try(w, f, fmt.Sprintf("wrong %d", i)) })
			if n := coretest.Count(errs, users.ErrTooManyTries); n != 14 {
				t.Errorf("%d of 24 wrong codes were refused unread, want 14: %v", n, errs)
			}
			coretest.Is(t, try(w, f, f.code()), users.ErrTooManyTries)
			w.Clock.Advance(time.Minute)
			coretest.Is(t, try(w, f, f.code()), nil)
		})
	}
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	enrolment, err := w.Users.SetUpSecondFactor(w.Ctx, ada, coretest.Password, home)
	coretest.Is(t, err, nil)
	for range 10 {
		_, err := w.Users.ConfirmSecondFactor(w.Ctx, ada, "wrong", home)
		coretest.Fields(t, err, "code")
	}
	_, err = w.Users.ConfirmSecondFactor(w.Ctx, ada, w.TOTP.CodeAt(enrolment.Secret, w.Clock.Now()), home)
	coretest.Is(t, err, users.ErrTooManyTries)
}

func TestRemoveSecondFactor(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, luca := w.Person("Ada"), w.Person("Luca")
	coretest.Is(t, w.Users.RemoveSecondFactor(w.Ctx, luca, coretest.Password, "123456", home), users.ErrNoSecondFactor)
	_, err := w.Users.ConfirmSecondFactor(w.Ctx, luca, "123456", home)
	coretest.Is(t, err, users.ErrNoSecondFactor)
	_, err = w.Users.SetUpSecondFactor(w.Ctx, ada, "wrong horse", home)
	coretest.Fields(t, err, "password")
	f := setUp(t, w, ada)
	coretest.Fields(t, w.Users.RemoveSecondFactor(w.Ctx, ada, "wrong horse", f.code(), home), "password")
	coretest.Fields(t, w.Users.RemoveSecondFactor(w.Ctx, ada, coretest.Password, "123", home), "code")
	coretest.Is(t, w.Users.RemoveSecondFactor(w.Ctx, ada, coretest.Password, f.recovery[0], home), nil)
	if left := factors(t, w); len(left) != 0 {
		t.Errorf("%d second factors are left", len(left))
	}
	_, err = signInWith(w, "Ada", coretest.Password, "")
	coretest.Is(t, err, nil)
	setUp(t, w, ada)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, ada, coretest.Password, home), nil)
	if left := factors(t, w); len(left) != 0 {
		t.Errorf("%d second factors are left after an erasure", len(left))
	}
}

// TestSecondFactorStays tests that neither another password nor a deactivation removes a second
// factor.
func TestSecondFactorStays(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	setUp(t, w, ada)
	coretest.Is(t, w.Users.ForgotPassword(w.Ctx, coretest.Email("Ada"), home), nil)
	data := w.Sent()[0].Data.(users.PasswordResetMail)
	if data.Link != "" {
		t.Errorf("without a page, the link is %s", data.Link)
	}
	const password = "another horse"
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, data.Secret, password, home), nil)
	_, err := signInWith(w, "Ada", password, "")
	coretest.Is(t, err, users.ErrCodeRequired)
	w.SetActive(ada, false)
	w.SetActive(ada, true)
	_, err = signInWith(w, "Ada", password, "")
	coretest.Is(t, err, users.ErrCodeRequired)
	_, err = w.Users.SignUp(w.Ctx, users.SignUp{Name: "Ada", Email: coretest.Email("Ada"), Password: password}, "")
	coretest.Is(t, err, users.ErrEmailTaken)
}

func TestRequireAdminTOTP(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.RequireAdminTOTP = true })
	admin, ada := w.Admin(), w.Person("Ada")
	caller := func(in users.SignedIn) users.Caller {
		t.Helper()
		c, err := w.Users.Authenticate(w.Ctx, in.AccessToken)
		coretest.Is(t, err, nil)
		return c
	}
	before := w.SignIn("Admin")
	coretest.Is(t, caller(before).RequireAdmin(), users.ErrSecondFactorRequired)
	coretest.Is(t, caller(w.SignIn("Ada")).RequireAdmin(), users.ErrAdminsOnly)
	f := setUp(t, w, admin)
	coretest.Is(t, caller(before).RequireAdmin(), users.ErrSecondFactorRequired) // which was opened without it
	in, err := signInWith(w, "Admin", coretest.Password, f.code())
	coretest.Is(t, err, nil)
	coretest.Is(t, caller(in).RequireAdmin(), nil)
	in, err = w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, nil)
	coretest.Is(t, caller(in).RequireAdmin(), nil)
	_, err = w.Moderation.RemoveSecondFactor(w.Ctx, coretest.Email("Admin"))
	coretest.Is(t, err, nil)
	coretest.Is(t, caller(in).RequireAdmin(), users.ErrSecondFactorRequired)
	_, err = w.Moderation.RemoveSecondFactor(w.Ctx, coretest.Email("Ada"))
	coretest.Is(t, err, users.ErrNoSecondFactor)
	_, err = w.Moderation.RemoveSecondFactor(w.Ctx, "nobody@example.org")
	coretest.Is(t, err, users.ErrNotFound)
	if u, err := w.Users.Me(w.Ctx, ada); err != nil || u.SecondFactor {
		t.Errorf("got %+v, %v", u, err)
	}
	if c := (users.Caller{Role: users.RoleAdmin}); c.RequireAdmin() != nil || !errors.Is(users.CheckRecent(c.SignedInAt, w.Clock.Now(), time.Hour), fault.Forbidden) {
		t.Error("a caller of a host's own needs a second factor, or has signed in recently")
	}
}
