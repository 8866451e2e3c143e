package histories

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// known has the objects that earlier commands created, for use in later ones. Objects that were
// removed stay in it, because both stores must return the same error for them.
type known struct {
	people       []users.User
	interests    []id.Interest
	talks        []messaging.Conversation
	messages     []messaging.Message
	reservations []reservations.Reservation
	reports      []id.Report
	sanctions    []id.Sanction
}

// names are the names of the users. A user that was erased may sign up again.
var names = []string{"Ada", "Ben", "Cleo", "Dora", "Emil", "Finn", "Große Straße"}

const password = "correct horse"

func email(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), " ", ".") + "@example.org"
}

// populate creates four users with profiles, one of them an admin, an interest and a conversation.
// Without them, most random commands would fail.
func (h *history) populate() {
	for _, name := range names[:4] {
		h.run(h.signUp(name, ""))
	}
	h.run(h.appoint(email(names[0])))
	h.run(h.createInterest("Hiking", ""))
	for i := range 4 {
		h.run(h.saveProfile(h.known.people[i].ID, matching.Profile{FirstName: names[i], IsSearchable: true, Age: 20 + i}, h.known.interests))
	}
	h.run(h.openTalk(h.known.people[1].ID, h.known.people[2].ID, ""))
}

// draw draws an index, which is easier to read in a log than the value.
func draw[T any](h *history, label string, from ...T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(h.T, label)]
}

func (h *history) number64(label string, least, most int64) int64 {
	return rapid.Int64Range(least, most).Draw(h.T, label)
}

func (h *history) chance(label string, percent int) bool {
	return rapid.IntRange(1, 100).Draw(h.T, label) > 100-percent // rapid prefers small numbers
}

// key draws an idempotency key. Often it is "", and sometimes it was used before.
func (h *history) key() idempotency.Key {
	if h.chance("without a key", 60) {
		return ""
	}
	return idempotency.Key(fmt.Sprintf("key-%d", h.number64("key", 1, 8)))
}

func (h *history) person() id.User {
	if h.chance("unknown user", 2) {
		return id.User{15: 1}
	}
	return draw(h, "person", h.known.people...).ID
}

// admin draws a user who is usually an admin.
func (h *history) admin() id.User {
	if h.chance("not an admin", 15) {
		return h.person()
	}
	return h.known.people[0].ID
}

func (h *history) talk() messaging.Conversation {
	if h.chance("no conversation", 3) {
		return messaging.Conversation{ID: id.Conversation{15: 1}, VoyagerID: h.person(), LocalID: h.person()}
	}
	return draw(h, "conversation", h.known.talks...)
}

// participant draws a user who is usually one of the two.
func (h *history) participant(voyager, local id.User) id.User {
	if h.chance("an outsider", 5) {
		return h.person()
	}
	return draw(h, "participant", voyager, local)
}

func (h *history) message() messaging.Message {
	if len(h.known.messages) == 0 || h.chance("no message", 5) {
		return messaging.Message{ID: id.Message{15: 1}}
	}
	return draw(h, "message", h.known.messages...)
}

func (h *history) reservation() reservations.Reservation {
	if len(h.known.reservations) == 0 || h.chance("no reservation", 3) {
		return reservations.Reservation{ID: id.Reservation{15: 1}, VoyagerID: h.person(), LocalID: h.person()}
	}
	last := len(h.known.reservations)
	return draw(h, "reservation", h.known.reservations[max(0, last-6):]...)
}

func (h *history) report() id.Report {
	if len(h.known.reports) == 0 || h.chance("no report", 5) {
		return id.Report{15: 1}
	}
	return draw(h, "report", h.known.reports...)
}

func (h *history) picked() (picked []id.Interest) {
	for _, i := range h.known.interests {
		if h.chance("picked", 40) {
			picked = append(picked, i)
		}
	}
	return picked
}

// learning returns a function that adds a part of an answer to a list, unless the list contains it.
func learning[A any, K comparable](list *[]K, part func(A) K) func(any) {
	return func(answer any) {
		a, ok := answer.(A)
		if k := part(a); ok && !slices.Contains(*list, k) {
			*list = append(*list, k)
		}
	}
}

func itself[T any](v T) T { return v }

// learnUser knows each user once. A replayed sign-up returns a user who may have changed since.
func (k *known) learnUser(answer any) {
	u, ok := answer.(users.User)
	if ok && !slices.ContainsFunc(k.people, func(known users.User) bool { return known.ID == u.ID }) {
		k.people = append(k.people, u)
	}
}

func learnReport(list *[]id.Report) func(any) {
	return learning(list, func(r moderation.Report) id.Report { return r.ID })
}
