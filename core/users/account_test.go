package users_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
)

func TestChangeMe(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	before, err := w.Users.Me(w.Ctx, person)
	coretest.Is(t, err, nil)
	w.Clock.Advance(time.Hour)

	bio, location, name, none := "I count.\n\nA lot.", "London", "Ada King", ""
	after := before
	for _, step := range []struct {
		change users.Change
		want   func(u *users.User)
	}{
		{users.Change{Bio: &bio}, func(u *users.User) { u.Bio = bio }},
		{users.Change{Location: &location, Name: &name}, func(u *users.User) { u.Location, u.Name = location, name }},
		{users.Change{Bio: &none}, func(u *users.User) { u.Bio = "" }},
		{users.Change{Locale: new("PT_br")}, func(u *users.User) { u.Locale = "pt-BR" }},
		{users.Change{Locale: &none}, func(u *users.User) { u.Locale = "" }},
	} {
		w.Clock.Advance(time.Hour)
		step.want(&after)
		after.Version++
		after.UpdatedAt = w.Clock.Now()
		got, err := w.Users.ChangeMe(w.Ctx, person, step.change)
		coretest.Is(t, err, nil)
		if got != after {
			t.Errorf("got %+v, want %+v", got, after)
		}
		if stored, err := w.Users.Me(w.Ctx, person); err != nil || stored != after {
			t.Errorf("stored %+v with error %v, want %+v", stored, err, after)
		}
	}
}

func TestChangeMeErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	text := func(s string) *string { return &s }
	w.Unchanged(func() {
		for name, test := range map[string]struct {
			change users.Change
			fields []string
		}{
			"no name":                   {users.Change{Name: text("")}, []string{"name"}},
			"a name too long":           {users.Change{Name: text(strings.Repeat("a", 101))}, []string{"name"}},
			"a bio too long":            {users.Change{Bio: text(strings.Repeat("a", 2001))}, []string{"bio"}},
			"a bio not in UTF-8":        {users.Change{Bio: text("\xff")}, []string{"bio"}},
			"a location with a control": {users.Change{Location: text("London\x1bSoho")}, []string{"location"}},
			"a location too long":       {users.Change{Location: text(strings.Repeat("a", 201))}, []string{"location"}},
			"every field":               {users.Change{text(""), text("\x00"), text("\u202e"), text("?")}, []string{"name", "bio", "location", "locale"}},
			"no language":               {users.Change{Locale: text("klingonese")}, []string{"locale"}},
			"any language":              {users.Change{Locale: text("und")}, []string{"locale"}},
			"a locale too long":         {users.Change{Locale: text("de-u-co-phonebk-ka-shifted-kc-true-kf-upper")}, []string{"locale"}},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := w.Users.ChangeMe(w.Ctx, person, test.change)
				coretest.Fields(t, err, test.fields...)
			})
		}
	})
	for _, valid := range []users.Change{
		{Bio: text(strings.Repeat("é", 2000))}, {Location: text(strings.Repeat("é", 200))}, {Location: text("")}, {Locale: text("")}, {},
	} {
		_, err := w.Users.ChangeMe(w.Ctx, person, valid)
		coretest.Is(t, err, nil)
	}
}

// Concurrent changes of different fields do not undo each other.
func TestConcurrentChangeMe(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	person := w.Person("Ada")
	bio, location := "I count.", "London"
	errs := coretest.AtOnce(20, func(i int) error {
		c := users.Change{Bio: &bio}
		if i%2 == 0 {
			c = users.Change{Location: &location}
		}
		_, err := w.Users.ChangeMe(w.Ctx, person, c)
		return err
	})
	u, err := w.Users.Me(w.Ctx, person)
	coretest.Is(t, err, nil)
	if n := coretest.Count(errs, nil); n != 20 || u.Bio != bio || u.Location != location || u.Version != 21 {
		t.Errorf("%d succeeded and the user is %+v, want 20, both fields set and version 21", n, u)
	}
}

func TestErasureFreesAddressAndKeys(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	first, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, first.User.ID, ada.Password, users.Device{}), nil)
	if strings.Contains(w.Rows(), "Lovelace") || strings.Contains(w.Rows(), "lovelace") {
		t.Errorf("the store still holds the name:\n%s", w.Rows())
	}
	_, err = w.Users.Me(w.Ctx, first.User.ID)
	coretest.Is(t, err, users.ErrNotSignedIn)
	rejected(t, w, first.AccessToken)

	second, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	if second.User.ID == first.User.ID || w.Balance(second.User.ID) != 0 {
		t.Errorf("got %+v with %d tokens, want a new account without a second bonus", second.User, w.Balance(second.User.ID))
	}
}

func TestFirstName(t *testing.T) {
	for name, want := range map[string]string{"Ada Lovelace": "Ada", "Ada": "Ada", "  Ada  King ": "Ada", "Ada\u00a0King": "Ada", "\u3000Ada\tKing": "Ada", "": "", users.DeletedName: "deleted"} {
		if got := (users.User{Name: name}).FirstName(); got != want {
			t.Errorf("the first name of %q is %q, want %q", name, got, want)
		}
	}
}

func TestRoleValid(t *testing.T) {
	for role, want := range map[users.Role]bool{users.RoleUser: true, users.RoleAdmin: true, "": false, "Admin": false, "root": false} {
		if role.Valid() != want {
			t.Errorf("%q.Valid() = %v, want %v", role, role.Valid(), want)
		}
	}
}

func TestCancellation(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) {
		p.Users.ResetURL, p.Users.MaxWrong, p.Users.MaxResets = resetPage, 1000, 1000 // a try that is cancelled stays counted
	})
	person := w.Person("Ada")
	name := "Ada King"
	var in users.SignedIn
	token := ""
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
		want error
	}{
		{"sign up", func(ctx context.Context) error {
			_, err := w.Users.SignUp(ctx, users.SignUp{Name: "Eve", Email: "eve@example.org", Password: coretest.Password}, "k")
			return err
		}, nil},
		{"sign up again", func(ctx context.Context) error {
			_, err := w.Users.SignUp(ctx, users.SignUp{Name: "Eve", Email: "eve@example.org", Password: coretest.Password}, "k")
			return err
		}, nil},
		{"register", func(ctx context.Context) error {
			_, err := w.Users.Register(ctx, users.SignUp{Name: "Max", Email: "max@example.org", Password: coretest.Password})
			return err
		}, nil},
		{"sign in", func(ctx context.Context) (err error) {
			in, err = w.Users.SignIn(ctx, users.SignIn{Email: "ada@example.org", Password: coretest.Password})
			return err
		}, nil},
		{"authenticate", func(ctx context.Context) error {
			_, err := w.Users.Authenticate(ctx, in.AccessToken)
			return err
		}, nil},
		{"refresh", func(ctx context.Context) error {
			_, err := w.Users.Refresh(ctx, in.RefreshToken)
			return err
		}, nil},
		{"refresh again", func(ctx context.Context) error {
			w.Clock.Advance(10 * time.Second)
			_, err := w.Users.Refresh(ctx, in.RefreshToken)
			return err
		}, users.ErrRefresh},
		{"sign out", func(ctx context.Context) error { return w.Users.SignOut(ctx, in.RefreshToken) }, nil},
		{"read", func(ctx context.Context) error {
			_, err := w.Users.Me(ctx, person)
			return err
		}, nil},
		{"change", func(ctx context.Context) error {
			_, err := w.Users.ChangeMe(ctx, person, users.Change{Name: &name})
			return err
		}, nil},
		{"forget the password", func(ctx context.Context) error {
			return w.Users.ForgotPassword(ctx, "ada@example.org", users.Device{})
		}, nil},
		{"reset the password", func(ctx context.Context) error {
			return w.Users.ResetPassword(ctx, token, "another password", users.Device{})
		}, nil},
		{"change the password", func(ctx context.Context) error {
			return w.Users.ChangePassword(ctx, person, "another password", coretest.Password, users.Device{})
		}, nil},
		{"purge", func(ctx context.Context) error {
			w.Clock.Advance(30 * 24 * time.Hour)
			n, err := w.Users.PurgeSessions(ctx)
			if err == nil && n == 0 {
				return fmt.Errorf("no session was purged")
			}
			return err
		}, nil},
	} {
		if sent := w.Sent(); len(sent) > 0 {
			token = secretOf(t, sent[0])
		}
		t.Run(step.name, func(t *testing.T) { coretest.Is(t, w.Cancelled(step.do), step.want) })
	}
}
