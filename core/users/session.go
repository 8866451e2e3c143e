package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
)

// Session is one signed-in device. All refresh tokens that replaced one another belong to one
// session: they are its family.
type Session struct {
	ID        id.Session
	UserID    id.User
	CreatedAt time.Time
	RevokedAt time.Time // zero while it lives
}

// Live reports whether the session may be used.
func (s Session) Live() bool { return s.RevokedAt.IsZero() }

// SecretHash is the SHA-256 of a random secret. Only the hash is stored. The secrets have at least
// 128 random bits, so a salt or a slow hash is not needed.
type SecretHash [32]byte

// RefreshToken is the stored part of a refresh token.
type RefreshToken struct {
	Hash      SecretHash
	SessionID id.Session
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // of the first use; zero while it is unused
	Uses      int64     // how often it was used
}

// Reset is the stored part of a password reset. Its secret was mailed to the user.
type Reset struct {
	ID        id.Reset
	UserID    id.User
	Hash      SecretHash
	ExpiresAt time.Time
}

// newSecret returns a new secret for a client, and its hash to store.
func newSecret() (string, SecretHash) {
	secret := rand.Text() + rand.Text()
	return secret, hashSecret(secret)
}

func hashSecret(secret string) SecretHash { return sha256.Sum256([]byte(secret)) }

// AccessTokens signs the short-lived tokens that name a session.
type AccessTokens interface {
	// Issue returns a token that is valid until expires. It is called before the session (and at a
	// sign-up the user) is stored; if it fails, neither is stored. A refresh calls it within its
	// unit of work, which may run more than once.
	Issue(ctx context.Context, user id.User, session id.Session, expires time.Time) (string, error)
	// Verify returns the user and the session of a token that Issue made. It returns
	// fault.Unauthenticated if the token is expired or was not made by Issue.
	Verify(ctx context.Context, token string) (id.User, id.Session, error)
}

// Mail is a message to one recipient.
type Mail struct {
	To      string
	Subject string
	Text    string
}

// Mailer sends mail. It is called outside any unit of work.
type Mailer interface {
	// Send sends the message. A nil error means that the message was accepted for delivery, not
	// that it has arrived.
	Send(ctx context.Context, m Mail) error
}

// Caller is the user who makes a request.
type Caller struct {
	UserID    id.User
	SessionID id.Session
	Role      Role
}

// RequireAdmin returns ErrAdminsOnly if the caller is not an admin.
func (c Caller) RequireAdmin() error {
	if c.Role != RoleAdmin {
		return ErrAdminsOnly
	}
	return nil
}

// SignedIn is the result of a sign-up, a sign-in or a refresh.
type SignedIn struct {
	User         User
	AccessToken  string
	RefreshToken string        // valid for Policy.RefreshLifetime, until Policy.RefreshGrace after its first use
	ExpiresIn    time.Duration // how long the access token is valid
}
