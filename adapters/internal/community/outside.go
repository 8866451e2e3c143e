package community

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/users"
)

// Clock stands still until it is moved. Its method Now is a clock.Clock.
type Clock struct{ ms atomic.Int64 }

// NewClock returns a Clock that stands at 9:00 on 2 March 2026, UTC.
func NewClock() *Clock {
	c := &Clock{}
	c.ms.Store(time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()).UTC() }

// Advance moves the clock forward by whole milliseconds.
func (c *Clock) Advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// hasher hashes without a salt, so that two stores have the same hashes and can be compared.
type hasher struct{}

func (hasher) Hash(_ context.Context, password string) (string, error) {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:]), nil
}

func (h hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	got, err := h.Hash(ctx, password)
	return got == hash, err
}

func (hasher) Outdated(string) bool { return false }

// accessTokens issues tokens that it does not accept.
type accessTokens struct{}

func (accessTokens) Issue(_ context.Context, _ id.User, session id.Session, _ time.Time) (string, error) {
	return session.String(), nil
}

func (accessTokens) Verify(context.Context, string) (id.User, id.Session, error) {
	return id.User{}, id.Session{}, fault.New(fault.Unauthenticated, "bad_token", "not a token")
}

// TOTP has secrets that follow from their users, and codes that are the numbers of their time steps, so
// that two stores can be compared.
type TOTP struct{}

// New implements users.TOTP.
func (TOTP) New(user id.User, _ string) (users.Enrolment, []byte, error) {
	return users.Enrolment{Secret: "secret of " + user.String()}, user[:], nil
}

// Step implements users.TOTP.
func (c TOTP) Step(_ id.User, _ []byte, code string, at time.Time) (step int64, fits bool, err error) {
	return at.Unix() / 30, code == c.CodeAt(at), nil
}

// CodeAt returns the code of every account at a time.
func (TOTP) CodeAt(t time.Time) string { return fmt.Sprint(t.Unix() / 30) }

// mailer discards mail.
type mailer struct{}

func (mailer) Send(context.Context, users.Mail) error { return nil }

// Picture returns data that images accepts as a PNG image.
func Picture(width, height int) []byte { return fmt.Appendf(nil, "picture %d %d", width, height) }

// images accepts only the data that Picture returns.
type images struct{}

func (images) Inspect(_ context.Context, data []byte) (mediaType string, width, height int, err error) {
	if _, err := fmt.Fscanf(bytes.NewReader(data), "picture %d %d", &width, &height); err != nil {
		return "", 0, 0, fault.InvalidField("image", "is not a picture")
	}
	return "image/png", width, height, nil
}

// Clean returns the picture as it is.
func (i images) Clean(ctx context.Context, data []byte, _ int) (messaging.Attachment, error) {
	mediaType, _, _, err := i.Inspect(ctx, data)
	return messaging.Attachment{MediaType: mediaType, Bytes: data}, err
}

// secrets returns a box with a key of zeros.
func secrets() *secret.Box {
	box, err := secret.NewBox("webhook", make([]byte, secret.KeySize))
	if err != nil {
		panic(err) // the key is long enough
	}
	return box
}
