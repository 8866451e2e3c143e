package users_test

import (
	"context"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// TestSpellingsOfAnAddress signs in and up with other spellings of one address.
func TestSpellingsOfAnAddress(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	zoe := users.SignUp{Name: " Zoe\u00a0\u200b ", Email: " Zoe@bücher.example\u00a0", Password: coretest.Password}
	in, err := w.Users.SignUp(w.Ctx, zoe, "k")
	coretest.Is(t, err, nil)
	if in.User.Name != "Zoe" || in.User.Email != "Zoe@bücher.example" {
		t.Errorf("stored %q with %q", in.User.Name, in.User.Email)
	}
	for _, email := range []string{"zoe@bücher.example", "ZOE@XN--BCHER-KVA.example ", "\u200bzoe@bu\u0308cher.example"} {
		got, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: email, Password: coretest.Password})
		if err != nil || got.User.ID != in.User.ID {
			t.Errorf("%+q signs in to %v, %v", email, got.User.ID, err)
		}
		again := zoe
		again.Email = email
		_, err = w.Users.SignUp(w.Ctx, again, "")
		coretest.Is(t, err, users.ErrEmailTaken)
		repeated, err := w.Users.SignUp(w.Ctx, again, "k")
		if err != nil || repeated.User.ID != in.User.ID {
			t.Errorf("%+q repeats the sign-up of %v, %v", email, repeated.User.ID, err)
		}
	}
}

func TestSpellingsOfAPassword(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	in := users.SignUp{Name: "Ada", Email: "ada@example.org", Password: "cafe\u0301\u00a0cre\u0300me"}
	_, err := w.Users.SignUp(w.Ctx, in, "")
	coretest.Is(t, err, nil)
	for _, password := range []string{in.Password, "café crème", "cafe\u0301 crème", "café\u3000crème"} {
		_, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: in.Email, Password: password})
		coretest.Is(t, err, nil)
	}
	_, err = w.Users.SignIn(w.Ctx, users.SignIn{Email: in.Email, Password: "cafe creme"})
	coretest.Is(t, err, users.ErrSignIn)

	// A hash from before was made from the password as typed, which need not be one that is allowed now.
	for _, typed := range []string{"cafe\u0301 cre\u0300me", "❤\ufe0f love love"} {
		old, err := w.Hasher.Hash(w.Ctx, typed)
		coretest.Is(t, err, nil)
		coretest.Is(t, w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
			u, _, err := tx.Users().ByEmail(ctx, in.Email)
			if err != nil {
				return err
			}
			return tx.Users().SetPassword(ctx, u.ID, users.NewPasswordHash(old), u.UpdatedAt)
		}), nil)
		_, err = w.Users.SignIn(w.Ctx, users.SignIn{Email: in.Email, Password: typed})
		coretest.Is(t, err, nil)
	}
}

// twins adds two accounts whose addresses are one, as a migration leaves them. The second is marked.
func twins(t *testing.T, w *coretest.World) (first, second id.User) {
	t.Helper()
	first, second = w.Person("zoe"), w.Person("twin")
	coretest.Is(t, w.Store.Do(w.Ctx, func(ctx context.Context, tx ports.Tx) error {
		for i, user := range []id.User{first, second} {
			u, err := tx.Users().Hold(ctx, user)
			if err != nil {
				return err
			}
			u.Email, u.Twin = []string{"zoe@xn--bcher-kva.example", "zoe@bücher.example"}[i], i == 1
			if _, err := tx.Users().SetEmail(ctx, u); err != nil {
				return err
			}
		}
		return nil
	}), nil)
	return first, second
}

func signsIn(t *testing.T, w *coretest.World, email string, want id.User) {
	t.Helper()
	if got, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: email, Password: coretest.Password}); err != nil || got.User.ID != want {
		t.Errorf("%q signs in to %v, %v; want %v", email, got.User.ID, err, want)
	}
}

func TestTwinsGetAnotherAddress(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	first, second := twins(t, w)
	signsIn(t, w, "zoe@xn--bcher-kva.example", first)
	signsIn(t, w, "zoe@bücher.example", second)
	signsIn(t, w, "ZOE@bücher.example", first)

	other := w.Person("other")
	w.Unchanged(func() {
		_, err := w.Moderation.ChangeTwin(w.Ctx, other, "new@example.org")
		coretest.Is(t, err, users.ErrNoTwin)
		_, err = w.Moderation.ChangeTwin(w.Ctx, id.User(w.IDs.Next()), "new@example.org")
		coretest.Is(t, err, users.ErrNotFound)
		_, err = w.Moderation.ChangeTwin(w.Ctx, first, "OTHER@example.org")
		coretest.Is(t, err, users.ErrEmailTaken)
		_, err = w.Moderation.ChangeTwin(w.Ctx, first, "Zoe@bücher.example")
		coretest.Is(t, err, users.ErrEmailTaken)
		_, err = w.Moderation.ChangeTwin(w.Ctx, first, "nonsense")
		coretest.Fields(t, err, "email")
		coretest.Is(t, w.Privacy.EraseTwin(w.Ctx, other), users.ErrNoTwin)
	})
	u, err := w.Moderation.ChangeTwin(w.Ctx, first, "new@example.org")
	coretest.Is(t, err, nil)
	signsIn(t, w, u.Email, first)
	signsIn(t, w, "ZOE@xn--bcher-kva.example", second) // it is no twin any more
	_, err = w.Moderation.ChangeTwin(w.Ctx, second, "newer@example.org")
	coretest.Is(t, err, users.ErrNoTwin)
	w.Audit()
}

func TestOneOfTwinsIsErased(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	first, second := twins(t, w)
	coretest.Is(t, w.Privacy.EraseTwin(w.Ctx, first), nil)
	signsIn(t, w, "ZOE@bücher.example", second)
	coretest.Is(t, w.Privacy.EraseTwin(w.Ctx, second), users.ErrNoTwin)

	// A user who erases the account leaves a marked twin behind, which the operator settles.
	w = coretest.NewWorld(t, memory.New())
	first, second = twins(t, w)
	coretest.Is(t, w.Privacy.Erase(w.Ctx, first, coretest.Password, users.Device{}), nil)
	_, err := w.Users.Register(w.Ctx, users.SignUp{Name: "New", Email: "zoe@bücher.example", Password: coretest.Password})
	coretest.Is(t, err, users.ErrEmailTaken)
	_, err = w.Moderation.ChangeTwin(w.Ctx, second, "zoe@bücher.example")
	coretest.Is(t, err, nil)
	signsIn(t, w, "ZOE@bücher.example", second)
	w.Audit()
}
