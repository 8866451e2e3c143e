package users_test

import (
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
)

// TestNoted checks that a note belongs to one request, and that none is kept without Watch.
func TestNoted(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	one, other := users.Watch(w.Ctx), users.Watch(w.Ctx)
	wrong := users.SignIn{Email: coretest.Email("Ada"), Password: "wrong horse"}
	_, err := w.Users.SignIn(one, wrong)
	coretest.Is(t, err, users.ErrSignIn)
	_, err = w.Users.SignIn(w.Ctx, wrong)
	coretest.Is(t, err, users.ErrSignIn)
	if got, want := users.Noted(one), (users.Note{Account: ada, Reason: users.WrongPassword}); got != want {
		t.Errorf("got the note %+v, want %+v", got, want)
	}
	if got := users.Noted(other); got != (users.Note{}) {
		t.Errorf("another request has the note %+v", got)
	}
	if got := users.Noted(w.Ctx); got != (users.Note{}) {
		t.Errorf("a context without Watch has the note %+v", got)
	}
	right := users.SignIn{Email: coretest.Email("Ada"), Password: coretest.Password}
	_, err = w.Users.SignIn(one, right)
	coretest.Is(t, err, nil)
	if got := users.Noted(one); got != (users.Note{Account: ada}) {
		t.Errorf("got the note %+v after a sign-in", got)
	}
}
