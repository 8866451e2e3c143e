package users_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

func TestPasswordHashIsRedacted(t *testing.T) {
	const secret = "$2a$12$hush"
	hash := users.NewPasswordHash(secret)
	type account struct {
		Name     string
		Password users.PasswordHash
		hidden   users.PasswordHash // fmt cannot call methods on it
		pointed  *users.PasswordHash
	}
	a := account{"Ada", hash, hash, &hash}
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t", "%p", "%!"} {
		shown[verb] = fmt.Sprintf(verb, hash)
		shown[verb+" in a struct"] = fmt.Sprintf(verb, a)
		shown[verb+" by pointer"] = fmt.Sprintf(verb, &a)
		shown[verb+" in a slice"] = fmt.Sprintf(verb, []any{hash, a})
		shown[verb+" in a map"] = fmt.Sprintf(verb, map[string]users.PasswordHash{"a": hash})
	}
	shown["an error"] = fmt.Errorf("save %v: %w", a, errors.New("no")).Error()
	for name, v := range map[string]any{"json": hash, "json of a struct": a, "json of a map": map[string]any{"p": hash}} {
		b, err := json.Marshal(v)
		coretest.Is(t, err, nil)
		shown[name] = string(b)
	}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("saved", "password", hash, "account", a, slog.Group("g", "p", &hash))
	}
	shown["slog"] = log.String()

	secrets := []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")}
	for how, text := range shown {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s shows the hash: %s", how, text)
			}
		}
	}
	for how, want := range map[string]string{"%v": "[redacted]", "%s": "[redacted]", "%#v": "[redacted]", "%d": "[redacted]", "json": `"[redacted]"`} {
		if shown[how] != want {
			t.Errorf("%s shows %s, want %s", how, shown[how], want)
		}
	}
	if hash.String() != "[redacted]" || hash.Reveal() != secret {
		t.Errorf("String returned %s and Reveal %s", hash.String(), hash.Reveal())
	}
}

func TestPasswordHashEquality(t *testing.T) {
	if users.NewPasswordHash("a") != users.NewPasswordHash(strings.Clone("a")) || users.NewPasswordHash("a") == users.NewPasswordHash("b") {
		t.Error("hashes must be equal if and only if their texts are")
	}
	none := users.NewPasswordHash("")
	if none != (users.PasswordHash{}) || !none.IsZero() || none.Reveal() != "" || users.NewPasswordHash("a").IsZero() {
		t.Error("only the empty hash must be the zero value")
	}
}

func TestChangePassword(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	one, two := w.SignIn("Ada"), w.SignIn("Ada")
	luca := w.Person("Luca")
	other := w.SignIn("Luca")
	w.Clock.Advance(time.Minute)

	coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another password", users.Device{}), nil)
	for _, in := range []users.SignedIn{one, two} {
		rejected(t, w, in.AccessToken)
		_, err := w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, users.ErrRefresh)
	}
	accepted(t, w, other.AccessToken, luca)
	_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: coretest.Password})
	coretest.Is(t, err, users.ErrSignIn)
	in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: "another password"})
	coretest.Is(t, err, nil)
	if !in.User.UpdatedAt.Equal(w.Clock.Now()) {
		t.Errorf("updated at %v, want %v", in.User.UpdatedAt, w.Clock.Now())
	}
}

func TestChangePasswordErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person, noPassword, erased := w.Person("Ada"), addWithoutPassword(t, w, "Oidc"), w.Person("Erased")
	coretest.Is(t, w.Privacy.Erase(w.Ctx, erased, coretest.Password, users.Device{}), nil)
	in := w.SignIn("Ada")
	w.Unchanged(func() {
		change := func(ctx context.Context, user id.User, current, password string) error {
			return w.Users.ChangePassword(ctx, user, current, password, users.Device{})
		}
		coretest.Fields(t, change(w.Ctx, person, "wrong horse", "another password"), "current_password")
		coretest.Fields(t, change(w.Ctx, person, "", "another password"), "current_password")
		coretest.Fields(t, change(w.Ctx, noPassword, "", "another password"), "current_password")
		coretest.Fields(t, change(w.Ctx, person, coretest.Password, "short"), "password")
		coretest.Fields(t, change(w.Ctx, person, coretest.Password, strings.Repeat("p", 73)), "password")
		coretest.Is(t, change(w.Ctx, erased, coretest.Password, "another password"), users.ErrNotSignedIn)
		coretest.Is(t, change(w.Ctx, id.User(w.IDs.Next()), coretest.Password, "another password"), users.ErrNotSignedIn)
	})
	accepted(t, w, in.AccessToken, person)
}

func TestConcurrentChangePassword(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	errs := coretest.AtOnce(8, func(i int) error {
		return w.Users.ChangePassword(w.Ctx, person, coretest.Password, fmt.Sprintf("password number %d", i), users.Device{})
	})
	if won, lost := coretest.Count(errs, nil), coretest.Count(errs, fault.Invalid); won != 1 || lost != 7 {
		t.Errorf("%d succeeded and %d failed, want 1 and 7", won, lost)
	}
	for i, err := range errs {
		if err == nil {
			_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: fmt.Sprintf("password number %d", i)})
			coretest.Is(t, err, nil)
			continue
		}
		coretest.Fields(t, err, "current_password")
	}
}

func TestDeactivationDuringChangePassword(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	w.Admin()
	w.Hasher.AfterVerify = func() {
		w.Hasher.AfterVerify = nil
		w.SetActive(person, false)
	}
	coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another password", users.Device{}), users.ErrNotSignedIn)
	w.SetActive(person, true)
	w.SignIn("Ada") // with the earlier password
}

const resetPage = "https://example.org/reset?token="

func newWorldWithReset(t *testing.T) *coretest.World {
	return coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) {
		p.Users.ResetURL, p.Users.MaxResets = resetPage, 100
	})
}

// forgot requests a reset and returns the token from the mail.
func forgot(t *testing.T, w *coretest.World, email string) string {
	t.Helper()
	before := len(w.Sent())
	coretest.Is(t, w.Users.ForgotPassword(w.Ctx, email, users.Device{}), nil)
	sent := w.Sent()
	if len(sent) != before+1 {
		t.Fatalf("%d messages were sent, want one", len(sent)-before)
	}
	return secretOf(t, sent[before])
}

// secretOf returns the secret of a mail that resets a password, whose link has it.
func secretOf(t *testing.T, m users.Mail) string {
	t.Helper()
	data, ok := m.Data.(users.PasswordResetMail)
	if !ok || m.Kind != users.MailPasswordReset || data.Secret == "" || data.Link != resetPage+data.Secret {
		t.Fatalf("the mail is %+v, want one with a link to the page", m)
	}
	return data.Secret
}

func TestResetPassword(t *testing.T) {
	w := newWorldWithReset(t)
	person := w.Person("Ada")
	in := w.SignIn("Ada")
	token := forgot(t, w, "ADA@example.org")
	if mail := w.Sent()[0]; mail.To != "ada@example.org" || mail.Data.(users.PasswordResetMail).Minutes != 60 {
		t.Errorf("got the mail %+v, want the address of the account and the lifetime of the token", mail)
	}
	if strings.Contains(w.Rows(), token) {
		t.Error("the store holds the secret")
	}
	accepted(t, w, in.AccessToken, person) // a request ends no session

	w.Clock.Advance(time.Hour - time.Millisecond)
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, token, "short", users.Device{}), "password") // does not use the token
	in = w.SignIn("Ada")
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, token, "another password", users.Device{}), nil)
	rejected(t, w, in.AccessToken)
	_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: coretest.Password})
	coretest.Is(t, err, users.ErrSignIn)
	_, err = w.Users.SignIn(w.Ctx, users.SignIn{Email: "ada@example.org", Password: "another password"})
	coretest.Is(t, err, nil)

	w.Unchanged(func() {
		coretest.Fields(t, w.Users.ResetPassword(w.Ctx, token, "a third password", users.Device{}), "token")
	})
}

func TestInvalidReset(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, w *coretest.World, person id.User){
		"expired": func(_ *testing.T, w *coretest.World, _ id.User) { w.Clock.Advance(time.Hour) },
		"older than three": func(t *testing.T, w *coretest.World, _ id.User) {
			for range 3 {
				w.Clock.Advance(time.Millisecond)
				forgot(t, w, "ada@example.org")
			}
		},
		"after the use of another": func(t *testing.T, w *coretest.World, _ id.User) {
			coretest.Is(t, w.Users.ResetPassword(w.Ctx, forgot(t, w, "ada@example.org"), "another password", users.Device{}), nil)
		},
		"after a change of the password": func(t *testing.T, w *coretest.World, person id.User) {
			coretest.Is(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, "another password", users.Device{}), nil)
		},
		"of an inactive user": func(_ *testing.T, w *coretest.World, person id.User) { w.SetActive(person, false) },
		"of a user who was inactive": func(_ *testing.T, w *coretest.World, person id.User) {
			w.SetActive(person, false)
			w.SetActive(person, true)
		},
		"of an erased user": func(t *testing.T, w *coretest.World, person id.User) {
			coretest.Is(t, w.Privacy.Erase(w.Ctx, person, coretest.Password, users.Device{}), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWithReset(t)
			person := w.Person("Ada")
			w.Admin()
			token := forgot(t, w, "ada@example.org")
			spoil(t, w, person)
			w.Unchanged(func() {
				coretest.Fields(t, w.Users.ResetPassword(w.Ctx, token, "a third password", users.Device{}), "token")
			})
		})
	}
	w := newWorldWithReset(t)
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, "nonsense", "a third password", users.Device{}), "token")
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, "", "a third password", users.Device{}), "token")
}

// Each of three open resets works.
func TestOpenResets(t *testing.T) {
	for use := range 3 {
		w := newWorldWithReset(t)
		w.Person("Ada")
		var open []string
		for range 3 {
			open = append(open, forgot(t, w, "ada@example.org"))
		}
		coretest.Is(t, w.Users.ResetPassword(w.Ctx, open[use], "another password", users.Device{}), nil)
	}
}

// Concurrent requests open no more resets than the policy allows when they are mailed.
func TestConcurrentRequestsForResets(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.OpenResets = 2 })
	w.Person("Ada")
	for _, err := range coretest.AtOnce(8, func(int) error { return w.Users.ForgotPassword(w.Ctx, "ada@example.org", users.Device{}) }) {
		coretest.Is(t, err, nil)
	}
	if sent := w.Sent(); len(sent) != 3 {
		t.Errorf("%d mails were sent, want 3", len(sent))
	}
	rows := 0
	coretest.Is(t, w.Store.View(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		all, err := tx.Rows().Read(ctx, ports.PasswordResets, nil, 10)
		rows = len(all)
		return err
	}), nil)
	if rows != 2 {
		t.Errorf("%d resets are open, want 2", rows)
	}
}

func TestConcurrentResets(t *testing.T) {
	w := newWorldWithReset(t)
	w.Person("Ada")
	token := forgot(t, w, "ada@example.org")
	errs := coretest.AtOnce(8, func(i int) error {
		return w.Users.ResetPassword(w.Ctx, token, fmt.Sprintf("password number %d", i), users.Device{})
	})
	if won, lost := coretest.Count(errs, nil), coretest.Count(errs, fault.Invalid); won != 1 || lost != 7 {
		t.Errorf("%d succeeded and %d failed, want 1 and 7", won, lost)
	}
}

func TestResetWithoutPassword(t *testing.T) {
	w := newWorldWithReset(t)
	addWithoutPassword(t, w, "Oidc")
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, forgot(t, w, "oidc@example.org"), coretest.Password, users.Device{}), nil)
	w.SignIn("Oidc")
}

func TestForgotPasswordRevealsNothing(t *testing.T) {
	w := newWorldWithReset(t)
	w.SetActive(w.Person("Idle"), false)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, w.Person("Gone"), coretest.Password, users.Device{}), nil)
	for _, email := range []string{"nobody@example.org", "idle@example.org", "gone@example.org"} {
		coretest.Is(t, w.Users.ForgotPassword(w.Ctx, email, users.Device{}), nil)
	}
	w.Unchanged(func() {
		for _, email := range []string{"", "nonsense", "\xff@example.org"} {
			coretest.Fields(t, w.Users.ForgotPassword(w.Ctx, email, users.Device{}), "email")
		}
	})
	if sent := w.Sent(); sent != nil {
		t.Errorf("got the mails %+v, want none", sent)
	}
}

// TestMailerFails checks that mail is tried again, and that the tries do not use up the resets of an
// account, of which three work.
func TestMailerFails(t *testing.T) {
	w := newWorldWithReset(t)
	w.Person("Ada")
	first := forgot(t, w, "ada@example.org")
	coretest.Is(t, w.Users.ForgotPassword(w.Ctx, "ada@example.org", users.Device{}), nil)
	w.Mailbox.Fail = errors.New("the mail server is down")
	for range 5 {
		coretest.Is(t, w.Deliver(), w.Mailbox.Fail)
	}
	w.Mailbox.Fail = nil
	sent := w.Sent()
	if len(sent) != 2 || secretOf(t, sent[1]) == first {
		t.Fatalf("the mails are %+v, want two with different secrets", sent)
	}
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, first, "another password", users.Device{}), nil)
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, secretOf(t, sent[1]), "a third password", users.Device{}), "token")

	coretest.Is(t, w.Users.ForgotPassword(w.Ctx, "ada@example.org", users.Device{}), nil)
	w.Mailbox.Fail = errors.New("the mail server is down")
	coretest.Is(t, w.Deliver(), w.Mailbox.Fail)
	w.Clock.Advance(31 * time.Minute)
	w.Mailbox.Fail = nil
	if sent = w.Sent(); sent[2].Data.(users.PasswordResetMail).Minutes != 60 {
		t.Errorf("after 31 minutes, the mail is %+v, want a new secret for 60 minutes", sent[2])
	}
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, secretOf(t, sent[2]), "a third password", users.Device{}), nil)
}

// TestUnknownMail checks that an event of a newer version of the program is an error, so that it is
// set aside and not lost.
func TestUnknownMail(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	for _, data := range []events.Data{events.Raw(`{"kind":"new"}`), events.MailRequested{Kind: "new", UserID: w.Person("Ada")}} {
		if err := w.Users.SendMail(w.Ctx, events.Event{Type: events.TypeMailRequested, Data: data}); err == nil {
			t.Errorf("%+v: no error", data)
		}
	}
}

// brokenHasher is a Hasher that always fails.
type brokenHasher struct{ err error }

func (b brokenHasher) Hash(context.Context, string) (string, error)         { return "", b.err }
func (b brokenHasher) Verify(context.Context, string, string) (bool, error) { return false, b.err }
func (b brokenHasher) Outdated(string) bool                                 { return true }

func TestHasherFails(t *testing.T) {
	broken := errors.New("no more memory")
	p := users.NewPasswords(brokenHasher{broken})
	_, err := p.Hash(t.Context(), coretest.Password)
	coretest.Is(t, err, broken)
	_, err = p.Check(t.Context(), users.PasswordHash{}, coretest.Password)
	coretest.Is(t, err, broken)
	_, err = p.Renew(t.Context(), users.NewPasswordHash("x"), coretest.Password)
	coretest.Is(t, err, broken)
}
