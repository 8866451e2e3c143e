package users_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

var ada = users.SignUp{Name: "Ada Lovelace", Email: "Ada.Lovelace@Example.org", Password: coretest.Password}

func ledger(t *testing.T, w *coretest.World, user id.User) []tokens.Transaction {
	t.Helper()
	p, err := w.Tokens.Transactions(w.Ctx, user, page.Request[int64]{})
	coretest.Is(t, err, nil)
	return p.Items
}

// accepted fails the test unless an access token authenticates a user.
func accepted(t *testing.T, w *coretest.World, access string, user id.User) {
	t.Helper()
	c, err := w.Users.Authenticate(w.Ctx, access)
	if err != nil || c.UserID != user {
		t.Fatalf("got user %v with error %v, want %v", c.UserID, err, user)
	}
}

// rejected fails the test unless an access token is not valid.
func rejected(t *testing.T, w *coretest.World, access string) {
	t.Helper()
	c, err := w.Users.Authenticate(w.Ctx, access)
	coretest.Is(t, err, users.ErrNotSignedIn)
	if c != (users.Caller{}) {
		t.Fatalf("got %+v with the error, want the zero value", c)
	}
}

func TestSignUp(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	in, err := w.Users.SignUp(w.Ctx, ada, "")
	coretest.Is(t, err, nil)

	now := w.Clock.Now()
	want := users.User{
		ID: in.User.ID, Name: "Ada Lovelace", Email: "Ada.Lovelace@Example.org", Role: users.RoleUser, IsActive: true,
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	if in.User != want || in.User.ID.IsZero() {
		t.Errorf("got %+v, want %+v", in.User, want)
	}
	if in.ExpiresIn != 15*time.Minute {
		t.Errorf("the access token is valid for %v, want 15 minutes", in.ExpiresIn)
	}
	if stored, err := w.Users.Me(w.Ctx, in.User.ID); err != nil || stored != want {
		t.Errorf("stored %+v with error %v, want %+v", stored, err, want)
	}
	accepted(t, w, in.AccessToken, in.User.ID)

	lines := ledger(t, w, in.User.ID)
	if len(lines) != 1 || lines[0].Type != tokens.SignupBonus || lines[0].Amount != 50 || w.Balance(in.User.ID) != 50 {
		t.Errorf("got the ledger %+v and a balance of %d, want one bonus of 50", lines, w.Balance(in.User.ID))
	}
	for _, secret := range []string{ada.Password, in.RefreshToken, in.AccessToken} {
		if strings.Contains(w.Rows(), secret) {
			t.Errorf("the store holds the secret %q", secret)
		}
	}
}

func TestSignupBonus(t *testing.T) {
	for bonus, lines := range map[int64]int{0: 0, 7: 1} {
		w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.SignupBonus = bonus })
		user := w.Person("Ada")
		if got := w.Balance(user); got != bonus || len(ledger(t, w, user)) != lines {
			t.Errorf("bonus %d: got the balance %d and %d transactions, want %d and %d", bonus, got, len(ledger(t, w, user)), bonus, lines)
		}
	}
}

func TestSignUpIsAtomic(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.SignupBonus = -1 }) // the ledger returns an error for it
	w.Unchanged(func() {
		_, err := w.Users.SignUp(w.Ctx, ada, "k")
		coretest.Fields(t, err, "amount")
		_, err = w.Users.Register(w.Ctx, ada)
		coretest.Fields(t, err, "amount")
	})
}

func TestSignUpErrors(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	long := strings.Repeat
	for name, test := range map[string]struct {
		change func(in *users.SignUp)
		fields []string
	}{
		"no name":                   {func(in *users.SignUp) { in.Name = "" }, []string{"name"}},
		"a blank name":              {func(in *users.SignUp) { in.Name = " \t " }, []string{"name"}},
		"an invisible name":         {func(in *users.SignUp) { in.Name = "\u3164\u200b" }, []string{"name"}},
		"a name that turns":         {func(in *users.SignUp) { in.Name = "Ada \u202eevil" }, []string{"name"}},
		"a name too long":           {func(in *users.SignUp) { in.Name = long("é", 101) }, []string{"name"}},
		"no address":                {func(in *users.SignUp) { in.Email = "" }, []string{"email"}},
		"an address without an @":   {func(in *users.SignUp) { in.Email = "ada" }, []string{"email"}},
		"no mailbox":                {func(in *users.SignUp) { in.Email = "@example.org" }, []string{"email"}},
		"no host":                   {func(in *users.SignUp) { in.Email = "ada@" }, []string{"email"}},
		"two addresses":             {func(in *users.SignUp) { in.Email = "a@example.org, b@example.org" }, []string{"email"}},
		"an address with a name":    {func(in *users.SignUp) { in.Email = "Ada <ada@example.org>" }, []string{"email"}},
		"an address in brackets":    {func(in *users.SignUp) { in.Email = "<ada@example.org>" }, []string{"email"}},
		"an address with a comment": {func(in *users.SignUp) { in.Email = "ada@example.org (Ada)" }, []string{"email"}},
		"an address with a space":   {func(in *users.SignUp) { in.Email = "ada @example.org" }, []string{"email"}},
		"a domain IDNA refuses":     {func(in *users.SignUp) { in.Email = "ada@xn--a.example" }, []string{"email"}},
		"an address with a header":  {func(in *users.SignUp) { in.Email = "ada@example.org\r\nBcc: b@example.org" }, []string{"email"}},
		"an address too long":       {func(in *users.SignUp) { in.Email = long("a", 243) + "@example.org" }, []string{"email"}},
		"an address not in UTF-8":   {func(in *users.SignUp) { in.Email = "ada\xff@example.org" }, []string{"email"}},
		"no password":               {func(in *users.SignUp) { in.Password = "" }, []string{"password"}},
		"seven characters":          {func(in *users.SignUp) { in.Password = "ééééééé" }, []string{"password"}},
		"73 bytes":                  {func(in *users.SignUp) { in.Password = long("p", 73) }, []string{"password"}},
		"25 characters of 3 bytes":  {func(in *users.SignUp) { in.Password = long("日", 25) }, []string{"password"}},
		"a password with NUL":       {func(in *users.SignUp) { in.Password = "correct\x00horse" }, []string{"password"}},
		"a password with a control": {func(in *users.SignUp) { in.Password = "correct\thorse" }, []string{"password"}},
		"a password not in UTF-8":   {func(in *users.SignUp) { in.Password = "correct horse\xff" }, []string{"password"}},
		"every field":               {func(in *users.SignUp) { *in = users.SignUp{} }, []string{"name", "email", "password"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := ada
			test.change(&in)
			w.Unchanged(func() {
				_, err := w.Users.SignUp(w.Ctx, in, "")
				coretest.Fields(t, err, test.fields...)
				_, err = w.Users.Register(w.Ctx, in)
				coretest.Fields(t, err, test.fields...)
			})
		})
	}
	if w.Hasher.Hashed.Load() != 0 {
		t.Error("a password was hashed for invalid input")
	}
}

func TestSignUpAccepts(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	for i, in := range []users.SignUp{
		{Name: strings.Repeat("é", 100), Email: "a+tag@sub.example.org", Password: "éééééééé"},             // 8 characters
		{Name: "日本 太郎", Email: "o'neill@example.org", Password: strings.Repeat("p", 72)},                   // 72 bytes
		{Name: "X", Email: strings.Repeat("a", 242) + "@example.org", Password: strings.Repeat("日", 24)},   // 72 bytes
		{Name: "Üla", Email: "üla@exämple.org", Password: " 8 spaces"},                                     // not in ASCII
		{Name: "<script>", Email: `a.!#$%&'*+-/=?^_{|}~@example.org`, Password: "'; DROP TABLE users; --"}, // kept as typed
		{Name: "Robert", Email: "nobody@example.org", Password: "pásswörd 字 🐎"},                            // only hashed
	} {
		got, err := w.Users.SignUp(w.Ctx, in, "")
		if err != nil || got.User.Name != in.Name || got.User.Email != in.Email {
			t.Errorf("%d: got %+v and error %v, want %q with %q", i, got.User, err, in.Name, in.Email)
			continue
		}
		if _, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: in.Email, Password: in.Password}); err != nil {
			t.Errorf("%d: cannot sign in: %v", i, err)
		}
	}
}

func TestAddressIsUniqueByFold(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	_, err := w.Users.SignUp(w.Ctx, users.SignUp{Name: "Éva", Email: "Éva.Straße@example.org", Password: coretest.Password}, "")
	coretest.Is(t, err, nil)
	w.Unchanged(func() {
		for _, same := range []string{"éva.straße@EXAMPLE.ORG", "E\u0301VA.STRASSE@example.org"} {
			in := users.SignUp{Name: "Eve", Email: same, Password: coretest.Password}
			_, err := w.Users.SignUp(w.Ctx, in, "")
			coretest.Is(t, err, users.ErrEmailTaken)
			_, err = w.Users.Register(w.Ctx, in)
			coretest.Is(t, err, users.ErrEmailTaken)
		}
	})
	if fault.KindOf(users.ErrEmailTaken) != fault.Conflict {
		t.Error("ErrEmailTaken is not of kind Conflict")
	}
}

func TestConcurrentSignUpsOfOneAddress(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	errs := coretest.AtOnce(20, func(i int) error {
		in := ada
		if i%2 == 0 {
			in.Email = strings.ToUpper(in.Email)
		}
		_, err := w.Users.SignUp(w.Ctx, in, "")
		return err
	})
	if made, taken := coretest.Count(errs, nil), coretest.Count(errs, users.ErrEmailTaken); made != 1 || taken != 19 {
		t.Errorf("%d succeeded and %d failed, want 1 and 19", made, taken)
	}
}

func TestSignUpRepeat(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	first, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	w.Clock.Advance(time.Hour)

	again, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	if again.User != first.User {
		t.Errorf("the repeat returned %+v, want %+v", again.User, first.User)
	}
	if again.AccessToken == first.AccessToken || again.RefreshToken == first.RefreshToken {
		t.Error("the repeat returned the earlier tokens, so they were stored")
	}
	accepted(t, w, again.AccessToken, first.User.ID)
	if n := len(ledger(t, w, first.User.ID)); n != 1 {
		t.Errorf("there are %d bonuses, want 1", n)
	}
	w.Unchanged(func() {
		other := ada
		other.Password = "another password"
		_, err := w.Users.SignUp(w.Ctx, other, "k")
		coretest.Is(t, err, users.ErrSignIn)
		other = ada
		other.Name = "Eve"
		_, err = w.Users.SignUp(w.Ctx, other, "k")
		coretest.Is(t, err, idempotency.ErrKeyReused)
		_, err = w.Users.SignUp(w.Ctx, ada, "another-key")
		coretest.Is(t, err, users.ErrEmailTaken)
	})

	same := ada
	same.Email = strings.ToUpper(ada.Email) // the key belongs to the folded address
	again, err = w.Users.SignUp(w.Ctx, same, "k")
	if err != nil || again.User.ID != first.User.ID {
		t.Errorf("in upper case: got %+v and error %v, want the same user", again.User, err)
	}
	_, err = w.Users.SignUp(w.Ctx, users.SignUp{Name: "Eve", Email: "eve@example.org", Password: coretest.Password}, "k")
	coretest.Is(t, err, nil) // another address has its own keys

	w.SetActive(first.User.ID, false)
	_, err = w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, users.ErrSignIn)
}

func TestConcurrentSignUpsWithOneKey(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	made := make([]id.User, users.DefaultPolicy().MaxWrong) // each counts as a try until its password is compared
	errs := coretest.AtOnce(len(made), func(i int) error {
		in, err := w.Users.SignUp(w.Ctx, ada, "k")
		made[i] = in.User.ID
		return err
	})
	if n := coretest.Count(errs, nil); n != len(made) {
		t.Fatalf("%d of %d succeeded: %v", n, len(made), errs)
	}
	for _, one := range made {
		if one != made[0] {
			t.Fatal("more than one user was created")
		}
	}
	if w.Balance(made[0]) != 50 {
		t.Errorf("the balance is %d, want one bonus", w.Balance(made[0]))
	}
}

func TestRegister(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	u, err := w.Users.Register(w.Ctx, ada)
	coretest.Is(t, err, nil)
	in, err := w.Users.SignIn(w.Ctx, users.SignIn{Email: ada.Email, Password: ada.Password})
	if err != nil || in.User != u {
		t.Errorf("signed in as %+v with error %v, want %+v", in.User, err, u)
	}
	if w.Balance(u.ID) != 50 {
		t.Errorf("the balance is %d, want the bonus", w.Balance(u.ID))
	}
}

// If the access token cannot be issued, no account and no session is stored, and no refresh token
// is used.
func TestIssueFails(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	broken := fmt.Errorf("no key to sign with")
	w.Access.Fail = broken
	for _, key := range []idempotency.Key{"", "k"} {
		w.Unchanged(func() {
			_, err := w.Users.SignUp(w.Ctx, ada, key)
			coretest.Is(t, err, broken)
		})
	}
	_, err := w.Users.Authenticate(w.Ctx, "token")
	coretest.Is(t, err, broken)

	w.Access.Fail = nil
	in, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	accepted(t, w, in.AccessToken, in.User.ID)

	w.Access.Fail = broken
	w.Unchanged(func() {
		_, err := w.Users.SignUp(w.Ctx, ada, "k")
		coretest.Is(t, err, broken)
		_, err = w.Users.SignIn(w.Ctx, users.SignIn{Email: ada.Email, Password: ada.Password})
		coretest.Is(t, err, broken)
		_, err = w.Users.Refresh(w.Ctx, in.RefreshToken)
		coretest.Is(t, err, broken)
	})

	w.Access.Fail = nil
	_, err = w.Users.Refresh(w.Ctx, in.RefreshToken)
	coretest.Is(t, err, nil)
	again, err := w.Users.SignUp(w.Ctx, ada, "k")
	coretest.Is(t, err, nil)
	accepted(t, w, again.AccessToken, in.User.ID)
	if again.RefreshToken == in.RefreshToken {
		t.Error("the repeat returned the same refresh token")
	}
}
