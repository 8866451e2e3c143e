package notifications_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// TestReservationsAreMailed tests who is mailed about what happens with a reservation: the
// participant who did not do it, and both if it was neither.
func TestReservationsAreMailed(t *testing.T) {
	w := newTown(t)
	declined := w.proposes()
	w.wants("a proposal", `ben: reservation_proposed: A walk with "Ada" as local`)
	_, err := w.Reservations.Decline(w.Ctx, w.ben, declined, "")
	coretest.Is(t, err, nil)
	w.wants("its refusal", `ada: reservation_declined: A walk with "Ben"`)

	withdrawn := w.proposes()
	w.mails()
	w.cancels(w.ada, withdrawn)
	w.wants("its withdrawal", `ben: reservation_cancelled: A walk with "Ada" as local`)

	accepted := w.proposes()
	w.mails()
	w.accepts(accepted)
	w.wants("acceptance", `ada: reservation_accepted: A walk with "Ben"`)
	w.cancels(w.ben, accepted)
	w.wants("its cancellation", `ada: reservation_cancelled: A walk with "Ben"`)

	ended := w.proposes()
	w.accepts(ended)
	w.mails()
	_, err = w.Reservations.End(w.Ctx, w.Admin(), ended, reservations.Ending{Status: reservations.Cancelled, Reason: "rain"})
	coretest.Is(t, err, nil)
	w.wants("cancelled by an admin", `ada: reservation_cancelled: A walk with "Ben"`, `ben: reservation_cancelled: A walk with "Ada" as local`)

	w.proposesIn(time.Hour)
	w.mails()
	w.Clock.Advance(2 * time.Hour)
	w.settles()
	w.wants("expired", `ada: reservation_expired: A walk with "Ben"`, `ben: reservation_expired: A walk with "Ada" as local`)
}

// TestOnlyWhatIsStillSoIsMailed tests that a mail that was not sent before the reservation changed again
// is not sent any more.
func TestOnlyWhatIsStillSoIsMailed(t *testing.T) {
	w := newTown(t)
	r := w.proposes()
	w.accepts(r)
	w.cancels(w.ada, r)
	w.wants("three changes at once", `ben: reservation_cancelled: A walk with "Ada" as local`)
}

// TestReservationsOfOneWhoIsGone tests that a user is told that a reservation is cancelled because the
// other user was erased, without a name, and gets no other mail about a user whom they cannot reach.
func TestReservationsOfOneWhoIsGone(t *testing.T) {
	w := newTown(t)
	r := w.proposes()
	w.accepts(r)
	w.mails()
	w.erases(w.ada)
	w.wants("the voyager is erased", `ben: reservation_cancelled: A walk with "" as local`)

	w = newTown(t)
	r = w.proposes()
	w.accepts(r)
	w.mails()
	w.erases(w.ben)
	w.wants("the local is erased", `ada: reservation_cancelled: A walk with ""`)

	w = newTown(t)
	w.proposes()
	w.Block(w.ben, w.ada)
	w.wants("a proposal of one who is blocked")

	w = newTown(t)
	r = w.proposes()
	w.accepts(r)
	w.mails()
	w.Block(w.ben, w.ada)
	w.Clock.Advance(25 * time.Hour)
	w.wants("the reminder of one who is blocked")
	w.cancels(w.ben, r)
	w.wants("cancelled by one who has blocked the other", `ada: reservation_cancelled: A walk with ""`)
}

// TestReminder tests that both participants are reminded a day before the date, once, however often the
// relay delivers events and mail is sent.
func TestReminder(t *testing.T) {
	w := newTown(t)
	r := w.proposes()
	w.accepts(r)
	w.mails()
	w.Clock.Advance(24*time.Hour - time.Millisecond)
	w.wants("a day and a moment before")
	w.Clock.Advance(time.Millisecond)
	coretest.Is(t, w.Notify(), nil) // says that it is near
	w.wants("a day before", `ada: reservation_reminder: A walk with "Ben"`, `ben: reservation_reminder: A walk with "Ada" as local`)
	accepted, err := coretest.EventsAfter(w.Ctx, w.Store, 0)
	coretest.Is(t, err, nil)
	reminded := 0
	for _, e := range accepted {
		switch e.Type {
		case events.TypeReservationAccepted:
			coretest.Is(t, coretest.Handle(w.Ctx, w.Notifications.Subscriber(), e.Event), nil)
		case events.TypeReservationReminded:
			reminded++
			if e.Seq != 3 {
				t.Errorf("the seq is %d, want 3", e.Seq)
			}
		}
	}
	w.wants("the acceptance again", `ada: reservation_accepted: A walk with "Ben"`)
	for range 30 {
		w.Clock.Advance(time.Hour)
		w.settles()
		w.wants("later")
	}
	if reminded != 1 {
		t.Errorf("the reservation was reminded of %d times", reminded)
	}
}

// TestNoReminder tests that a reservation is not reminded of that was accepted in its last day, or is
// not accepted any more.
func TestNoReminder(t *testing.T) {
	w := newTown(t)
	w.accepts(w.proposesIn(24 * time.Hour))
	w.wants("accepted late", `ada: reservation_accepted: A walk with "Ben"`)
	w.Clock.Advance(23 * time.Hour)
	w.wants("before its date")

	w = newTown(t)
	r := w.proposes()
	w.accepts(r)
	w.mails()
	w.cancels(w.ada, r)
	w.mails()
	w.Clock.Advance(30 * time.Hour)
	w.wants("cancelled")

	w = newTown(t)
	w.accepts(w.proposes())
	w.mails()
	w.Clock.Advance(49 * time.Hour) // no process ran meanwhile
	w.wants("after its date")
}

// TestReportsAreMailed tests that a user is told how their report was decided.
func TestReportsAreMailed(t *testing.T) {
	w := newTown(t)
	for decision, want := range map[moderation.Status]string{
		moderation.Resolved: "ada: report_decided: spam true", moderation.Dismissed: "ada: report_decided: spam false",
	} {
		filed, err := w.Moderation.Report(w.Ctx, w.ada, moderation.ReportInput{ReportedUserID: w.ben, Reason: "spam"}, "")
		coretest.Is(t, err, nil)
		reviewed := moderation.Reviewed
		_, err = w.Moderation.ChangeReport(w.Ctx, w.Admin(), filed.ID, moderation.ReportChange{Status: &reviewed})
		coretest.Is(t, err, nil)
		w.wants("a reviewed report")
		_, err = w.Moderation.ChangeReport(w.Ctx, w.Admin(), filed.ID, moderation.ReportChange{Status: &decision})
		coretest.Is(t, err, nil)
		w.wants(string(decision), want)
	}
}

// TestSanctionsAreMailed tests that a user is told of a sanction, also one that suspends them, unless
// it was lifted before.
func TestSanctionsAreMailed(t *testing.T) {
	w := newTown(t)
	impose := func(kind moderation.SanctionKind) moderation.Sanction {
		t.Helper()
		s, err := w.Moderation.Impose(w.Ctx, w.Admin(), w.ada, moderation.SanctionInput{Kind: kind, Reason: "spam"}, "")
		coretest.Is(t, err, nil)
		return s
	}
	for _, kind := range []moderation.SanctionKind{moderation.Warning, moderation.Restriction} {
		impose(kind)
		w.wants(string(kind), "ada: sanction: "+string(kind)+" spam")
	}
	lifted := impose(moderation.Suspension)
	_, err := w.Moderation.Decide(w.Ctx, w.Admin(), lifted.ID, moderation.Decision{Outcome: moderation.Lifted})
	coretest.Is(t, err, nil)
	w.wants("lifted before it was mailed")
	impose(moderation.Suspension)
	w.wants("a suspension", "ada: sanction: suspended spam")
}

// TestUnwantedMailIsNotSent tests that a kind that is switched off is not mailed, also if that was done
// when the mail was due already, and that others are.
func TestUnwantedMailIsNotSent(t *testing.T) {
	w := newTown(t)
	w.switchesOff(w.ben, notifications.ReservationProposed)
	r := w.proposes()
	w.wants("a proposal")
	w.accepts(r)
	w.wants("acceptance", `ada: reservation_accepted: A walk with "Ben"`)

	w.says(w.ben, w.toBen)
	coretest.Is(t, w.Notify(), nil)
	w.switchesOff(w.ada, notifications.NewMessage)
	w.later("a message")
	w.says(w.ben, w.toBen)
	w.later("another message")
	w.cancels(w.ben, r)
	w.wants("a cancellation", `ada: reservation_cancelled: A walk with "Ben"`)
}
