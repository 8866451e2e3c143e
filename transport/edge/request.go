package edge

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/users"
)

// The errors of a server that cannot serve requests.
var (
	// ErrNotReady is returned to probes if the server cannot serve requests at present.
	ErrNotReady = fault.New(fault.Unavailable, "not_ready", "the server is not ready")

	// ErrClosing is returned for a request that arrives while the server shuts down, and to probes
	// already before, while the server drains.
	ErrClosing = fault.New(fault.Unavailable, "shutting_down", "the server is shutting down: try again later")
)

type requestIDKey struct{}

// identified is the context of a request with an id.
type identified struct {
	context.Context
	id string
}

// Value returns a pointer to the id for its key.
func (i *identified) Value(key any) any {
	if key == (requestIDKey{}) {
		return &i.id
	}
	return i.Context.Value(key)
}

// WithRequestID returns a context with the id of a request: the one that the client has given if that
// has 1 to 128 visible ASCII characters, and otherwise a new one.
func WithRequestID(ctx context.Context, given string) context.Context {
	isVisible := func(c rune) bool { return c > ' ' && c < 0x7f }
	if given == "" || len(given) > 128 || strings.ContainsFunc(given, func(c rune) bool { return !isVisible(c) }) {
		given = rand.Text()
	}
	return &identified{ctx, given}
}

// RequestID returns the id of the current request, which its response and the log have, too. It
// returns "" if ctx has no request.
func RequestID(ctx context.Context) string {
	if given, ok := ctx.Value(requestIDKey{}).(*string); ok {
		return *given
	}
	return ""
}

// BearerToken returns the bearer token (RFC 6750) in the values of the header Authorization, or of the
// metadata of that name. It returns "" unless there is exactly one, with that scheme.
func BearerToken(authorization []string) string {
	if len(authorization) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// LogAttrs returns what the log of requests has of people, for the context of a request that comes
// from [Watch]: ids, and why a sign-in was refused.
func LogAttrs(ctx context.Context) []slog.Attr {
	var attrs []slog.Attr
	if caller, ok := Watched(ctx); ok {
		attrs = append(attrs, slog.String("user_id", caller.UserID.String()))
	}
	noted := users.Noted(ctx)
	if !noted.Account.IsZero() {
		attrs = append(attrs, slog.String("account_id", noted.Account.String()))
	}
	if noted.Reason != "" {
		attrs = append(attrs, slog.String("reason", string(noted.Reason)))
	}
	return attrs
}
