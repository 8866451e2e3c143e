package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// Session is one signed-in device. All refresh tokens that were rotated from one another belong to
// one session: they are its family.
type Session struct {
	ID        id.Session
	UserID    id.User
	CreatedAt time.Time
	RevokedAt time.Time // zero while it lives
}

// Live reports whether the session may be used.
func (s Session) Live() bool { return s.RevokedAt.IsZero() }

// SecretHash is all that is stored of a random secret. The secrets have 128 bits of randomness and
// more, so a plain SHA-256 is enough.
type SecretHash [32]byte

// RefreshToken is what is kept of a refresh token.
type RefreshToken struct {
	Hash      SecretHash
	SessionID id.Session
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero while it is unused
}

// Reset is what is kept of the secret that was mailed to somebody who forgot their password.
type Reset struct {
	Hash      SecretHash
	UserID    id.User
	ExpiresAt time.Time
}

// newSecret makes a secret for a client, and what is kept of it.
func newSecret() (string, SecretHash) {
	secret := rand.Text() + rand.Text()
	return secret, hashSecret(secret)
}

func hashSecret(secret string) SecretHash { return sha256.Sum256([]byte(secret)) }

// AccessTokens signs the short-lived tokens that name a session.
type AccessTokens interface {
	// Issue returns a token that is good until expires. It is called before the session, at a sign-up also
	// the user, is stored: if it fails, neither is. A refresh calls it within its unit of work, which may
	// run more than once.
	Issue(ctx context.Context, user id.User, session id.Session, expires time.Time) (string, error)
	// Verify reads a token that Issue made; any other, and an expired one, is fault.Unauthenticated.
	Verify(ctx context.Context, token string) (id.User, id.Session, error)
}

// Mail is a message to one person.
type Mail struct {
	To      string
	Subject string
	Text    string
}

// Mailer sends mail. It is called outside any unit of work.
type Mailer interface {
	// Send hands the message on. That it returns nil does not mean that it has arrived.
	Send(ctx context.Context, m Mail) error
}

// Caller is who makes a request.
type Caller struct {
	UserID    id.User
	SessionID id.Session
	Role      Role
}

// RequireAdmin returns ErrAdminsOnly for everybody else.
func (c Caller) RequireAdmin() error {
	if c.Role != RoleAdmin {
		return ErrAdminsOnly
	}
	return nil
}

// SignedIn is what a client gets when somebody signs up, signs in or refreshes.
type SignedIn struct {
	User         User
	AccessToken  string
	RefreshToken string        // works once, for Policy.RefreshLifetime
	ExpiresIn    time.Duration // how long the access token works
}
