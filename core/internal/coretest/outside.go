package coretest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/users"
)

// Clock shows the same time until it is set. Its method Now is a clock.Clock.
type Clock struct{ ms atomic.Int64 }

// NewClock makes a Clock that shows nine in the morning of 2 March 2026, UTC.
func NewClock() *Clock {
	c := &Clock{}
	c.Set(time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC))
	return c
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()).UTC() }

// Set moves the clock to a time, to the millisecond.
func (c *Clock) Set(t time.Time) { c.ms.Store(t.UnixMilli()) }

// Advance moves the clock on, by whole milliseconds.
func (c *Clock) Advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// Hasher is a users.Hasher that takes no time. Its hashes are salted, as bcrypt's are.
type Hasher struct {
	Hashed   atomic.Int64 // how often Hash was called
	Verified atomic.Int64 // how often Verify was called
	// AfterVerify, where set, runs when a password was verified, before the answer is given: what
	// others do in between.
	AfterVerify func()
	// Prefix begins the hashes that Hash makes. Others are outdated.
	Prefix string
}

// Hash implements users.Hasher.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	h.Hashed.Add(1)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if len(password) > users.MaxPasswordBytes {
		return "", fmt.Errorf("a password of %d bytes", len(password))
	}
	return digest(h.Prefix+rand.Text(), password), nil
}

// Verify implements users.Hasher.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	h.Verified.Add(1)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	salt, _, _ := strings.Cut(hash, "$")
	fits := digest(salt, password) == hash
	if h.AfterVerify != nil {
		h.AfterVerify()
	}
	return fits, nil
}

// Outdated implements users.Hasher.
func (h *Hasher) Outdated(hash string) bool { return !strings.HasPrefix(hash, h.Prefix) }

func digest(salt, password string) string {
	sum := sha256.Sum256([]byte(salt + password))
	return salt + "$" + hex.EncodeToString(sum[:])
}

// AccessTokens is a users.AccessTokens that remembers what it issued.
type AccessTokens struct {
	Clock *Clock
	Fail  error // where set, what Issue and Verify answer

	mu     sync.Mutex
	issued map[string]accessToken
}

type accessToken struct {
	user    id.User
	session id.Session
	expires time.Time
}

// Issue implements users.AccessTokens.
func (a *AccessTokens) Issue(_ context.Context, user id.User, session id.Session, expires time.Time) (string, error) {
	if a.Fail != nil {
		return "", a.Fail
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.issued == nil {
		a.issued = map[string]accessToken{}
	}
	token := rand.Text()
	a.issued[token] = accessToken{user, session, expires}
	return token, nil
}

// Verify implements users.AccessTokens.
func (a *AccessTokens) Verify(_ context.Context, token string) (id.User, id.Session, error) {
	if a.Fail != nil {
		return id.User{}, id.Session{}, a.Fail
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, known := a.issued[token]
	if !known || !a.Clock.Now().Before(t.expires) {
		return id.User{}, id.Session{}, fault.New(fault.Unauthenticated, "bad_token", "not a token of ours, or expired")
	}
	return t.user, t.session, nil
}

// Mailbox is a users.Mailer that keeps all mail.
type Mailbox struct {
	Fail error // where set, what Send answers

	mu   sync.Mutex
	sent []users.Mail
}

// Send implements users.Mailer.
func (m *Mailbox) Send(_ context.Context, mail users.Mail) error {
	if m.Fail != nil {
		return m.Fail
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent = append(m.sent, mail)
	return nil
}

// Sent returns all mail so far, oldest first.
func (m *Mailbox) Sent() []users.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]users.Mail(nil), m.sent...)
}

// Picture returns bytes that Images accepts as an image.
func Picture(mediaType string, width, height int) []byte {
	return fmt.Appendf(nil, "picture %s %d %d", mediaType, width, height)
}

// Images is a messaging.Images that accepts only what Picture makes.
type Images struct{}

// Inspect implements messaging.Images.
func (Images) Inspect(ctx context.Context, data []byte) (mediaType string, width, height int, err error) {
	if err := ctx.Err(); err != nil {
		return "", 0, 0, err
	}
	if _, err := fmt.Fscanf(bytes.NewReader(data), "picture %s %d %d", &mediaType, &width, &height); err != nil {
		return "", 0, 0, fmt.Errorf("read a picture: %w", errors.Join(fault.Invalid, err))
	}
	return mediaType, width, height, nil
}

// Clean implements messaging.Images: the picture stays as it is.
func (i Images) Clean(ctx context.Context, data []byte, _ int) (messaging.Attachment, error) {
	mediaType, _, _, err := i.Inspect(ctx, data)
	return messaging.Attachment{MediaType: mediaType, Bytes: data}, err
}

// TOTP implements users.TOTP for tests, which compute codes with CodeAt. A sealed secret is the id of
// the user followed by the secret.
type TOTP struct{}

// New implements users.TOTP.
func (TOTP) New(user id.User, email string) (users.Enrolment, []byte, error) {
	secret := rand.Text()
	return users.Enrolment{Secret: secret, URI: "otpauth://totp/test:" + email + "?secret=" + secret}, []byte(user.String() + secret), nil
}

// Step implements users.TOTP.
func (t TOTP) Step(user id.User, sealed []byte, code string, at time.Time) (step int64, fits bool, err error) {
	secret, own := strings.CutPrefix(string(sealed), user.String())
	if !own {
		return 0, false, errors.New("the secret is that of another user")
	}
	for _, near := range []time.Duration{-30 * time.Second, 0, 30 * time.Second} {
		if at := at.Add(near); code == t.CodeAt(secret, at) {
			return at.Unix() / 30, true, nil
		}
	}
	return 0, false, nil
}

// CodeAt returns the code of a secret at a time, of six digits.
func (TOTP) CodeAt(secret string, at time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", secret, at.Unix()/30))
	return fmt.Sprintf("%06d", (int(sum[0])<<16|int(sum[1])<<8|int(sum[2]))%1_000_000)
}

// Secrets returns a box with a key of zeros.
func Secrets() *secret.Box {
	box, err := secret.NewBox("webhook", make([]byte, secret.KeySize))
	if err != nil {
		panic(err) // the key is long enough
	}
	return box
}
