package coretest

import (
	"context"
	"slices"
	"testing"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// Ordered returns a Storage that works as s does, and fails the test for each unit of work that holds something out
// of the order that ports.Tx names: two such units may wait for each other, which a store that runs one unit at a
// time never shows.
func Ordered(t testing.TB, s ports.Storage) ports.Storage { return ordered{s, t} }

type ordered struct {
	ports.Storage
	t testing.TB
}

// Run implements uow.Runner. A unit that only reads holds nothing.
func (o ordered) Run(ctx context.Context, mode uow.Mode, fn func(context.Context, ports.Tx) error) error {
	if mode != uow.Write {
		return o.Storage.Run(ctx, mode, fn)
	}
	return o.Storage.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		return fn(ctx, orderedTx{tx, &held{t: o.t, all: map[thing]bool{}}})
	})
}

// rank is the place of a kind of thing in the order.
type rank int

const (
	ofNothing rank = iota
	ofKey
	ofName // an address, a refresh token, or an interest
	ofUser
	ofCalendar
	ofReservation
	ofConversation
	ofWallet
	ofRest // rows that are inserted, and those that are changed without being held
	ofTries
)

var rankNames = map[rank]string{
	ofKey: "an idempotency key", ofName: "a name", ofUser: "a user", ofCalendar: "a calendar",
	ofReservation: "a reservation", ofConversation: "a conversation", ofWallet: "a wallet", ofRest: "an insert", ofTries: "a count of tries",
}

// thing is what a unit holds. Things of one rank are held by id ascending.
type thing struct {
	rank rank
	id   string
}

func (a thing) before(b thing) bool {
	return a.rank < b.rank || a.rank == b.rank && a.rank != ofRest && a.id < b.id
}

func (a thing) String() string { return rankNames[a.rank] + " (" + a.id + ")" }

// held is what one unit holds.
type held struct {
	t    testing.TB
	all  map[thing]bool
	last thing // the last in the order of those that it waited for

}

// hold records that a method of a repository holds things of one rank, in ascending order.
func (h *held) hold(method string, r rank, ids ...string) {
	h.t.Helper()
	slices.Sort(ids)
	for _, one := range ids {
		next := thing{r, one}
		if h.all[next] {
			continue
		}
		if next.before(h.last) {
			h.t.Errorf("%s holds %v after %v: see the order in ports.Tx", method, next, h.last)
		}
		h.all[next] = true
		if h.last.before(next) {
			h.last = next
		}
	}
}

// own records something that this unit made: no other unit can wait for it, or hold it.
func (h *held) own(r rank, made string) { h.all[thing{r, made}] = true }

// rest records that a method writes rows that the unit need not hold.
func (h *held) rest(method string) {
	h.t.Helper()
	h.hold(method, ofRest, method)
}

type orderedTx struct {
	ports.Tx
	h *held
}

func (t orderedTx) Idempotency() idempotency.Repository { return orderedKeys{t.Tx.Idempotency(), t.h} }
func (t orderedTx) Events() events.Repository           { return orderedEvents{t.Tx.Events(), t.h} }
func (t orderedTx) Subscriptions() events.Subscriptions {
	return orderedSubscriptions{t.Tx.Subscriptions(), t.h}
}
func (t orderedTx) Webhooks() webhooks.Repository { return orderedWebhooks{t.Tx.Webhooks(), t.h} }
func (t orderedTx) Users() users.Repository       { return orderedUsers{t.Tx.Users(), t.h} }
func (t orderedTx) Tokens() tokens.Repository     { return orderedTokens{t.Tx.Tokens(), t.h} }
func (t orderedTx) Moderation() moderation.Repository {
	return orderedModeration{t.Tx.Moderation(), t.h}
}
func (t orderedTx) Matching() matching.Repository   { return orderedMatching{t.Tx.Matching(), t.h} }
func (t orderedTx) Messaging() messaging.Repository { return orderedMessaging{t.Tx.Messaging(), t.h} }
func (t orderedTx) Reservations() reservations.Repository {
	return orderedReservations{t.Tx.Reservations(), t.h}
}
func (t orderedTx) Notifications() notifications.Repository {
	return orderedNotifications{t.Tx.Notifications(), t.h}
}
func (t orderedTx) Rows() ports.Rows   { return orderedRows{t.Tx.Rows(), t.h} }
func (t orderedTx) Marks() ports.Marks { return orderedMarks{t.Tx.Marks(), t.h} }
