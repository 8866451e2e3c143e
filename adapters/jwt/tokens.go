// Package jwt issues and verifies the short-lived access tokens of core/users. They are JSON Web
// Tokens that follow RFC 9068 and are signed with HMAC-SHA-256. Other algorithms are rejected.
//
// A token identifies a user (sub) and a session (sid), and is valid for one issuer and one audience
// until it expires. It does not contain the permissions of the user: those are read at each
// request.
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

// KeySize is the size in bytes of the keys that NewKey returns, and the minimum that New accepts.
// It is the size of the signature (RFC 7518 §3.2).
const KeySize = sha256.Size

// tokenType distinguishes access tokens from other kinds of JWT (RFC 9068 §2.1).
const tokenType = "at+jwt"

// ErrToken is returned by Verify, wrapping the reason, for every token that is not valid. The
// reason is for logs. It does not contain the token.
var ErrToken = fault.New(fault.Unauthenticated, "invalid_token", "the access token is not valid")

// Config is the configuration of Tokens.
type Config struct {
	// Keys are secrets of at least KeySize bytes. Issue signs with the first; Verify accepts all.
	// To change keys, insert the new key at the front, and remove the old key when the last token
	// that it signed has expired.
	Keys [][]byte

	Issuer   string // the iss claim; required
	Audience string // the aud claim; required

	Now    func() time.Time // nil means time.Now
	Leeway time.Duration    // how long Verify accepts a token after its expiry; 0 or more
}

// Tokens issues and verifies access tokens. It is safe for concurrent use.
type Tokens struct {
	issuer, audience string
	now              func() time.Time

	signer string            // kid of the key with which Issue signs
	keys   map[string][]byte // by kid
	parser *jwt.Parser
	leeway time.Duration
	valid  verified
}

type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

// NewKey returns a random key of KeySize bytes.
func NewKey() ([]byte, error) {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("jwt: generate a key: %w", err)
	}
	return key, nil
}

// New returns Tokens. It returns an error if there is no key, a key is too short or a duplicate,
// the issuer or the audience is empty, or the leeway is negative.
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
		leeway:   c.Leeway,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithStrictDecoding(), // otherwise a signature has several valid encodings
			jwt.WithIssuer(c.Issuer),
			jwt.WithAudience(c.Audience),
			jwt.WithExpirationRequired(),
			jwt.WithTimeFunc(now),
			jwt.WithLeeway(c.Leeway),
		),
	}
	for i, key := range c.Keys {
		if len(key) < KeySize {
			return nil, fmt.Errorf("jwt: key %d has %d bytes: must have %d or more", i+1, len(key), KeySize)
		}
		if _, duplicate := t.keys[keyID(key)]; duplicate {
			return nil, fmt.Errorf("jwt: key %d is a duplicate", i+1)
		}
		t.keys[keyID(key)] = bytes.Clone(key)
	}
	return t, nil
}

// keyID returns the kid of a key: a MAC that depends on the key and does not reveal it.
func keyID(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("key id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Issue returns a token that is valid until expires, rounded down to the second. It returns an
// error if that is not in the future, or if user or session is zero.
func (t *Tokens) Issue(_ context.Context, user id.User, session id.Session, expires time.Time) (string, error) {
	now := t.now()
	expires = expires.Truncate(time.Second)
	switch {
	case user.IsZero() || session.IsZero():
		return "", errors.New("jwt: issue a token: user and session must not be zero")
	case !expires.After(now):
		return "", fmt.Errorf("jwt: issue a token: expiry %v is not in the future", expires)
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

// Verify returns the user and the session of a token. If the token is not valid, it returns
// ErrToken (wrapped). A token with a time of issue in the future is valid, because the clocks
// of machines differ. The expiry limits the token.
func (t *Tokens) Verify(_ context.Context, token string) (id.User, id.Session, error) {
	if h, found := t.valid.find(token, t.now()); found {
		return h.user, h.session, nil
	}
	if strings.ContainsAny(token, "\r\n") { // the base64 decoder would skip them
		return id.User{}, id.Session{}, ErrToken.Wrap(errors.New("the token contains a line break"))
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.key); err != nil {
		return id.User{}, id.Session{}, ErrToken.Wrap(err)
	}
	user, session, err := c.subject()
	if err != nil {
		return id.User{}, id.Session{}, ErrToken.Wrap(err)
	}
	t.valid.add(token, holder{user, session, c.ExpiresAt.Add(t.leeway)})
	return user, session, nil
}

// key checks the header of a token and returns the key that it names.
func (t *Tokens) key(token *jwt.Token) (any, error) {
	if token.Header["typ"] != tokenType {
		return nil, errors.New("the typ header is not " + tokenType)
	}
	if _, critical := token.Header["crit"]; critical {
		return nil, errors.New("the crit header is not supported")
	}
	kid, _ := token.Header["kid"].(string)
	key, known := t.keys[kid]
	if !known {
		return nil, errors.New("the kid header names an unknown key")
	}
	return key, nil
}

// subject returns the user and the session of claims that have passed all other checks.
func (c claims) subject() (id.User, id.Session, error) {
	var user id.User
	var session id.Session
	switch {
	case c.IssuedAt == nil:
		return user, session, errors.New("the iat claim is missing")
	case user.UnmarshalText([]byte(c.Subject)) != nil || user.IsZero():
		return user, session, errors.New("the sub claim is not a user's id")
	case session.UnmarshalText([]byte(c.SessionID)) != nil || session.IsZero():
		return user, session, errors.New("the sid claim is not a session's id")
	}
	return user, session, nil
}
