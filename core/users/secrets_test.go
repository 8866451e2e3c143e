package users_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
)

// TestSecretsAreRandom looks at many refresh tokens and at many tokens of resets: no two are equal,
// and so many places take so many characters that a token has 128 bits or more.
func TestSecretsAreRandom(t *testing.T) {
	w := coretest.NewWorld(t, memory.New(), func(p *coretest.Policies) { p.Users.ResetURL = resetPage })
	w.Person("Ada")
	for name, next := range map[string]func() string{
		"refresh tokens": func() string { return w.SignIn("Ada").RefreshToken },
		"resets": func() string {
			w.Clock.Advance(time.Hour) // an account has few at a time
			return forgot(t, w, coretest.Email("Ada"))
		},
	} {
		seen := map[string]bool{}
		var places []map[rune]bool // the characters at each place
		for range 200 {
			secret := next()
			if seen[secret] {
				t.Fatalf("%s: two are equal", name)
			}
			seen[secret] = true
			for i, c := range secret {
				if i == len(places) {
					places = append(places, map[rune]bool{})
				}
				places[i][c] = true
			}
		}
		bits := 0
		for _, characters := range places {
			for n := len(characters); n > 1; n /= 2 {
				bits++
			}
		}
		if bits < 128 {
			t.Errorf("%s: %d places with %d bits, want 128 or more", name, len(places), bits)
		}
	}
}
