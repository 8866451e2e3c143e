package notifications_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
)

// preferencesOf returns the preferences of a user.
func preferencesOf(t *testing.T, w *coretest.World, user id.User) notifications.Preferences {
	t.Helper()
	p, err := w.Notifications.Preferences(w.Ctx, user)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPreferencesBeginWithMail tests that a user at first gets all mail, and that what may be
// switched off is all but sanctions.
func TestPreferencesBeginWithMail(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	got := preferencesOf(t, w, w.Person("Ada"))
	for _, kind := range notifications.Kinds() {
		channel, has := got[kind]
		if want := kind != notifications.Sanction; has != want || has && channel != notifications.Mail {
			t.Errorf("%s: got %q, %t", kind, channel, has)
		}
	}
	if notifications.Kind("gossip").Optional() || len(got) != len(notifications.Kinds())-1 {
		t.Errorf("got %v", got)
	}
}

func TestSetPreferencesRefuses(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada := w.Person("Ada")
	good := preferencesOf(t, w, ada)
	for name, change := range map[string]func(p notifications.Preferences){
		"no channel":      func(p notifications.Preferences) { delete(p, notifications.NewMessage) },
		"another channel": func(p notifications.Preferences) { p[notifications.NewMessage] = "webhook" },
		"sanctions":       func(p notifications.Preferences) { p[notifications.Sanction] = notifications.None },
		"another kind":    func(p notifications.Preferences) { p["gossip"] = notifications.Mail },
	} {
		p := maps.Clone(good)
		change(p)
		if err := w.Notifications.SetPreferences(w.Ctx, ada, p); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	w.SetActive(ada, false)
	if err := w.Notifications.SetPreferences(w.Ctx, ada, good); !errors.Is(err, users.ErrNotSignedIn) {
		t.Errorf("of an inactive user: got %v", err)
	}
	if _, err := w.Notifications.Preferences(w.Ctx, ada); !errors.Is(err, users.ErrNotSignedIn) {
		t.Errorf("read by an inactive user: got %v", err)
	}
}

// TestUnsubscribe tests that one kind is switched off, also of an inactive user, and that an erasure
// leaves nothing: the store is audited.
func TestUnsubscribe(t *testing.T) {
	w := coretest.NewWorld(t, memory.New())
	ada, ben := w.Person("Ada"), w.Person("Ben")
	want := preferencesOf(t, w, ada)
	unsubscribe := func(kind notifications.Kind) {
		t.Helper()
		if err := w.Notifications.Unsubscribe(w.Ctx, ada, kind); err != nil {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	unsubscribe(notifications.NewMessage)
	unsubscribe(notifications.NewMessage)
	unsubscribe(notifications.Sanction)
	unsubscribe("gossip")
	w.SetActive(ada, false)
	unsubscribe(notifications.ReportDecided)
	w.SetActive(ada, true)
	want[notifications.NewMessage], want[notifications.ReportDecided] = notifications.None, notifications.None
	if got := preferencesOf(t, w, ada); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := preferencesOf(t, w, ben)[notifications.NewMessage]; got != notifications.Mail {
		t.Errorf("another user has %s", got)
	}
	if err := w.Privacy.Erase(w.Ctx, ada, coretest.Password, users.Device{}); err != nil {
		t.Fatal(err)
	}
	unsubscribe(notifications.ReservationReminder)
	if err := w.Notifications.Unsubscribe(w.Ctx, id.User{1}, notifications.NewMessage); err != nil {
		t.Errorf("of nobody: got %v", err)
	}
}
