package users_test

import (
	"compress/gzip"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/users"
)

// refusedPassword returns why CheckPassword refuses a password, or "".
func refusedPassword(password string, about ...string) string {
	var f fault.Fields
	users.DefaultPolicy().CheckPassword(&f, password, about...)
	if err := f.Err(); err != nil {
		return err.Error()
	}
	return ""
}

func TestCommonPasswords(t *testing.T) {
	file, err := os.Open("common_passwords.txt.gz")
	coretest.Is(t, err, nil)
	defer func() { coretest.Is(t, file.Close(), nil) }()
	packed, err := gzip.NewReader(file)
	coretest.Is(t, err, nil)
	text, err := io.ReadAll(packed)
	coretest.Is(t, err, nil)
	list := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(list) != 8479 || !slices.IsSorted(list) {
		t.Errorf("the list has %d passwords, sorted: %v", len(list), slices.IsSorted(list))
	}
	for _, password := range list {
		for _, spelling := range []string{password, strings.ToUpper(password), " " + password} {
			if why := refusedPassword(spelling); !strings.Contains(why, "most common") {
				t.Errorf("%q is refused with %q", spelling, why)
			}
		}
	}
	for _, password := range []string{"password", "Password1", "12345678", "qwertyuiop", "iloveyou"} {
		if why := refusedPassword(password); !strings.Contains(why, "most common") {
			t.Errorf("%q is refused with %q", password, why)
		}
	}
	for _, password := range []string{"passwords of mine", "ord\npassword", "correct horse", "12345678 steps", "assword1 x"} {
		if why := refusedPassword(password); strings.Contains(why, "most common") {
			t.Errorf("%q is refused as common", password)
		}
	}
}

func TestPasswordMadeOfNameOrAddress(t *testing.T) {
	about := []string{"José Lovelace-Ng", "ada.k@voyage.example.org"}
	for _, password := range []string{
		"lovelace", "LOVELACE!", "jose-lovelace", "JOSÉ2026", "lovelace1815", "ada@voyage.example.org", "ada.voyage", "voyage99", "exampleADA",
	} {
		if why := refusedPassword(password, about...); !strings.Contains(why, "made of your name") {
			t.Errorf("%q is refused with %q", password, why)
		}
		if why := refusedPassword(password, "Luca", "luca@elsewhere.net"); why != "" {
			t.Errorf("%q is refused for another account with %q", password, why)
		}
	}
	for _, password := range []string{"lovelace's engine", "1815-1852-07", "ng ng ng ng", "k.k.k.k.k", "an older adage"} {
		if why := refusedPassword(password, about...); why != "" {
			t.Errorf("%q is refused with %q", password, why)
		}
	}
}

// Words of the community do not make a password, nor do they together with those of the account.
func TestPasswordMadeOfWordsOfTheCommunity(t *testing.T) {
	refused := func(words, password string) bool {
		var f fault.Fields
		users.Policy{Words: words}.CheckPassword(&f, password, "Ada Lovelace")
		return f.Err() != nil
	}
	for _, password := range []string{"viaverde", "Via-Verde!", "VIÀVERDE7", "verde2026", "lovelace&verde"} {
		if !refused("Via Verde", password) {
			t.Errorf("%q is accepted", password)
		}
	}
	for _, password := range []string{"verde horse", "cicerone1"} {
		if refused("Via Verde", password) {
			t.Errorf("%q is refused", password)
		}
	}
	if refused("", "verde2026") {
		t.Error("a word is refused that is none of the community")
	}
	for _, password := range []string{"cicerone", "Voyager-1", "voyager.cicerone"} {
		if refusedPassword(password) == "" {
			t.Errorf("%q is accepted by the default policy", password)
		}
	}
}

// Every way to set a password refuses common ones, those made of the account's texts, and those made
// of words of the community.
func TestNewPasswordsAreChecked(t *testing.T) {
	w := newWorldWithReset(t)
	person := w.Person("Lovelace")
	token := forgot(t, w, coretest.Email("Lovelace"))
	for _, password := range []string{"iloveyou", "lovelace1815", "cicerone1815"} {
		in := users.SignUp{Name: "Ada Lovelace", Email: "new@example.org", Password: password}
		_, err := w.Users.SignUp(w.Ctx, in, "")
		coretest.Fields(t, err, "password")
		_, err = w.Users.Register(w.Ctx, in)
		coretest.Fields(t, err, "password")
		coretest.Fields(t, w.Users.ChangePassword(w.Ctx, person, coretest.Password, password, users.Device{}), "password")
		coretest.Fields(t, w.Users.ResetPassword(w.Ctx, token, password, users.Device{}), "password")
	}
	coretest.Is(t, w.Users.ResetPassword(w.Ctx, token, "another password", users.Device{}), nil) // the token was not used up
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		if why := refusedPassword("correct horse", "Ada Lovelace", "ada@example.org"); why != "" {
			b.Fatal(why)
		}
	}
}
