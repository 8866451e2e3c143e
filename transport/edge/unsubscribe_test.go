package edge_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/transport/edge"
)

// TestUnsubscribe tests that a token works for years, also after its key was replaced, and that it
// reveals neither user nor kind.
func TestUnsubscribe(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	old, fresh := bytes.Repeat([]byte{1}, edge.LinkKeySize), bytes.Repeat([]byte{2}, edge.LinkKeySize)
	links := func(keys ...[]byte) *edge.Links {
		l, err := edge.NewLinks(0, func() time.Time { return now }, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	user := id.User(id.NewGenerator(nil).Next())
	token := links(old).Unsubscribe(user, notifications.NewMessage)
	if again := links(old).Unsubscribe(user, notifications.NewMessage); again != token {
		t.Errorf("the token is %s, and then %s", token, again)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || bytes.Contains(raw, user[:4]) || bytes.Contains(raw, []byte("new")) {
		t.Errorf("the token has the user or the kind in it: %x, %v", raw, err)
	}
	now = now.AddDate(5, 0, 0)
	gotUser, gotKind, err := links(fresh, old).OpenUnsubscribe(token)
	if gotUser != user || gotKind != notifications.NewMessage || err != nil {
		t.Errorf("got %v %v %v", gotUser, gotKind, err)
	}
	if _, _, err := links(fresh).OpenUnsubscribe(token); !errors.Is(err, edge.ErrLink) {
		t.Errorf("without its key: got %v", err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if _, _, err := links(old).OpenUnsubscribe(base64.RawURLEncoding.EncodeToString(changed)); !errors.Is(err, edge.ErrLink) {
			t.Errorf("with a changed byte %d: got %v", i, err)
		}
	}
	for _, bad := range []string{"", "A", "AQ", "nonsense!", token + "\n", token[:20], links(old).Sign("x", users.Caller{UserID: user})} {
		if _, _, err := links(old).OpenUnsubscribe(bad); !errors.Is(err, edge.ErrLink) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}
