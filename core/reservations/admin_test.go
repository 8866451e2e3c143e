package reservations_test

import (
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// An admin ends an accepted reservation at any time, without being a participant.
func TestEnd(t *testing.T) {
	for name, when := range map[string]time.Duration{
		"before its date": -time.Hour, "while it goes on": time.Minute, "after its end": 48 * time.Hour,
	} {
		for to, want := range map[reservations.Status][2]int64{reservations.Cancelled: {50, 50}, reservations.Completed: {30, 70}} {
			t.Run(string(to)+" "+name, func(t *testing.T) {
				s := newScene(t)
				admin, r := s.Admin(), s.accepted(t)
				s.SetActive(s.voyager, false)
				s.Clock.Set(r.Date.Add(when))
				got, err := s.Reservations.End(s.Ctx, admin, r.ID, reservations.Ending{Status: to, Reason: "a dispute"})
				coretest.Is(t, err, nil)
				if got.Status != to || !got.UpdatedAt.Equal(s.Clock.Now()) {
					t.Errorf("got %+v, want it to be %s now", got, to)
				}
				if v, l := s.Funds(s.voyager), s.Balance(s.local); v != (reservations.Funds{Balance: want[0]}) || l != want[1] {
					t.Errorf("the voyager has %+v and the local %d, want %v and nothing held", v, l, want)
				}
				audits, err := s.Moderation.Audits(s.Ctx, admin, page.Request[page.Moment]{Limit: 1})
				coretest.Is(t, err, nil)
				a := audits.Items[0]
				if a.ActorID != admin || a.Action != moderation.ActionReservationEnded || a.SubjectID != id.Subject(r.ID) ||
					a.Reason != "a dispute" || a.Details["status"] != string(to) || a.Details["status_before"] != "accepted" {
					t.Errorf("got the audit record %+v", a)
				}
				s.Unchanged(func() {
					_, err := s.Reservations.End(s.Ctx, admin, r.ID, reservations.Ending{Status: to, Reason: "again"})
					coretest.Is(t, err, reservations.ErrStatus)
				})
			})
		}
	}
}

func TestEndErrors(t *testing.T) {
	s := newScene(t)
	admin, r := s.Admin(), s.accepted(t)
	pending := s.propose(t, s.voyager, s.walk())
	s.Unchanged(func() {
		end := func(by id.User, r id.Reservation, to reservations.Status, reason string) error {
			_, err := s.Reservations.End(s.Ctx, by, r, reservations.Ending{Status: to, Reason: reason})
			return err
		}
		coretest.Is(t, end(s.local, r.ID, reservations.Completed, "I want it"), users.ErrAdminsOnly)
		coretest.Is(t, end(admin, id.Reservation(s.IDs.Next()), reservations.Completed, "so"), reservations.ErrNotFound)
		coretest.Is(t, end(admin, pending.ID, reservations.Cancelled, "so"), reservations.ErrStatus)
		coretest.Fields(t, end(admin, r.ID, reservations.Declined, ""), "status", "reason")
		coretest.Is(t, end(admin, r.ID, "", "so"), fault.Invalid)
	})
}

func TestAll(t *testing.T) {
	s := newScene(t)
	admin := s.Admin()
	one := s.accepted(t)
	s.Clock.Advance(time.Second)
	two := s.propose(t, s.local, s.walk())
	s.Clock.Advance(time.Second)
	theirs, err := s.Reservations.Propose(s.Ctx, s.stranger, s.Conversation(s.stranger, s.local), s.walk(), "")
	coretest.Is(t, err, nil)
	for name, c := range map[string]struct {
		filter reservations.Filter
		want   []id.Reservation
	}{
		"all":             {reservations.Filter{}, []id.Reservation{theirs.ID, two.ID, one.ID}},
		"of a user":       {reservations.Filter{UserID: s.voyager}, []id.Reservation{two.ID, one.ID}},
		"accepted":        {reservations.Filter{Status: reservations.Accepted}, []id.Reservation{one.ID}},
		"pending of both": {reservations.Filter{UserID: s.local, Status: reservations.Pending}, []id.Reservation{theirs.ID, two.ID}},
		"of an admin":     {reservations.Filter{UserID: admin}, nil},
	} {
		p, err := s.Reservations.All(s.Ctx, admin, c.filter, page.Request[page.Moment]{})
		coretest.Is(t, err, nil)
		var got []id.Reservation
		for _, r := range p.Items {
			got = append(got, r.ID)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
	_, err = s.Reservations.All(s.Ctx, admin, reservations.Filter{Status: "lost"}, page.Request[page.Moment]{})
	coretest.Fields(t, err, "status")
	_, err = s.Reservations.All(s.Ctx, s.local, reservations.Filter{}, page.Request[page.Moment]{})
	coretest.Is(t, err, users.ErrAdminsOnly)
}
