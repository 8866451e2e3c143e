package notifications_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestOneMailForManyMessages tests that many messages are one mail, that there is no other until the
// user comes back, and then one again.
func TestOneMailForManyMessages(t *testing.T) {
	w := newTown(t)
	w.says(w.ben, w.toBen)
	coretest.Is(t, w.Notify(), nil)
	w.says(w.mia, w.toMia)
	w.says(w.ben, w.toBen)
	w.wants("a mail about three messages", "ada: new_message: 3 of Ben,Mia")
	for range 5 {
		w.says(w.mia, w.toMia)
		w.Clock.Advance(time.Hour)
		w.wants("silence")
	}
	coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
	w.says(w.ben, w.toBen)
	w.later("after Ada was here", "ada: new_message: 3 of Ben")

	last := w.says(w.mia, w.toMia)
	w.later("silence again")
	_, err := w.Messaging.Read(w.Ctx, w.ada, w.toMia, last.ID, "")
	coretest.Is(t, err, nil)
	w.says(w.mia, w.toMia)
	w.later("after Ada has read", "ada: new_message: 1 of Mia")
}

// TestManySenders tests that a mail names the three senders who wrote last, and counts the others.
func TestManySenders(t *testing.T) {
	w := newTown(t)
	w.Fund(w.ada, 1000)
	for _, name := range []string{"Cem", "Dora", "Eli"} {
		local := w.Local(name)
		w.says(local, w.Conversation(w.ada, local))
	}
	w.says(w.mia, w.toMia)
	w.says(w.mia, w.toMia)
	w.says(w.ben, w.toBen)
	w.wants("six messages of five senders", "ada: new_message: 6 of Ben,Mia,Eli+2")
}

// TestReadMessagesAreNotMailed tests that nothing is mailed if the recipient reads the messages, or is
// here, before the mail is due.
func TestReadMessagesAreNotMailed(t *testing.T) {
	w := newTown(t)
	m := w.says(w.ben, w.toBen)
	coretest.Is(t, w.Notify(), nil)
	_, err := w.Messaging.Read(w.Ctx, w.ada, w.toBen, m.ID, "")
	coretest.Is(t, err, nil)
	w.later("read")

	w.says(w.ben, w.toBen)
	coretest.Is(t, w.Notify(), nil)
	w.Clock.Advance(time.Minute)
	coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
	w.later("seen after it was noted")

	w.says(w.ben, w.toBen)
	w.Clock.Advance(time.Millisecond)
	coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
	w.later("seen before it was noted")

	coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
	w.says(w.ben, w.toBen)
	w.later("seen before it was sent", "ada: new_message: 3 of Ben")
}

// TestNoMailWhileAStreamIsOpen tests that a user who reads a stream gets no mail about messages, and
// gets one for those after it.
func TestNoMailWhileAStreamIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		defer w.Live.Close()
		caller, err := w.Users.Authenticate(w.Ctx, w.SignIn("Ada").AccessToken)
		coretest.Is(t, err, nil)
		stream, err := w.Live.Open(w.Ctx, caller, nil)
		coretest.Is(t, err, nil)
		heartbeat := func() {
			_, _, err := stream.Next(w.Ctx, 15*time.Second)
			coretest.Is(t, err, nil)
			w.Clock.Advance(15 * time.Second)
		}
		for range 10 {
			heartbeat()
			_, err := w.Messaging.Send(w.Ctx, w.ben, w.toBen, messaging.Draft{Content: "Hello"}, "")
			coretest.Is(t, err, nil)
			w.wants("while the stream is open")
			heartbeat()
			w.wants("while the stream is open")
		}
		for range 20 {
			heartbeat()
			w.wants("while the stream is open")
		}
		stream.Close()
		w.Clock.Advance(time.Minute)
		w.says(w.mia, w.toMia)
		w.later("after the stream", "ada: new_message: 1 of Mia")
	})
}

// TestNoMailFromWhomTheyCannotAnswer tests that messages of a user who was blocked, deactivated or
// erased since are not mailed, and those of another are.
func TestNoMailFromWhomTheyCannotAnswer(t *testing.T) {
	for name, goes := range map[string]func(w *town){
		"blocked":     func(w *town) { w.Block(w.ada, w.ben) },
		"blocks":      func(w *town) { w.Block(w.ben, w.ada) },
		"deactivated": func(w *town) { w.SetActive(w.ben, false) },
		"erased":      func(w *town) { w.erases(w.ben) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.says(w.ben, w.toBen)
			goes(w)
			w.later("only a message of one who is gone")
			w.says(w.mia, w.toMia)
			w.later("a message of another", "ada: new_message: 1 of Mia")
		})
	}
}

// TestNoMailToOneWhoIsGone tests that nothing is mailed to a user who is deactivated or erased, and
// nothing about them fails.
func TestNoMailToOneWhoIsGone(t *testing.T) {
	for name, goes := range map[string]func(w *town){
		"deactivated": func(w *town) { w.SetActive(w.ada, false) },
		"erased":      func(w *town) { w.erases(w.ada) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.says(w.ben, w.toBen)
			w.proposes()
			coretest.Is(t, w.Notify(), nil)
			w.unread()
			w.says(w.ben, w.toBen)
			goes(w)
			w.Clock.Advance(time.Hour)
			for _, m := range w.mails() {
				if strings.HasPrefix(m, "ada:") {
					t.Errorf("got the mail %s", m)
				}
			}
			coretest.Is(t, w.Notifications.Seen(w.Ctx, w.ada), nil)
		})
	}
	w := newTown(t)
	coretest.Is(t, w.Notifications.Seen(w.Ctx, id.User{1}), nil)
}

// between is a storage that calls before once, when a unit of work for writing begins that follows one
// for reading.
type between struct {
	ports.Storage
	before func()
	viewed bool
}

func (b *between) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode == uow.Write && b.viewed && b.before != nil {
		before := b.before
		b.before = nil
		before()
	}
	b.viewed = mode != uow.Write
	return b.Storage.Run(ctx, mode, fn)
}

// TestMessageWhileANoticeIsDropped tests that a message is mailed that came when a notice was found to
// have nothing to tell, and before it was dropped.
func TestMessageWhileANoticeIsDropped(t *testing.T) {
	storage := &between{Storage: memory.New()}
	w := newTownIn(t, storage)
	w.says(w.ben, w.toBen)
	coretest.Is(t, w.Notify(), nil)
	w.Block(w.ada, w.ben) // so that the notice has nothing to tell
	w.Clock.Advance(delay)
	storage.viewed = false
	storage.before = func() {
		w.says(w.mia, w.toMia)
		coretest.Is(t, w.Notify(), nil)
	}
	_, err := w.Notifications.Send(w.Ctx)
	coretest.Is(t, err, nil)
	if storage.before != nil {
		t.Fatal("the notice was not dropped")
	}
	w.later("a message of another", "ada: new_message: 1 of Mia")
}
