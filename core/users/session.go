package users

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
)

// Session is one signed-in device. All refresh tokens that replaced one another belong to one
// session: they are its family.
type Session struct {
	ID           id.Session
	UserID       id.User
	CreatedAt    time.Time
	LastUsedAt   time.Time // of the sign-in or the last refresh
	Client       string    // the program that signed in, as it called itself; or ""
	Address      string    // the network from which it signed in, like 192.0.2.0/24; or ""
	RevokedAt    time.Time // zero while it lives
	SecondFactor bool      // it was opened with a second factor
}

// Live reports whether the session may be used.
func (s Session) Live() bool { return s.RevokedAt.IsZero() }

// PlaceOfSession returns the position of a session in a list.
func PlaceOfSession(s Session) page.Moment { return page.Moment{At: s.CreatedAt, ID: s.ID} }

// MaxClient is the maximum length of Session.Client in characters.
const MaxClient = 200

// Device is the name that a program gives itself when it signs in, and its address. Both fields may
// be empty.
type Device struct {
	Client  string // a name, like the User-Agent of HTTP
	Address string // an IP address without a port
}

// client returns the client as a session keeps it: one line of at most MaxClient characters. A text
// that is not allowed is left out, because a sign-in does not fail for it.
func (d Device) client() string {
	var f fault.Fields
	cut := []rune(d.Client[:min(len(d.Client), utf8.UTFMax*MaxClient)])
	line := text.Line(&f, "client", string(cut[:min(len(cut), MaxClient)]), text.Optional, MaxClient)
	if f.Err() != nil {
		return ""
	}
	return line
}

// Network returns the network of the address, which is all that a session or a log keeps of it: the
// first 24 bits of an IPv4 address, and the first 48 of an IPv6 address. It returns "" if the
// address is not an IP address.
func (d Device) Network() string {
	address, err := netip.ParseAddr(d.Address)
	if err != nil {
		return ""
	}
	bits := 48
	if address = address.Unmap(); address.Is4() {
		bits = 24
	}
	network, err := address.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}

// counted returns the network under which tries from the address are counted: an IPv4 address, or the
// first 64 bits of an IPv6 address, within which a client can choose its address. It is "" if the
// address is not known.
func (d Device) counted() string {
	address, err := netip.ParseAddr(d.Address)
	if err != nil {
		return ""
	}
	if address = address.Unmap(); address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address.WithZone(""), 64).Masked().String()
}

// SecretHash is the SHA-256 of a random secret, or an HMAC-SHA-256 under a key of the store. Only the
// hash is stored. The secrets have at least 120 random bits, so a salt or a slow hash is not needed.
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

// Caller is the user who makes a request.
type Caller struct {
	UserID    id.User
	SessionID id.Session
	Role      Role
	Suspended bool // the account is suspended: the user may only do what Admitted names

	// SignedInAt is the time at which the session was opened with the password, however often it was
	// refreshed. If it is zero, the caller cannot do what needs a recent sign-in: see CheckRecent.
	SignedInAt time.Time
	// FactorMissing is true if Policy.RequireAdminTOTP is set, and the caller has no second factor or
	// the session was opened without it. An admin can then do only what every user can.
	FactorMissing bool
}

// RequireAdmin returns ErrAdminsOnly if the caller is not an admin, and ErrSecondFactorRequired if
// their second factor is missing.
func (c Caller) RequireAdmin() error {
	switch {
	case c.Role != RoleAdmin:
		return ErrAdminsOnly
	case c.FactorMissing:
		return ErrSecondFactorRequired
	}
	return nil
}

// CheckRecent returns ErrSignInAgain if a sign-in is longer ago than most, or its time is zero.
func CheckRecent(signedIn, now time.Time, most time.Duration) error {
	if now.Sub(signedIn) > most {
		return ErrSignInAgain
	}
	return nil
}

// SignedIn is the result of a sign-up, a sign-in or a refresh.
type SignedIn struct {
	User         User
	AccessToken  string
	RefreshToken string        // valid until its session ends, or until Policy.RefreshGrace after its first use
	ExpiresIn    time.Duration // how long the access token is valid
}
