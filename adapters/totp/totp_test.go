package totp_test

import (
	"bytes"
	"encoding/base32"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/totp"
	"github.com/cicerone-go/cicerone/core/id"
	library "github.com/pquerna/otp/totp"
)

var (
	noon     = time.Date(2031, 3, 1, 12, 0, 0, 0, time.UTC)
	ada, ben = id.User{15: 1}, id.User{15: 2}
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, totp.KeySize) }

func newCodes(t *testing.T, keys ...[]byte) *totp.Codes {
	t.Helper()
	codes, err := totp.New(totp.Config{Keys: keys, Issuer: "cicerone"})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := library.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestStep(t *testing.T) {
	codes := newCodes(t, key(1))
	enrolment, sealed, err := codes.New(ada, "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		of   time.Duration // from now
		fits bool
	}{{-60 * time.Second, false}, {-30 * time.Second, true}, {0, true}, {30 * time.Second, true}, {60 * time.Second, false}} {
		at := noon.Add(test.of)
		step, fits, err := codes.Step(ada, sealed, codeAt(t, enrolment.Secret, at), noon)
		if err != nil || fits != test.fits || fits && step != at.Unix()/30 {
			t.Errorf("the code of %v from now is that of step %d, %t, %v", test.of, step, fits, err)
		}
	}
	for _, wrong := range []string{"", "12345", "1234567", "abcdef", strings.Repeat("9", 1000)} {
		if _, fits, err := codes.Step(ada, sealed, wrong, noon); fits || err != nil {
			t.Errorf("the code %.10q fits: %t, %v", wrong, fits, err)
		}
	}
}

// TestSharedSecret tests codes against the values of RFC 6238, appendix B, cut to six digits.
func TestKnownCodes(t *testing.T) {
	secret := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 20000000000: "353130"} {
		if got := codeAt(t, secret, time.Unix(at, 0)); got != want {
			t.Errorf("the code at %d is %s, want %s", at, got, want)
		}
	}
}

func TestEnrolment(t *testing.T) {
	codes := newCodes(t, key(1))
	a, sealedA, errA := codes.New(ada, "ada+1@example.org")
	b, sealedB, errB := codes.New(ada, "ada+1@example.org")
	if errA != nil || errB != nil || a.Secret == b.Secret || bytes.Equal(sealedA, sealedB) {
		t.Fatalf("two secrets are %v and %v: %v, %v", a, b, errA, errB)
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.Secret)
	if err != nil || len(raw) != 20 || bytes.Contains(sealedA, raw) || bytes.Contains(sealedA, []byte(a.Secret)) {
		t.Errorf("the secret has %d bytes, %v, or the sealed one has it", len(raw), err)
	}
	uri, err := url.Parse(a.URI)
	if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Path != "/cicerone:ada+1@example.org" ||
		uri.Query().Get("secret") != a.Secret || uri.Query().Get("issuer") != "cicerone" {
		t.Errorf("the address is %s, %v", a.URI, err)
	}
}

func TestKeys(t *testing.T) {
	enrolment, sealed, err := newCodes(t, key(1)).New(ada, "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	code := codeAt(t, enrolment.Secret, noon)
	if _, fits, err := newCodes(t, key(2), key(1)).Step(ada, sealed, code, noon); !fits || err != nil {
		t.Errorf("with the key in second place: %t, %v", fits, err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1]++
	for name, try := range map[string]func() (int64, bool, error){
		"another key":        func() (int64, bool, error) { return newCodes(t, key(2)).Step(ada, sealed, code, noon) },
		"another user":       func() (int64, bool, error) { return newCodes(t, key(1)).Step(ben, sealed, code, noon) },
		"a damaged secret":   func() (int64, bool, error) { return newCodes(t, key(1)).Step(ada, damaged, code, noon) },
		"no secret":          func() (int64, bool, error) { return newCodes(t, key(1)).Step(ada, nil, code, noon) },
		"a secret too short": func() (int64, bool, error) { return newCodes(t, key(1)).Step(ada, sealed[:5], code, noon) },
	} {
		if _, fits, err := try(); fits || err == nil || strings.Contains(err.Error(), enrolment.Secret) {
			t.Errorf("with %s: %t, %v", name, fits, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for want, c := range map[string]totp.Config{
		"no key":         {Issuer: "cicerone"},
		"the issuer":     {Keys: [][]byte{key(1)}},
		"has 31 bytes":   {Issuer: "cicerone", Keys: [][]byte{key(1), key(2)[1:]}},
		"is given twice": {Issuer: "cicerone", Keys: [][]byte{key(1), key(1)}},
	} {
		if _, err := totp.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
