// Package jwt makes and checks the short-lived access tokens of core/users: JSON Web Tokens in the
// manner of RFC 9068, signed with HMAC-SHA-256 and nothing else.
//
// A token says who (sub) and in which session (sid), and is good for one issuer and one audience
// until it expires. It does not say what its bearer may do: that is looked up at each request.
package jwt

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
)

// KeySize is the size in bytes of the keys that NewKey makes, and the least that New takes: as many
// as the signature has (RFC 7518 §3.2).
const KeySize = sha256.Size

// tokenType tells access tokens from any other kind of JWT (RFC 9068 §2.1).
const tokenType = "at+jwt"

// ErrToken is wrapped by every refusal of Verify. The reason, in its cause, is for logs; it does not
// repeat the token.
var ErrToken = fault.New(fault.Unauthenticated, "invalid_token", "the access token is not valid")

// Config says how tokens are signed and for whom they are good.
type Config struct {
	// Keys are secrets of KeySize bytes or more. The first signs, all of them verify. To change keys,
	// put the new one in front, and drop the old one when the last token that it signed has expired.
	Keys [][]byte

	Issuer   string // the iss claim; required
	Audience string // the aud claim; required

	Now    func() time.Time // nil means time.Now
	Leeway time.Duration    // how far other machines' clocks may be off; 0 or more
}

// Tokens issues and verifies access tokens. It is safe for concurrent use.
type Tokens struct {
	issuer, audience string
	now              func() time.Time

	signer string            // kid of the key that signs
	keys   map[string][]byte // by kid
	parser *jwt.Parser
}

type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

// NewKey makes a random key of KeySize bytes.
func NewKey() ([]byte, error) {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("jwt: make a key: %w", err)
	}
	return key, nil
}

// New makes Tokens. It returns an error for no key, a key that is too short or given twice, an empty
// issuer or audience, and a negative leeway.
func New(c Config) (*Tokens, error) {
	switch {
	case len(c.Keys) == 0:
		return nil, errors.New("jwt: no signing key")
	case c.Issuer == "":
		return nil, errors.New("jwt: no issuer")
	case c.Audience == "":
		return nil, errors.New("jwt: no audience")
	case c.Leeway < 0:
		return nil, fmt.Errorf("jwt: leeway %v: must be 0 or more", c.Leeway)
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	t := &Tokens{
		issuer:   c.Issuer,
		audience: c.Audience,
		now:      now,
		signer:   keyID(c.Keys[0]),
		keys:     make(map[string][]byte, len(c.Keys)),
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithStrictDecoding(), // one spelling of a signature, not several
			jwt.WithIssuer(c.Issuer),
			jwt.WithAudience(c.Audience),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithTimeFunc(now),
			jwt.WithLeeway(c.Leeway),
		),
	}
	for i, key := range c.Keys {
		if len(key) < KeySize {
			return nil, fmt.Errorf("jwt: key %d has %d bytes: must have %d or more", i+1, len(key), KeySize)
		}
		if _, twice := t.keys[keyID(key)]; twice {
			return nil, fmt.Errorf("jwt: key %d is given twice", i+1)
		}
		t.keys[keyID(key)] = bytes.Clone(key)
	}
	return t, nil
}

// keyID names a key by what only it can compute, and what tells nothing of it.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("key id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Issue makes a token that is good until expires, cut down to the second. It is an error where that
// is not in the future, or where user or session names nothing.
func (t *Tokens) Issue(_ context.Context, user id.User, session id.Session, expires time.Time) (string, error) {
	now := t.now()
	expires = expires.Truncate(time.Second)
	switch {
	case user.IsZero() || session.IsZero():
		return "", errors.New("jwt: issue a token: user and session must both be named")
	case !expires.After(now):
		return "", fmt.Errorf("jwt: issue a token: it would have expired at %v", expires)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer,
			Audience:  jwt.ClaimStrings{t.audience},
			Subject:   user.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		SessionID: session.String(),
	})
	token.Header["typ"] = tokenType
	token.Header["kid"] = t.signer
	signed, err := token.SignedString(t.keys[t.signer])
	if err != nil {
		return "", fmt.Errorf("jwt: issue a token: %w", err)
	}
	return signed, nil
}

// Verify reads who and which session a token names. Every refusal wraps ErrToken.
func (t *Tokens) Verify(_ context.Context, token string) (id.User, id.Session, error) {
	if strings.ContainsAny(token, "\r\n") { // a base64 decoder would skip them
		return id.User{}, id.Session{}, ErrToken.Because(errors.New("it has a line break in it"))
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.key); err != nil {
		return id.User{}, id.Session{}, ErrToken.Because(err)
	}
	user, session, err := c.named()
	if err != nil {
		return id.User{}, id.Session{}, ErrToken.Because(err)
	}
	return user, session, nil
}

// key checks a token's header and chooses the key by it.
func (t *Tokens) key(token *jwt.Token) (any, error) {
	if token.Header["typ"] != tokenType {
		return nil, errors.New("the typ header is not " + tokenType)
	}
	if _, critical := token.Header["crit"]; critical {
		return nil, errors.New("the crit header asks for something unknown")
	}
	kid, _ := token.Header["kid"].(string)
	key, known := t.keys[kid]
	if !known {
		return nil, errors.New("the kid header names no key of ours")
	}
	return key, nil
}

// named gives user and session of claims that have passed all other checks.
func (c claims) named() (id.User, id.Session, error) {
	var user id.User
	var session id.Session
	switch {
	case c.IssuedAt == nil:
		return user, session, errors.New("the iat claim is missing")
	case user.UnmarshalText([]byte(c.Subject)) != nil || user.IsZero():
		return user, session, errors.New("the sub claim names no user")
	case session.UnmarshalText([]byte(c.SessionID)) != nil || session.IsZero():
		return user, session, errors.New("the sid claim names no session")
	}
	return user, session, nil
}
