package jwt_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/jwt"
)

// fixedKey is the same in every run, so that inputs that were found stay what they are.
var fixedKey = bytes.Repeat([]byte("k"), jwt.KeySize)

// FuzzVerify checks that no token is valid but the one that was issued, byte for byte.
func FuzzVerify(f *testing.F) {
	tokens := newTokens(f, now, fixedKey)
	genuine := issue(f, tokens, now.Add(time.Minute))
	f.Add(genuine)
	f.Add(genuine[:len(genuine)-1])
	f.Add(genuine + "=")
	f.Add(strings.Replace(genuine, ".", ".\n", 1))
	f.Add(encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if token != genuine {
			wantInvalid(t, tokens, token)
			return
		}
		if u, s, err := tokens.Verify(t.Context(), token); err != nil || u != user || s != session {
			t.Errorf("Verify = %v, %v, %v; want %v, %v", u, s, err, user, session)
		}
	})
}

// FuzzSigned signs any header and any claims with the key. It checks that only a token of this
// issuer, for this audience, of this type and not yet expired is valid, and only for the user and
// the session that it names.
func FuzzSigned(f *testing.F) {
	tokens := newTokens(f, now, fixedKey)
	genuine := strings.Split(issue(f, tokens, now.Add(time.Minute)), ".")
	var parts [2]string
	for i := range parts {
		b, err := base64.RawURLEncoding.DecodeString(genuine[i])
		if err != nil {
			f.Fatal(err)
		}
		parts[i] = string(b)
	}
	header, claims := parts[0], parts[1]
	f.Add(header, claims)
	for _, old := range []string{`"HS256"`, `"kid":`, `"typ":`, `{`} {
		for _, changed := range []string{`"none"`, `"HS512"`, `"x":`, `{"crit":["x"],`, `{"alg":"none",`} {
			f.Add(strings.Replace(header, old, changed, 1), claims)
		}
	}
	for _, old := range []string{`"` + issuer + `"`, `"` + audience + `"`, `"exp":`, `"iat":`, `"sub":"`, `"sid":"`, `{`} {
		for _, changed := range []string{`""`, `null`, `["x","` + audience + `"]`, `"exp":-`, `"exp":1`, `"exp":1e`, `"iat":"x`, `"sub":"{`, `"sid":"urn:uuid:`, `{"nbf":99999999999,`} {
			f.Add(header, strings.Replace(claims, old, changed, 1))
		}
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		signed := encode(header) + "." + encode(claims)
		mac := hmac.New(sha256.New, fixedKey)
		mac.Write([]byte(signed))
		token := signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		u, s, err := tokens.Verify(t.Context(), token)
		if err != nil {
			wantInvalid(t, tokens, token)
			return
		}
		var h map[string]any
		var c struct {
			Iss, Sub, Sid string
			Aud           any
			Exp, Iat      *float64
			Nbf           float64
		}
		if err := errors.Join(json.Unmarshal([]byte(header), &h), json.Unmarshal([]byte(claims), &c)); err != nil {
			t.Fatalf("%q.%q was accepted: %v", header, claims, err)
		}
		audiences, _ := c.Aud.([]any)
		accepted := c.Aud == audience
		for _, a := range audiences {
			accepted = accepted || a == audience
		}
		at := float64(now.UnixMilli()) / 1000
		switch {
		case h["alg"] != "HS256" || h["typ"] != "at+jwt" || h["kid"] == nil || h["crit"] != nil:
			t.Errorf("the header %q was accepted", header)
		case c.Iss != issuer || !accepted || c.Exp == nil || *c.Exp < at || c.Iat == nil || math.Floor(c.Nbf) > at:
			t.Errorf("the claims %q were accepted", claims)
		case u.IsZero() || s.IsZero() || !strings.EqualFold(u.String(), c.Sub) || !strings.EqualFold(s.String(), c.Sid):
			t.Errorf("the claims %q were accepted as of %v and %v", claims, u, s)
		}
	})
}
