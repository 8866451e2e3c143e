package notifications_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// delay is how long mail about new messages is held back.
const delay = 2 * time.Minute

// town is a world with Ada, who has a conversation with each of Ben and Mia.
type town struct {
	*coretest.World
	t             *testing.T
	ada, ben, mia id.User
	toBen, toMia  id.Conversation
	read          int // mails that were looked at
}

func newTown(t *testing.T) *town { return newTownIn(t, memory.New()) }

func newTownIn(t *testing.T, storage ports.Storage) *town {
	w := &town{World: coretest.NewWorld(t, storage), t: t}
	w.ada, w.ben, w.mia = w.Person("Ada"), w.Local("Ben"), w.Local("Mia")
	w.toBen, w.toMia = w.Conversation(w.ada, w.ben), w.Conversation(w.ada, w.mia)
	return w
}

// says sends a message, a minute after the last act.
func (w *town) says(by id.User, in id.Conversation) messaging.Message {
	w.t.Helper()
	w.Clock.Advance(time.Minute)
	m, err := w.Messaging.Send(w.Ctx, by, in, messaging.Draft{Content: "Hello"}, "")
	coretest.Is(w.t, err, nil)
	return m
}

// mails lets what happened be mailed, and returns a line for each new mail.
func (w *town) mails() (all []string) {
	w.t.Helper()
	coretest.Is(w.t, w.Notify(), nil)
	return w.unread()
}

func (w *town) unread() (all []string) {
	sent := w.Mailbox.Sent()
	for _, m := range sent[w.read:] {
		all = append(all, line(m))
	}
	w.read = len(sent)
	return all
}

// line is a mail in short, without the year and the month of dates.
func line(m users.Mail) string {
	name, _, _ := strings.Cut(m.To, "@")
	said := ""
	switch d := m.Data.(type) {
	case notifications.NewMessageMail:
		said = fmt.Sprintf("%d of %s", d.Count, strings.Join(d.Senders, ","))
		if d.Others > 0 {
			said += fmt.Sprintf("+%d", d.Others)
		}
	case notifications.ReservationMail:
		said = fmt.Sprintf("%s with %q", d.Title, d.Other)
		if d.Local {
			said += " as local"
		}
	case notifications.ReportDecidedMail:
		said = fmt.Sprintf("%s %t", d.Reason, d.Resolved)
	case notifications.SanctionMail:
		said = d.Kind + " " + d.Reason
	}
	return name + ": " + string(m.Kind) + ": " + said
}

// wants fails the test unless these mails are sent now, in any order.
func (w *town) wants(when string, want ...string) {
	w.t.Helper()
	got := w.mails()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: got the mails %q, want %q", when, got, want)
	}
}

// later fails the test unless these mails are sent when those about new messages are due.
func (w *town) later(when string, want ...string) {
	w.t.Helper()
	w.wants(when + ", immediately")
	w.Clock.Advance(delay - time.Millisecond)
	w.wants(when + ", before it is due")
	w.Clock.Advance(time.Millisecond)
	w.wants(when, want...)
}

// proposes makes a proposal of Ada to Ben for two hours in two days.
func (w *town) proposes() id.Reservation {
	w.t.Helper()
	return w.proposesIn(48 * time.Hour)
}

func (w *town) proposesIn(ahead time.Duration) id.Reservation {
	w.t.Helper()
	price, err := reservations.ParsePrice("2.00")
	coretest.Is(w.t, err, nil)
	begin := w.Clock.Now().Add(ahead)
	v, err := w.Reservations.Propose(w.Ctx, w.ada, w.toBen, reservations.Proposal{
		Title: "A walk", Price: price, Date: begin, EndDate: begin.Add(2 * time.Hour),
	}, "")
	coretest.Is(w.t, err, nil)
	return v.ID
}

func (w *town) accepts(r id.Reservation) {
	w.t.Helper()
	_, err := w.Reservations.Accept(w.Ctx, w.ben, r, "")
	coretest.Is(w.t, err, nil)
}

func (w *town) cancels(by id.User, r id.Reservation) {
	w.t.Helper()
	_, err := w.Reservations.Cancel(w.Ctx, by, r, "")
	coretest.Is(w.t, err, nil)
}

func (w *town) erases(user id.User) {
	w.t.Helper()
	coretest.Is(w.t, w.Privacy.Erase(w.Ctx, user, coretest.Password, users.Device{}), nil)
}

// switchesOff makes a user not want mail of a kind.
func (w *town) switchesOff(user id.User, kind notifications.Kind) {
	w.t.Helper()
	p := preferencesOf(w.t, w.World, user)
	p[kind] = notifications.None
	coretest.Is(w.t, w.Notifications.SetPreferences(w.Ctx, user, p), nil)
}

// settles expires and settles all reservations that are due.
func (w *town) settles() {
	w.t.Helper()
	_, err := w.Reservations.Settle(w.Ctx)
	coretest.Is(w.t, err, nil)
}
