package secret_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/core/secret"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, secret.KeySize) }

func box(t *testing.T, purpose string, keys ...[]byte) *secret.Box {
	t.Helper()
	b, err := secret.NewBox(purpose, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBox(t *testing.T) {
	plain := []byte("a word that nobody knows")
	old := box(t, "webhook", key(1))
	sealed := old.Seal(plain, "row 1")
	if bytes.Contains(sealed, plain) || bytes.Equal(sealed, old.Seal(plain, "row 1")) {
		t.Error("the sealed secret has the secret, or is the same twice")
	}
	if got, err := box(t, "webhook", key(2), key(1)).Open(sealed, "row 1"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("with the key in second place: %q, %v", got, err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1]++
	newer := bytes.Clone(sealed)
	newer[0]++
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return box(t, "webhook", key(2)).Open(sealed, "row 1") },
		"another purpose": func() ([]byte, error) { return box(t, "totp", key(1)).Open(sealed, "row 1") },
		"another row":     func() ([]byte, error) { return old.Open(sealed, "row 2") },
		"damaged":         func() ([]byte, error) { return old.Open(damaged, "row 1") },
		"a newer form":    func() ([]byte, error) { return old.Open(newer, "row 1") },
		"cut":             func() ([]byte, error) { return old.Open(sealed[:5], "row 1") },
		"empty":           func() ([]byte, error) { return old.Open(nil, "row 1") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestNewBoxChecks(t *testing.T) {
	for want, keys := range map[string][][]byte{
		"no key": nil, "key 2 has 31 bytes": {key(1), key(2)[1:]}, "key 2 is given twice": {key(1), key(1)},
	} {
		if _, err := secret.NewBox("webhook", keys...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
