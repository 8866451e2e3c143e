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
	"github.com/cicerone-go/cicerone/core/events"
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
	lock := func(email string, n int) {
		for i := range n {
			w.Clock.Advance(time.Minute)
			coretest.Is(t, guess(w, email, "wrong horse", fmt.Sprint("203.0.113.", i)), users.ErrSignIn)
		}
	}
	lock("unknown@example.org", 12)
	for round := 1; round <= 2; round++ {
		lock("ADA@example.org", 14)
		sent := w.Sent()
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
		if got := len(w.Sent()); got != want {
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

// countedUnits is a Storage that records the modes of its units.
type countedUnits struct {
	ports.Storage
	modes []uow.Mode
}

func (s *countedUnits) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	s.modes = append(s.modes, mode)
	return s.Storage.Run(ctx, mode, fn)
}

// requested counts the events that request mail, and those of them that name an account.
func requested(t *testing.T, storage ports.Storage) (all, named int) {
	t.Helper()
	store := ports.NewStore(storage, uow.Policy{})
	err := store.Do(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Events().Number(ctx, 1000)
		return err
	})
	coretest.Is(t, err, nil)
	err = store.View(t.Context(), func(ctx context.Context, tx ports.Tx) error {
		numbered, err := tx.Events().After(ctx, 0, 1000)
		for _, e := range numbered {
			if data, ok := e.Data.(events.MailRequested); ok {
				all++
				if !data.UserID.IsZero() {
					named++
				}
			}
		}
		return err
	})
	coretest.Is(t, err, nil)
	return all, named
}

// Until the answer, a request for a reset does the same with and without an account.
func TestResetsRevealNothing(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	storage, mailer := &countedUnits{Storage: memory.New()}, &coretest.Mailbox{}
	store := ports.NewStore(storage, uow.Policy{})
	s, err := services.New(ports.ForServices(store), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: mailer, Images: coretest.Images{}, Secrets: w.Secrets, Clock: w.Clock.Now,
	}, services.DefaultPolicies())
	coretest.Is(t, err, nil)
	_, err = s.Users.Register(w.Ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: coretest.Password})
	coretest.Is(t, err, nil)
	for range 2 { // reads the key, which is then kept
		coretest.Is(t, s.Users.ForgotPassword(w.Ctx, "warm@example.org", users.Device{}), nil)
	}
	for i := range 5 {
		var units [][]uow.Mode
		for _, email := range []string{"ada@example.org", "nobody@example.org"} {
			storage.modes = nil
			coretest.Is(t, s.Users.ForgotPassword(w.Ctx, email, users.Device{Address: "2001:db8::1"}), nil)
			units = append(units, storage.modes)
		}
		if !slices.Equal(units[0], units[1]) || len(units[0]) != 1 {
			t.Errorf("request %d: the units are %v, want one for each", i, units)
		}
	}
	if sent := mailer.Sent(); len(sent) != 0 {
		t.Errorf("%d mails were sent before the answers", len(sent))
	}
	if all, named := requested(t, storage); all != 2+2*3 || named != 3 {
		t.Errorf("%d mails are requested, %d of them for an account, want 8 and 3", all, named)
	}
	_, err = coretest.Deliver(w.Ctx, store, s.Users, 0)
	coretest.Is(t, err, nil)
	if sent := mailer.Sent(); len(sent) != 3 || sent[0].To != "ada@example.org" {
		t.Errorf("the mails are %+v, want 3 for the account", sent)
	}
}

// A wrong password costs the same with and without an account, also the one that locks it.
func TestWrongPasswordsRevealNothing(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	storage := &countedUnits{Storage: memory.New()}
	s, err := services.New(ports.ForServices(ports.NewStore(storage, uow.Policy{})), services.Parts{
		Hasher: w.Hasher, Access: w.Access, TOTP: w.TOTP, Mailer: &coretest.Mailbox{}, Images: coretest.Images{}, Secrets: w.Secrets, Clock: w.Clock.Now,
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
			compared := w.Hasher.Verified.Load()
			_, err := s.Users.SignIn(w.Ctx, users.SignIn{
				Email: email, Password: "wrong horse", From: users.Device{Address: fmt.Sprintf("203.0.%d.%d", n, i)},
			})
			coretest.Is(t, err, users.ErrSignIn)
			done = append(done, fmt.Sprint(storage.modes, w.Hasher.Verified.Load()-compared))
		}
		if done[0] != done[1] {
			t.Errorf("try %d: with an account %s, without one %s", i, done[0], done[1])
		}
	}
	if all, named := requested(t, storage); all != 2 || named != 1 {
		t.Errorf("%d mails are requested, %d of them for an account, want 2 and 1", all, named)
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
