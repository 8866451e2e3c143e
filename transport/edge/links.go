package edge

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
)

// ErrLink is returned for a signature that does not belong to the resource, or has expired.
var ErrLink = fault.New(fault.Unauthenticated, "bad_link", "this address has expired, or is not one of yours: ask for a new one")

// LinkKeySize is the smallest number of bytes of a key of [Links].
const LinkKeySize = keySize

// DefaultLinkLifetime is how long a signature of [Links] is valid by default.
const DefaultLinkLifetime = 5 * time.Minute

// Links signs addresses of resources, for clients that cannot send a token, like the image tag of a
// browser. A signature is bound to a resource, a user and a session, and is valid for a short time.
// Links is safe for concurrent use.
type Links struct {
	keys     keyRing
	lifetime time.Duration
	now      clock.Clock
}

// NewLinks returns Links that sign with the first key, and accept the signatures of every key. It
// returns an error if there is no key, if a key has fewer than [LinkKeySize] bytes, or if two keys
// are equal. If lifetime is 0, it is [DefaultLinkLifetime]; if now is nil, it is the system clock.
func NewLinks(lifetime time.Duration, now clock.Clock, keys ...[]byte) (*Links, error) {
	r, err := newKeyRing("link", keys)
	if err != nil {
		return nil, err
	}
	return newLinks(r, lifetime, now), nil
}

// RandomLinks returns Links with a random key, the default lifetime and the system clock. No other
// Links accept the signatures that they make.
func RandomLinks() *Links { return newLinks(randomKeyRing(), 0, nil) }

func newLinks(keys keyRing, lifetime time.Duration, now clock.Clock) *Links {
	if lifetime == 0 {
		lifetime = DefaultLinkLifetime
	}
	if now == nil {
		now = clock.System()
	}
	return &Links{keys, lifetime, now}
}

// DeriveLinkKey derives a key of Links from another secret key, as [DeriveCursorKey] does.
func DeriveLinkKey(secret []byte) ([]byte, error) { return deriveKey("link", secret) }

// A signature is a version, a tag, the time of its expiry, a user and a session, as base64 that is
// safe in a URL.
const (
	linkVersion = 1
	linkContent = 8 + 2*16
)

// Sign returns a signature of a resource for a viewer and their session. The expiry is a multiple of
// a fifth of the lifetime, so that an address stays the same for that time, and a page that lists
// the resource again keeps showing it; the signature is valid for four fifths of the lifetime or more.
func (l *Links) Sign(resource string, viewer users.Caller) string {
	until := l.now().Truncate(max(l.lifetime/5, time.Second)).Add(l.lifetime)
	content := binary.BigEndian.AppendUint64(nil, uint64(until.Unix())) // #nosec G115 -- after 1970
	content = slices.Concat(content, viewer.UserID[:], viewer.SessionID[:])
	raw := slices.Concat([]byte{linkVersion}, l.keys.tag(linkVersion, []byte(resource), content), content)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// open returns the viewer for whom a signature of the resource was made, without a role. Errors:
// ErrLink.
func (l *Links) open(resource, signature string) (users.Caller, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil || strings.ContainsAny(signature, "\r\n") || len(b) != 1+tagSize+linkContent || b[0] != linkVersion {
		return users.Caller{}, ErrLink
	}
	tag, content := b[1:1+tagSize], b[1+tagSize:]
	if !l.keys.verify(tag, linkVersion, []byte(resource), content) ||
		!l.now().Before(time.Unix(int64(binary.BigEndian.Uint64(content)), 0)) { // #nosec G115 -- authenticated
		return users.Caller{}, ErrLink
	}
	return users.Caller{UserID: id.User(content[8:24]), SessionID: id.Session(content[24:40])}, nil
}

// Resumer is an [Authenticator] that knows sessions without their tokens. [users.Service] is one.
// Signatures of [Links] work only with a Resumer.
type Resumer interface {
	// Resume returns the caller of a session, which Authenticate returned before, with the present
	// role. Its errors are those of Authenticate: it must refuse sessions that have ended, and
	// inactive users. The session is zero if Authenticate returned no session.
	Resume(ctx context.Context, user id.User, session id.Session) (users.Caller, error)
}

// Follows reports whether [Gate.Follow] can admit requests: whether the Authenticator is a
// [Resumer].
func (g *Gate) Follows() bool {
	_, ok := g.authenticator.(Resumer)
	return ok
}

// Follow admits a request for a resource that has a signature of it in place of a token, like
// [Gate.SignedIn]: as one of the user for whom it was signed, within that user's limit, if their
// session has not ended. Errors: ErrLink, ErrTooManyRequests, and the errors with which the
// Authenticator fails.
func (g *Gate) Follow(ctx context.Context, l *Links, resource, signature string) (context.Context, error) {
	r, ok := g.authenticator.(Resumer)
	if !ok {
		return ctx, g.refuse(CallFrom(ctx), ErrLink)
	}
	viewer, err := l.open(resource, signature)
	if err != nil {
		return ctx, g.refuse(CallFrom(ctx), err)
	}
	caller, err := r.Resume(ctx, viewer.UserID, viewer.SessionID)
	return g.admit(ctx, caller, err, ErrLink)
}
