package jwt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/cicerone-go/cicerone/core/id"
)

// ownClaims are the claims of a token that [Tokens.Issue] has made.
type ownClaims struct {
	Issuer    string     `json:"iss"`
	Subject   id.User    `json:"sub"`
	Audience  []string   `json:"aud"`
	Expires   int64      `json:"exp"`
	IssuedAt  int64      `json:"iat"`
	SessionID id.Session `json:"sid"`
}

// latest is a time far enough in the future that no calculation with it overflows, in Unix seconds.
const latest = 1 << 40

// ownHeader returns the first part of the tokens that Issue makes with a key, in base64.
func ownHeader(kid string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + kid + `","typ":"` + tokenType + `"}`))
}

// verifyOwn is a shorter way to the result of Verify: it accepts tokens in the very form in which Issue
// makes them. Verify reads all others by the library, which says what is wrong with them.
func (t *Tokens) verifyOwn(token string) (user id.User, session id.Session, ok bool) {
	header, rest, _ := strings.Cut(token, ".")
	key, known := t.byHeader[header]
	payload, signature, found := strings.Cut(rest, ".")
	if !known || !found {
		return user, session, false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(token[:len(header)+1+len(payload)]))
	var sum [sha256.Size]byte
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || !hmac.Equal(given, mac.Sum(sum[:0])) {
		return user, session, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return user, session, false
	}
	var c ownClaims
	if err := json.Unmarshal(text, &c, json.RejectUnknownMembers(true)); err != nil {
		return user, session, false
	}
	ok = c.Issuer == t.issuer && slices.Contains(c.Audience, t.audience) && !c.Subject.IsZero() && !c.SessionID.IsZero() &&
		c.IssuedAt > 0 && c.Expires > 0 && c.Expires < latest && t.now().Before(time.Unix(c.Expires, 0).Add(t.leeway))
	return c.Subject, c.SessionID, ok
}
