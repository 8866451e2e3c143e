package users_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
)

// TestLocaleOfSignUp checks which language a new account gets.
func TestLocaleOfSignUp(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.Locales = "en fr pt-BR" })
	for i, c := range []struct{ languages, want string }{
		{"", ""}, {"fr", "fr"}, {"fr-CH, fr;q=0.9, en;q=0.8", "fr"}, {"de, en-GB;q=0.5", "en"}, {"pt", "pt-BR"}, {"de", ""},
		{"*", ""}, {"klingonese", ""}, {"fr;q=x", ""}, {"\xff", ""}, {strings.Repeat("fr,", 400), ""}, {"en;q=0.1, fr;q=0.2", "fr"},
	} {
		in, err := w.Users.SignUp(w.Ctx, users.SignUp{
			Name: "Ada", Email: fmt.Sprintf("ada%d@example.org", i), Password: coretest.Password, Languages: c.languages,
		}, "")
		coretest.Is(t, err, nil)
		if in.User.Locale != c.want {
			t.Errorf("%.30q: the locale is %q, want %q", c.languages, in.User.Locale, c.want)
		}
	}
	w = coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.Locales = "" })
	in, err := w.Users.SignUp(w.Ctx, users.SignUp{Name: "Ada", Email: "ada@example.org", Password: coretest.Password, Languages: "en"}, "")
	if err != nil || in.User.Locale != "" {
		t.Errorf("without languages, the locale is %q, %v", in.User.Locale, err)
	}
}

func TestCheckLocales(t *testing.T) {
	for locales, valid := range map[string]bool{"": true, "en fr": true, "pt-BR": true, "en klingonese": false, "en,fr": false} {
		var f fault.Fields
		users.Policy{Locales: locales}.CheckLocales(&f)
		if (f.Err() == nil) != valid {
			t.Errorf("%q: %v", locales, f.Err())
		}
	}
}

// TestResetVerifiesAddress checks that the first reset that is used verifies the address, and no
// later one.
func TestResetVerifiesAddress(t *testing.T) {
	w := newWorldWithReset(t)
	person := w.Person("Ada")
	verified := func() time.Time {
		u, err := w.Users.Me(w.Ctx, person)
		coretest.Is(t, err, nil)
		return u.EmailVerifiedAt
	}
	token := forgot(t, w, "ada@example.org")
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, "another", "another horse", users.Device{}), "token")
	coretest.Fields(t, w.Users.ResetPassword(w.Ctx, token, "ada@example.org", users.Device{}), "password")
	if !verified().IsZero() {
		t.Error("a request and a reset that is refused verified the address")
	}
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, token, "another horse", users.Device{}), nil)
	first := w.Clock.Now()
	if verified() != first {
		t.Errorf("verified at %v, want %v", verified(), first)
	}
	w.Clock.Advance(time.Hour)
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, forgot(t, w, "ada@example.org"), "a third horse", users.Device{}), nil)
	if verified() != first {
		t.Errorf("verified again at %v", verified())
	}
	coretest.Is(t, w.Privacy.Erase(w.Ctx, person, "a third horse", users.Device{}), nil)
	if strings.Contains(w.Rows(), "user.verified") != true || strings.Count(w.Rows(), `user.verified`) != 1 {
		t.Errorf("the events are not one of the type user.verified:\n%s", w.Rows())
	}
}
