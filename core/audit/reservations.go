package audit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// booking is what an audit remembers of a reservation.
type booking struct {
	voyager, local id.User
	status         reservations.Status
	tokens         int64
	paid           []payment // by the ledger
}

// payment is one transaction that names a reservation.
type payment struct {
	kind   tokens.Type
	user   id.User
	amount int64
}

func (a *audit) checkReservations(ctx context.Context) error {
	var accepted []slot
	err := a.each(ctx, "reservations", func(r record) {
		reservation := id.Reservation(r.id("id"))
		b := &booking{
			voyager: r.id("voyager_id"), local: r.id("local_id"),
			status: reservations.Status(r.text("status")), tokens: r.int("tokens"),
		}
		a.bookings[reservation] = b
		a.checkParticipants(r, b)
		if !r.time("end_date").After(r.time("date")) {
			a.broken("reservation_dates", reservation, "it ends at %v and begins at %v", r.time("end_date"),
				r.time("date"))
		}
		if !b.status.Valid() {
			a.broken("reservation_status", reservation, "the status is %q", b.status)
		}
		if b.tokens < 0 {
			a.broken("reservation_tokens", reservation, "it costs %d tokens", b.tokens)
		}
		if b.status == reservations.Accepted {
			a.found.Held += b.tokens
			accepted = append(accepted, slot{b.local, r.time("date"), r.time("end_date"), reservation})
		}
	})
	a.checkCalendars(accepted)
	return err
}

func (a *audit) checkParticipants(r record, b *booking) {
	reservation, conversation, creator := r.id("id"), id.Conversation(r.id("conversation_id")),
		id.User(r.id("creator_id"))
	number, found := a.conversations.find(conversation)
	var pair participants
	if found {
		pair = a.conversations.at(number).row
	}
	switch {
	case !found:
		a.broken("reference", reservation, "it belongs to the conversation %s, which does not exist", conversation)
	case b.voyager != pair.voyager || b.local != pair.local:
		a.broken("reservation_participants", reservation, "voyager and local are not those of the conversation %s",
			conversation)
	case creator != b.voyager && creator != b.local:
		a.broken("reservation_participants", reservation, "its creator %s is neither voyager nor local", creator)
	}
	if b.status != reservations.Pending {
		return
	}
	for _, user := range []id.User{b.voyager, b.local} {
		if a.erased[user] {
			a.broken("user_erased", user, "still has the pending reservation %s", id.Reservation(reservation))
		}
	}
}

// slot is an accepted reservation in a local's calendar.
type slot struct {
	local       id.User
	begin, end  time.Time
	reservation id.Reservation
}

func (a *audit) checkCalendars(accepted []slot) {
	slices.SortFunc(accepted, func(x, y slot) int {
		return cmp.Or(x.local.Compare(y.local), x.begin.Compare(y.begin), x.reservation.Compare(y.reservation))
	})
	var longest slot // the one that ends last among those before
	for _, s := range accepted {
		if s.local == longest.local && s.begin.Before(longest.end) {
			a.broken("reservation_overlap", s.reservation, "begins before %s has ended", longest.reservation)
		}
		if s.local != longest.local || s.end.After(longest.end) {
			longest = s
		}
	}
}

func (a *audit) checkPayments(context.Context) error {
	for _, reservation := range inOrder(a.bookings) {
		b := a.bookings[reservation]
		slices.SortFunc(b.paid, func(x, y payment) int { return cmp.Compare(x.kind, y.kind) })
		if !slices.ContainsFunc(b.owed(), func(want []payment) bool { return slices.Equal(b.paid, want) }) {
			a.broken("reservation_payment", reservation, "it is %s and costs %d; the ledger has %v", b.status,
				b.tokens, b.paid)
		}
	}
	return nil
}

// owed lists the payments that the ledger may have for the reservation, ordered by type.
func (b *booking) owed() [][]payment {
	paid := payment{tokens.ActivityPayment, b.voyager, -b.tokens}
	received := payment{tokens.ActivityReceipt, b.local, b.tokens}
	refunded := payment{tokens.Refund, b.voyager, b.tokens}
	switch {
	case b.tokens == 0:
	case b.status == reservations.Accepted:
		return [][]payment{{paid}}
	case b.status == reservations.Completed:
		return [][]payment{{paid, received}}
	case b.status == reservations.Cancelled:
		return [][]payment{{}, {paid, refunded}} // cancelled while pending, or when accepted
	}
	return [][]payment{{}}
}
