package edge_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// hall is a door that knows sessions.
type hall struct {
	door
	err error
}

func (h *hall) Resume(_ context.Context, user id.User, session id.Session) (users.Caller, error) {
	return users.Caller{UserID: user, SessionID: session, Role: users.RoleUser}, h.err
}

func linkKey(b byte) []byte { return bytes.Repeat([]byte{b}, edge.LinkKeySize) }

// TestFollow follows a signature at another time, of another resource, with other keys, changed, and
// with a session that has ended.
func TestFollow(t *testing.T) {
	now := time.Date(2026, 7, 1, 10, 0, 59, 0, time.UTC)
	links := func(keys ...[]byte) *edge.Links {
		l, err := edge.NewLinks(5*time.Minute, func() time.Time { return now }, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	viewer := users.Caller{UserID: id.User{7}, SessionID: id.Session{8}}
	signature := links(linkKey(1)).Sign("image 1", viewer)
	follow := func(l *edge.Links, resource, signature string, err error) error {
		ctx, refused := edge.NewGate(&hall{err: err}, edge.Limits{}).Follow(call(t, "", "192.0.2.1"), l, resource, signature)
		caller, ok := edge.CallerFrom(ctx)
		if ok != (refused == nil) || ok && (caller.UserID != viewer.UserID || caller.SessionID != viewer.SessionID) {
			t.Errorf("Follow: %v, and the caller %v", refused, caller)
		}
		return refused
	}
	signedAt := now
	for after, want := range map[time.Duration]error{0: nil, 4 * time.Minute: nil, 4*time.Minute + time.Second: edge.ErrLink, 5 * time.Minute: edge.ErrLink} {
		now = signedAt.Add(after)
		if err := follow(links(linkKey(1)), "image 1", signature, nil); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
	now = signedAt
	if again := links(linkKey(1)).Sign("image 1", viewer); again != signature {
		t.Error("the same address, signed in the same minute, is another")
	}
	if err := follow(links(linkKey(2), linkKey(1)), "image 1", signature, nil); err != nil {
		t.Errorf("with the key as the second: %v", err)
	}
	if err := follow(links(linkKey(2)), "image 1", signature, nil); !errors.Is(err, edge.ErrLink) {
		t.Errorf("with another key: %v", err)
	}
	for _, resource := range []string{"image 2", "image 1 ", "image ", ""} {
		if err := follow(links(linkKey(1)), resource, signature, nil); !errors.Is(err, edge.ErrLink) {
			t.Errorf("for %q: %v", resource, err)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if err := follow(links(linkKey(1)), "image 1", base64.RawURLEncoding.EncodeToString(changed), nil); !errors.Is(err, edge.ErrLink) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	for _, other := range []string{"", "!", signature + "\n", signature + "AAAA", signature[:8]} {
		if err := follow(links(linkKey(1)), "image 1", other, nil); !errors.Is(err, edge.ErrLink) {
			t.Errorf("with the signature %q: %v", other, err)
		}
	}
	if err := follow(links(linkKey(1)), "image 1", signature, users.ErrNotSignedIn); !errors.Is(err, edge.ErrLink) {
		t.Errorf("of a session that has ended: %v", err)
	}
	if err := follow(links(linkKey(1)), "image 1", signature, errDown); !errors.Is(err, errDown) {
		t.Errorf("while the Authenticator fails: %v", err)
	}

	plain := edge.NewGate(&door{}, edge.Limits{})
	if _, err := plain.Follow(call(t, "", "192.0.2.1"), links(linkKey(1)), "image 1", signature); plain.Follows() || !errors.Is(err, edge.ErrLink) {
		t.Errorf("without a Resumer: %v", err)
	}
}

// TestFollowLimits checks that a signature counts against the user's limit, and a refused one
// against the address's.
func TestFollowLimits(t *testing.T) {
	l := edge.RandomLinks()
	one := edge.Rate{PerSecond: 0.001, Burst: 1}
	good, bad := l.Sign("image", users.Caller{UserID: id.User{7}}), "bad"
	for signature, want := range map[string]error{good: nil, bad: edge.ErrLink} {
		g := edge.NewGate(&hall{}, edge.Limits{Anonymous: one, User: one})
		for i, want := range []error{want, edge.ErrTooManyRequests} {
			if _, err := g.Follow(call(t, "", "192.0.2.1"), l, "image", signature); !errors.Is(err, want) {
				t.Errorf("%s, request %d: %v, want %v", signature, i+1, err, want)
			}
		}
		other := bad
		if want != nil {
			other = good
		}
		if _, err := g.Follow(call(t, "", "192.0.2.1"), l, "image", other); errors.Is(err, fault.TooManyRequests) {
			t.Error("the request counts against both limits")
		}
	}
}
