package porttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/secret"
	"github.com/cicerone-go/cicerone/core/users"
)

// These are small, fast stand-ins for what the services need besides a store. The kit does not test
// them.

// watch is a clock that shows the same time until it is set.
type watch struct{ ms atomic.Int64 }

func newWatch(t time.Time) *watch {
	w := &watch{}
	w.set(t)
	return w
}

func (w *watch) now() time.Time  { return time.UnixMilli(w.ms.Load()).UTC() }
func (w *watch) set(t time.Time) { w.ms.Store(t.UnixMilli()) }

// hasher is a users.Hasher that is fast and not secure.
type hasher struct{}

func (hasher) Hash(_ context.Context, password string) (string, error) {
	return fmt.Sprintf("$test$%x", sha256.Sum256([]byte(password))), nil
}

func (h hasher) Verify(ctx context.Context, hash, password string) (bool, error) {
	same, err := h.Hash(ctx, password)
	return same == hash, err
}

func (hasher) Outdated(string) bool { return false }

// plainTokens is a users.AccessTokens that signs nothing.
type plainTokens struct{}

func (plainTokens) Issue(_ context.Context, user id.User, session id.Session, _ time.Time) (string, error) {
	return user.String() + " " + session.String(), nil
}

func (plainTokens) Verify(_ context.Context, token string) (user id.User, session id.Session, err error) {
	first, second, _ := strings.Cut(token, " ")
	if user.UnmarshalText([]byte(first)) != nil || session.UnmarshalText([]byte(second)) != nil {
		return user, session, fault.New(fault.Unauthenticated, "bad_token", "not a token of this test")
	}
	return user, session, nil
}

// plainCodes is a users.TOTP whose codes are the numbers of their time steps.
type plainCodes struct{}

func (plainCodes) New(user id.User, _ string) (users.Enrolment, []byte, error) {
	return users.Enrolment{Secret: "secret of " + user.String()}, user[:], nil
}

func (c plainCodes) Step(_ id.User, _ []byte, code string, at time.Time) (step int64, fits bool, err error) {
	return at.Unix() / 30, code == c.at(at), nil
}

func (plainCodes) at(t time.Time) string { return fmt.Sprint(t.Unix() / 30) }

// noMail is a users.Mailer that discards all mail.
type noMail struct{}

func (noMail) Send(context.Context, users.Mail) error { return nil }

// pngImages is a messaging.Images that accepts PNG only.
type pngImages struct{}

var png = []byte("\x89PNG\r\n\x1a\n and what follows")

func (pngImages) Inspect(_ context.Context, data []byte) (mediaType string, width, height int, err error) {
	if !bytes.HasPrefix(data, png[:8]) {
		return "", 0, 0, fault.InvalidField("image", "is not a png")
	}
	return "image/png", 1, 1, nil
}

// Clean returns the image as it is.
func (i pngImages) Clean(ctx context.Context, data []byte, _ int) (messaging.Attachment, error) {
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
