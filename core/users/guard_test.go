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
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/services"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func guess(w *coretest.World, email, password, address string) error {
	_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: email, Password: password, From: users.Device{Address: address}})
	return err
}

// refusedFor returns the RetryAfter of ErrTooManyTries, or 0 for another error.
func refusedFor(err error) time.Duration {
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, users.ErrTooManyTries) {
		return 0
	}
	return refused.RetryAfter
}

// A lock looks the same for an address with and without an account, and costs no hash.
func TestGuessesAreLimited(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	for n, email := range []string{"ada@example.org", "unknown@example.org"} {
		address := func(i int) string { return fmt.Sprintf("203.0.%d.%d", n, i) }
		for i := range 10 {
			coretest.Is(t, guess(w, email, "wrong horse", address(i)), users.ErrSignIn)
		}
		var pauses []time.Duration
		for i := range 8 {
			before := w.Hasher.Verified.Load()
			pause := refusedFor(guess(w, email, coretest.Password, address(20+i)))
			w.Clock.Advance(pause - time.Millisecond)
			if left := refusedFor(guess(w, email, "wrong horse", address(20+i))); left != time.Millisecond {
				t.Errorf("a millisecond before the end of a pause, %v were left", left)
			}
			if compared := w.Hasher.Verified.Load() - before; compared != 0 {
				t.Errorf("%d passwords were compared for refused tries", compared)
			}
			w.Clock.Advance(time.Millisecond)
			coretest.Is(t, guess(w, email, "wrong horse", address(20+i)), users.ErrSignIn)
			pauses = append(pauses, pause/time.Second)
		}
		if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}; !slices.Equal(pauses, want) {
			t.Errorf("%s: pauses of %d seconds, want %d", email, pauses, want)
		}
		w.Clock.Advance(time.Hour)
		for i := range 10 {
			coretest.Is(t, guess(w, email, "wrong horse", address(40+i)), users.ErrSignIn)
		}
		w.Clock.Advance(time.Hour)
	}
	coretest.Is(t, guess(w, "ada@example.org", coretest.Password, "203.0.113.1"), nil)
}

func TestGuessesOfNetworks(t *testing.T) {
	for name, c := range map[string]struct{ same, other string }{
		"IPv4":        {"192.0.2.1", "192.0.2.2"},
		"IPv4 mapped": {"::ffff:192.0.2.1", "192.0.2.2"},
		"IPv6":        {"2001:db8:0:1::%x", "2001:db8:0:2::1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := coretest.NewWorld(t, memory.New())
			from := func(i int) string {
				if strings.Contains(c.same, "%") {
					return fmt.Sprintf(c.same, i)
				}
				return c.same
			}
			for i := range 10 {
				coretest.Is(t, guess(w, fmt.Sprintf("%d@example.org", i), "wrong horse", from(i)), users.ErrSignIn)
			}
			coretest.Is(t, guess(w, "new@example.org", "wrong horse", from(11)), users.ErrTooManyTries)
			coretest.Is(t, guess(w, "new@example.org", "wrong horse", c.other), users.ErrSignIn)
			coretest.Is(t, guess(w, "new@example.org", "wrong horse", ""), users.ErrSignIn)
		})
	}
}

func TestOwnerIsToldOnce(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	w.Mailbox.Fail = errors.New("the mail server is down")
	lock := func(email string, n int) {
		for i := range n {
			w.Clock.Advance(time.Minute)
			coretest.Is(t, guess(w, email, "wrong horse", fmt.Sprint("203.0.113.", i)), users.ErrSignIn)
		}
	}
	lock("unknown@example.org", 12)
	lock("ada@example.org", 11) // the mails fail
	w.Mailbox.Fail = nil
	for round := 1; round <= 2; round++ {
		lock("ADA@example.org", 14)
		sent := w.Mailbox.Sent()
		if len(sent) != round || sent[0].To != "ada@example.org" || sent[0].Data != (users.WrongPasswordsMail{Wrong: 10}) {
			t.Errorf("in round %d the mails are %+v, want one more to ada@example.org", round, sent)
		}
		w.Clock.Advance(time.Hour)
	}
}

// A wrong current password counts like that of a sign-in, and the session goes on.
func TestConfirmedPasswordsAreCounted(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, in, from := w.Person("Ada"), w.SignIn("Ada"), users.Device{Address: "203.0.113.1"}
	for range 5 {
		coretest.Fields(t, w.Users.ChangePassword(w.Ctx, person, "wrong horse", "another horse", from), "current_password")
		coretest.Fields(t, w.Privacy.Erase(w.Ctx, person, "wrong horse", from), "password")
	}
	coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another horse", from), users.ErrTooManyTries)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, person, coretest.Password, from), users.ErrTooManyTries)
	coretest.Is(t, guess(w, "ada@example.org", coretest.Password, from.Address), users.ErrTooManyTries)
	accepted(t, w, in.AccessToken, person)
	w.Clock.Advance(time.Second)
	coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another horse", from), nil)
}

// A try is not counted if its password was right or was not compared, even if a later step fails.
func TestFailedSignInsAreNotCounted(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	w.Person("Ada")
	w.Access.Fail = errors.New("no key")
	for range 20 {
		coretest.Is(t, guess(w, "ada@example.org", coretest.Password, "203.0.113.1"), w.Access.Fail)
	}
	w.Access.Fail = nil
	coretest.Is(t, guess(w, "ada@example.org", coretest.Password, "203.0.113.1"), nil)
}

func TestResetsAreLimited(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	forget := func(email, address string) {
		coretest.Is(t, w.Users.ForgotPassword(w.Ctx, email, users.Device{Address: address}), nil)
	}
	mailed := func(what string, want int) {
		t.Helper()
		if got := len(w.Mailbox.Sent()); got != want {
			t.Errorf("%s: %d mails, want %d", what, got, want)
		}
	}
	for i := range 12 {
		w.Person(fmt.Sprint("Ada", i))
	}
	for i := range 5 {
		w.Clock.Advance(10 * time.Minute)
		forget("ADA0@example.org", fmt.Sprint("203.0.113.", i))
	}
	mailed("for one address", 3)
	for i := range 12 {
		forget(fmt.Sprintf("ada%d@example.org", i), "203.0.113.99")
		forget(fmt.Sprintf("unknown%d@example.org", i), "203.0.113.98")
	}
	mailed("from one network", 3+10)
	w.Clock.Advance(time.Hour)
	forget("ada0@example.org", "203.0.113.99")
	mailed("an hour later", 3+10+1)
}

// laterMail is a MailQueue that writes no mail before it is told to.
type laterMail struct {
	coretest.Mailbox
	full    bool
	waiting []func(context.Context) (users.Mail, error)
}

var errFull = errors.New("full")

func (m *laterMail) Later(_ context.Context, write func(context.Context) (users.Mail, error)) error {
	if m.full {
		return errFull
	}
	m.waiting = append(m.waiting, write)
	return nil
}

// countedUnits is a Storage that records the modes of its units.
type countedUnits struct {
	ports.Storage
	modes []uow.Mode
}

func (s *countedUnits) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	s.modes = append(s.modes, mode)
	return s.Storage.Run(ctx, mode, fn)
}

// Until the answer, a request for a reset does the same with and without an account.
func TestResetsRevealNothing(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	storage, mailer := &countedUnits{Storage: memory.New()}, &laterMail{}
	s, err := services.New(ports.ForServices(ports.NewStore(storage, uow.Policy{})), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: mailer, Images: coretest.Images{}, Clock: w.Clock.Now,
	}, services.DefaultPolicies())
	coretest.Is(t, err, nil)
	_, err = s.Users.Register(w.Ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: coretest.Password})
	coretest.Is(t, err, nil)
	for range 2 { // reads the key, which is then kept
		coretest.Is(t, s.Users.ForgotPassword(w.Ctx, "warm@example.org", users.Device{}), nil)
	}
	mailer.waiting = nil
	for _, full := range []bool{true, false} {
		mailer.full = full
		for i := range 5 {
			var units [][]uow.Mode
			var errs []error
			for _, email := range []string{"ada@example.org", "nobody@example.org"} {
				storage.modes = nil
				errs = append(errs, s.Users.ForgotPassword(w.Ctx, email, users.Device{Address: "2001:db8::1"}))
				units = append(units, storage.modes)
			}
			busy := []bool{errors.Is(errs[0], users.ErrMailBusy), errors.Is(errs[1], users.ErrMailBusy)}
			if !slices.Equal(units[0], units[1]) || busy[0] != full || busy[1] != full {
				t.Errorf("full %v, request %d: the units are %v, the errors %v", full, i, units, errs)
			}
			if want := map[bool]int{true: 2, false: 1}[full]; len(units[0]) != want {
				t.Errorf("full %v, request %d: %d units, want %d", full, i, len(units[0]), want)
			}
		}
	}
	if len(mailer.waiting) != 6 {
		t.Fatalf("%d mails are to be written, want 3 for each address", len(mailer.waiting))
	}
	written := 0
	for _, write := range mailer.waiting {
		mail, err := write(w.Ctx)
		coretest.Is(t, err, nil)
		if mail.To == "ada@example.org" {
			written++
		}
	}
	if written != 3 {
		t.Errorf("%d mails were written for the account, want 3", written)
	}
}

// A wrong password costs the same with and without an account, also the one that locks it.
func TestWrongPasswordsRevealNothing(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	storage, mailer := &countedUnits{Storage: memory.New()}, &laterMail{}
	s, err := services.New(ports.ForServices(ports.NewStore(storage, uow.Policy{})), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: mailer, Images: coretest.Images{}, Clock: w.Clock.Now,
	}, services.DefaultPolicies())
	coretest.Is(t, err, nil)
	_, err = s.Users.SignUp(w.Ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: coretest.Password}, "")
	coretest.Is(t, err, nil)
	_, err = s.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: coretest.Password}) // reads the key
	coretest.Is(t, err, nil)
	for i := range 14 {
		w.Clock.Advance(time.Minute)
		var done []string
		for n, email := range []string{"ada@example.org", "nobody@example.org"} {
			storage.modes = nil
			compared, mails := w.Hasher.Verified.Load(), len(mailer.waiting)
			_, err := s.Users.SignIn(w.Ctx, users.SignIn{
				Email: email, Password: "wrong horse", From: users.Device{Address: fmt.Sprintf("203.0.%d.%d", n, i)},
			})
			coretest.Is(t, err, users.ErrSignIn)
			done = append(done, fmt.Sprint(storage.modes, w.Hasher.Verified.Load()-compared, len(mailer.waiting)-mails))
		}
		if done[0] != done[1] {
			t.Errorf("try %d: with an account %s, without one %s", i, done[0], done[1])
		}
	}
	if len(mailer.waiting) != 2 {
		t.Errorf("%d mails are to be written, want one for each address", len(mailer.waiting))
	}
}

// A user can sign in from the network in which they used a reset, also while strangers guess.
func TestResetMakesNetworkKnown(t *testing.T) {
	w := newWorldWithReset(t)
	w.Person("Ada")
	token, home := forgot(t, w, "ada@example.org"), users.Device{Address: "2001:db8::1"}
	for i := range 10 {
		coretest.Is(t, guess(w, "ada@example.org", "wrong horse", fmt.Sprint("203.0.113.", i)), users.ErrSignIn)
	}
	coretest.Is(t, guess(w, "ada@example.org", coretest.Password, home.Address), users.ErrTooManyTries)
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, token, "another horse", home), nil)
	coretest.Is(t, guess(w, "ada@example.org", "another horse", home.Address), nil)
	w.Clock.Advance(users.DefaultPolicy().SessionLifetime)
	for i := range 10 {
		coretest.Is(t, guess(w, "ada@example.org", "wrong horse", fmt.Sprint("203.0.113.", i)), users.ErrSignIn)
	}
	coretest.Is(t, guess(w, "ada@example.org", "another horse", home.Address), users.ErrTooManyTries)
}
