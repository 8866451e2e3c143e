package jwt_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/cicerone-go/cicerone/adapters/jwt"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

var _ users.AccessTokens = (*jwt.Tokens)(nil)

const (
	issuer   = "https://cicerone.example.org"
	audience = "cicerone-api"
)

var (
	now     = time.Date(2026, 5, 1, 12, 0, 0, 250e6, time.UTC)
	user    = id.User{1, 2, 3, 15: 1}
	session = id.Session{4, 5, 6, 15: 2}
)

func newKey(t testing.TB) []byte {
	t.Helper()
	key, err := jwt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newTokens returns Tokens with a clock that stands still at the given time.
func newTokens(t testing.TB, at time.Time, keys ...[]byte) *jwt.Tokens {
	t.Helper()
	tokens, err := jwt.New(jwt.Config{Keys: keys, Issuer: issuer, Audience: audience, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func issue(t testing.TB, tokens *jwt.Tokens, expires time.Time) string {
	t.Helper()
	token, err := tokens.Issue(t.Context(), user, session, expires)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantInvalid(t *testing.T, tokens *jwt.Tokens, token string) {
	t.Helper()
	u, s, err := tokens.Verify(t.Context(), token)
	if !errors.Is(err, jwt.ErrToken) || !errors.Is(err, fault.Unauthenticated) {
		t.Fatalf("Verify: %v; want ErrToken", err)
	}
	if !u.IsZero() || !s.IsZero() {
		t.Errorf("Verify returned an error and %v, %v", u, s)
	}
	if len(token) > 40 && strings.Contains(err.Error(), token) {
		t.Errorf("the error contains the token: %v", err)
	}
}

func TestNew(t *testing.T) {
	key := make([]byte, 32)
	good := jwt.Config{Keys: [][]byte{key}, Issuer: issuer, Audience: audience}
	if _, err := jwt.New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*jwt.Config){
		"no key":           func(c *jwt.Config) { c.Keys = nil },
		"short key":        func(c *jwt.Config) { c.Keys = [][]byte{key[:31]} },
		"short second key": func(c *jwt.Config) { c.Keys = [][]byte{key, {1}} },
		"same key twice":   func(c *jwt.Config) { c.Keys = [][]byte{key, key} },
		"no issuer":        func(c *jwt.Config) { c.Issuer = "" },
		"no audience":      func(c *jwt.Config) { c.Audience = "" },
		"negative leeway":  func(c *jwt.Config) { c.Leeway = -time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if _, err := jwt.New(c); err == nil {
				t.Error("New returned no error")
			}
		})
	}
}

func TestNewKeyIsRandom(t *testing.T) {
	first, second := newKey(t), newKey(t)
	if len(first) != jwt.KeySize || string(first) == string(second) {
		t.Errorf("two keys: %d bytes, equal: %t", len(first), string(first) == string(second))
	}
}

func TestIssueAndVerify(t *testing.T) {
	tokens := newTokens(t, now, newKey(t))
	u, s, err := tokens.Verify(t.Context(), issue(t, tokens, now.Add(time.Minute)))
	if err != nil || u != user || s != session {
		t.Errorf("Verify = %v, %v, %v; want %v, %v", u, s, err, user, session)
	}
}

func TestIssueErrors(t *testing.T) {
	tokens := newTokens(t, now, newKey(t))
	for name, try := range map[string]struct {
		user    id.User
		session id.Session
		expires time.Time
	}{
		"no user":                {id.User{}, session, now.Add(time.Minute)},
		"no session":             {user, id.Session{}, now.Add(time.Minute)},
		"expired":                {user, session, now},
		"before the next second": {user, session, now.Add(time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := tokens.Issue(t.Context(), try.user, try.session, try.expires); err == nil || token != "" {
				t.Errorf("Issue = %q, %v; want an error", token, err)
			}
		})
	}
}

func TestRotation(t *testing.T) {
	before, after := newKey(t), newKey(t)
	old := issue(t, newTokens(t, now, before), now.Add(time.Minute))

	both := newTokens(t, now, after, before)
	if _, _, err := both.Verify(t.Context(), old); err != nil {
		t.Errorf("Verify of a token of the old key: %v", err)
	}
	fresh := issue(t, both, now.Add(time.Minute))
	onlyAfter := newTokens(t, now, after)
	if _, _, err := onlyAfter.Verify(t.Context(), fresh); err != nil {
		t.Errorf("Issue did not sign with the first key: %v", err)
	}
	wantInvalid(t, onlyAfter, old)
}

// TestKeysAreCopied checks that a caller may overwrite the keys after New.
func TestKeysAreCopied(t *testing.T) {
	key := newKey(t)
	tokens := newTokens(t, now, key)
	token := issue(t, tokens, now.Add(time.Minute))
	clear(key)
	if _, _, err := tokens.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	key := newKey(t)
	token := issue(t, newTokens(t, now, key), now.Add(time.Minute)) // exp is 12:01:00
	last := time.Date(2026, 5, 1, 12, 0, 59, 999e6, time.UTC)
	if _, _, err := newTokens(t, last, key).Verify(t.Context(), token); err != nil {
		t.Errorf("Verify a millisecond before the expiry: %v", err)
	}
	wantInvalid(t, newTokens(t, last.Add(time.Millisecond), key), token)
}

// TestVerifyAgain verifies a token that was valid before: it expires nevertheless, and a changed one is
// not taken for it.
func TestVerifyAgain(t *testing.T) {
	at := now
	tokens, err := jwt.New(jwt.Config{
		Keys: [][]byte{newKey(t)}, Issuer: issuer, Audience: audience, Now: func() time.Time { return at }, Leeway: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	token := issue(t, tokens, now.Add(time.Minute))
	for range 12_000 { // more than are remembered
		other := id.Session{1, 15: 1}
		if _, err := rand.Read(other[:]); err != nil {
			t.Fatal(err)
		}
		signed, err := tokens.Issue(t.Context(), user, other, now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			token   string
			session id.Session
		}{{signed, other}, {token, session}, {signed, other}} {
			if u, s, err := tokens.Verify(t.Context(), want.token); err != nil || u != user || s != want.session {
				t.Fatalf("Verify returned %v, %v, %v; want %v, %v", u, s, err, user, want.session)
			}
		}
	}
	wantInvalid(t, tokens, token[:len(token)-1])
	at = now.Add(time.Minute + 4*time.Second)
	if _, _, err := tokens.Verify(t.Context(), token); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	at = now.Add(time.Minute + 5*time.Second)
	wantInvalid(t, tokens, token)
}

func TestLeeway(t *testing.T) {
	key := newKey(t)
	token := issue(t, newTokens(t, now, key), now.Add(time.Minute))
	clock := now
	tokens, err := jwt.New(jwt.Config{
		Keys: [][]byte{key}, Issuer: issuer, Audience: audience,
		Now: func() time.Time { return clock }, Leeway: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{-time.Hour, 0, 64 * time.Second} {
		clock = now.Truncate(time.Second).Add(off)
		if _, _, err := tokens.Verify(t.Context(), token); err != nil {
			t.Errorf("clock at %v: %v", off, err)
		}
	}
	clock = now.Truncate(time.Second).Add(65 * time.Second)
	wantInvalid(t, tokens, token)
}

// parts is a token before it is signed. forge changes one part and then signs the token, so that
// there is only one reason why it is not valid.
type parts struct {
	method gojwt.SigningMethod
	key    any
	header map[string]any
	claims gojwt.MapClaims
}

func TestVerifyForgedTokens(t *testing.T) {
	key, other := newKey(t), newKey(t)
	tokens := newTokens(t, now, key)
	genuine := issue(t, tokens, now.Add(time.Minute))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	header := decode(t, strings.Split(genuine, ".")[0])
	body := decode(t, strings.Split(genuine, ".")[1])
	forge := func(t *testing.T, change func(*parts)) string {
		t.Helper()
		p := parts{gojwt.SigningMethodHS256, key, maps.Clone(header), maps.Clone(body)}
		change(&p)
		token := gojwt.NewWithClaims(p.method, p.claims)
		alg := token.Header["alg"]
		token.Header = p.header
		if p.method != gojwt.SigningMethodHS256 {
			token.Header["alg"] = alg
		}
		signed, err := token.SignedString(p.key)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}

	for name, change := range map[string]func(*parts){
		"unchanged":              func(*parts) {},
		"issued a second ahead":  func(p *parts) { p.claims["iat"] = now.Add(time.Second).Unix() },
		"issued a century ahead": func(p *parts) { p.claims["iat"] = now.AddDate(100, 0, 0).Unix() },
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := tokens.Verify(t.Context(), forge(t, change)); err != nil {
				t.Fatalf("Verify: %v", err)
			}
		})
	}

	for name, change := range map[string]func(*parts){
		"alg none":               func(p *parts) { p.method, p.key = gojwt.SigningMethodNone, gojwt.UnsafeAllowNoneSignatureType },
		"alg HS384":              func(p *parts) { p.method = gojwt.SigningMethodHS384 },
		"alg HS512":              func(p *parts) { p.method = gojwt.SigningMethodHS512 },
		"alg RS256":              func(p *parts) { p.method, p.key = gojwt.SigningMethodRS256, rsaKey },
		"alg RS256 with an HMAC": func(p *parts) { p.header["alg"] = "RS256" },
		"alg none with an HMAC":  func(p *parts) { p.header["alg"] = "none" },
		"alg in lower case":      func(p *parts) { p.header["alg"] = "hs256" },
		"alg unknown":            func(p *parts) { p.header["alg"] = "HS257" },
		"alg not text":           func(p *parts) { p.header["alg"] = 256 },
		"alg missing":            func(p *parts) { delete(p.header, "alg") },
		"typ JWT":                func(p *parts) { p.header["typ"] = "JWT" },
		"typ missing":            func(p *parts) { delete(p.header, "typ") },
		"typ not text":           func(p *parts) { p.header["typ"] = []string{"at+jwt"} },
		"crit":                   func(p *parts) { p.header["crit"] = []string{"exp"} },
		"wrong key":              func(p *parts) { p.key = other },
		"kid unknown":            func(p *parts) { p.header["kid"] = "../../dev/null" },
		"kid missing":            func(p *parts) { delete(p.header, "kid") },
		"kid not text":           func(p *parts) { p.header["kid"] = 7 },
		"wrong issuer":           func(p *parts) { p.claims["iss"] = issuer + "/" },
		"issuer missing":         func(p *parts) { delete(p.claims, "iss") },
		"wrong audience":         func(p *parts) { p.claims["aud"] = "another-api" },
		"audience missing":       func(p *parts) { delete(p.claims, "aud") },
		"audience empty":         func(p *parts) { p.claims["aud"] = []string{} },
		"sub missing":            func(p *parts) { delete(p.claims, "sub") },
		"sub not an id":          func(p *parts) { p.claims["sub"] = "admin" },
		"sub zero":               func(p *parts) { p.claims["sub"] = id.User{}.String() },
		"sub not text":           func(p *parts) { p.claims["sub"] = 1 },
		"sid missing":            func(p *parts) { delete(p.claims, "sid") },
		"sid not an id":          func(p *parts) { p.claims["sid"] = "1" },
		"sid zero":               func(p *parts) { p.claims["sid"] = id.Session{}.String() },
		"exp missing":            func(p *parts) { delete(p.claims, "exp") },
		"expired":                func(p *parts) { p.claims["exp"] = now.Unix() },
		"exp not a number":       func(p *parts) { p.claims["exp"] = "2099-01-01" },
		"iat missing":            func(p *parts) { delete(p.claims, "iat") },
		"iat not a number":       func(p *parts) { p.claims["iat"] = "2026-05-01" },
		"not yet valid":          func(p *parts) { p.claims["nbf"] = now.Add(2 * time.Second).Unix() },
		"nbf not a number":       func(p *parts) { p.claims["nbf"] = true },
		"only sub and exp":       func(p *parts) { p.claims = gojwt.MapClaims{"sub": user.String(), "exp": p.claims["exp"]} },
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, tokens, forge(t, change)) })
	}
}

func TestVerifyMalformedTokens(t *testing.T) {
	tokens := newTokens(t, now, newKey(t))
	genuine := issue(t, tokens, now.Add(time.Minute))
	p := strings.Split(genuine, ".")
	for name, token := range map[string]string{
		"empty":                "",
		"dots":                 "..",
		"words":                "not a token",
		"two parts":            p[0] + "." + p[1],
		"four parts":           genuine + "." + p[2],
		"no signature":         p[0] + "." + p[1] + ".",
		"no header":            "." + p[1] + "." + p[2],
		"no claims":            p[0] + ".." + p[2],
		"null header":          encode("null") + "." + p[1] + "." + p[2],
		"null claims":          p[0] + "." + encode("null") + "." + p[2],
		"claims a list":        p[0] + "." + encode("[]") + "." + p[2],
		"parts swapped":        p[1] + "." + p[0] + "." + p[2],
		"padded":               genuine + "=",
		"space around":         " " + genuine + " ",
		"newline in signature": p[0] + "." + p[1] + "." + p[2][:10] + "\n" + p[2][10:],
		"NUL":                  genuine + "\x00",
		"a megabyte":           strings.Repeat("a", 1<<20),
		"a megabyte of dots":   strings.Repeat(".", 1<<20),
		"deep header":          encode(strings.Repeat("[", 20000)) + "." + p[1] + "." + p[2],
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, tokens, token) })
	}
}

// TestVerifyChangedCharacter changes each character of a token in turn. Every result must be
// invalid, because a signature has only one valid encoding.
func TestVerifyChangedCharacter(t *testing.T) {
	tokens := newTokens(t, now, newKey(t))
	genuine := issue(t, tokens, now.Add(time.Minute))
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range genuine {
		// The neighbour in the alphabet differs in the lowest bit, which a lax decoder ignores at
		// the end.
		replacement := "A"
		if at := strings.IndexByte(alphabet, genuine[i]); at >= 0 {
			replacement = string(alphabet[at^1])
		}
		tampered := genuine[:i] + replacement + genuine[i+1:]
		if _, _, err := tokens.Verify(t.Context(), tampered); !errors.Is(err, jwt.ErrToken) {
			t.Errorf("character %d changed: %v; want ErrToken", i, err)
		}
	}
}

func TestVerifyClaimsOfAnotherToken(t *testing.T) {
	tokens := newTokens(t, now, newKey(t))
	mine := strings.Split(issue(t, tokens, now.Add(time.Minute)), ".")
	longer := strings.Split(issue(t, tokens, now.Add(time.Hour)), ".")
	wantInvalid(t, tokens, mine[0]+"."+longer[1]+"."+mine[2])
}

func BenchmarkIssue(b *testing.B) {
	tokens := newTokens(b, now, newKey(b))
	for b.Loop() {
		if _, err := tokens.Issue(b.Context(), user, session, now.Add(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	tokens := newTokens(b, now, newKey(b))
	token := issue(b, tokens, now.Add(time.Minute))
	for b.Loop() {
		if _, _, err := tokens.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func decode(t *testing.T, part string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
