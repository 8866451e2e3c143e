package reservations_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// The caller's reservations are listed by date, whatever the order in which they were proposed. The
// selected time is half open, and cut to the millisecond.
func TestAgenda(t *testing.T) {
	s := newScene(t)
	sam := s.stranger
	asVoyager, asLocal := s.Conversation(sam, s.local), s.Conversation(s.voyager, sam)
	day := func(talk id.Conversation, by id.User, n int) id.Reservation {
		p := s.walk()
		p.Date = s.Clock.Now().Add(time.Duration(n) * 24 * time.Hour)
		p.EndDate = p.Date.Add(time.Hour)
		r, err := s.Reservations.Propose(s.Ctx, by, talk, p, "")
		coretest.Is(t, err, nil)
		return r.ID
	}
	third, first, second := day(asVoyager, sam, 3), day(asLocal, sam, 1), day(asVoyager, s.local, 2)
	_, err := s.Reservations.Decline(s.Ctx, sam, second, "")
	coretest.Is(t, err, nil)
	at := func(n int) time.Time { return s.Clock.Now().Add(time.Duration(n) * 24 * time.Hour) }
	for name, c := range map[string]struct {
		agenda reservations.Agenda
		want   []id.Reservation
	}{
		"all":                  {reservations.Agenda{}, []id.Reservation{first, second, third}},
		"as voyager":           {reservations.Agenda{Role: reservations.AsVoyager}, []id.Reservation{second, third}},
		"as local":             {reservations.Agenda{Role: reservations.AsLocal}, []id.Reservation{first}},
		"pending":              {reservations.Agenda{Status: reservations.Pending}, []id.Reservation{first, third}},
		"from the end":         {reservations.Agenda{From: at(1).Add(time.Hour)}, []id.Reservation{second, third}},
		"from before the end":  {reservations.Agenda{From: at(1).Add(time.Hour - time.Nanosecond)}, []id.Reservation{first, second, third}},
		"to the date":          {reservations.Agenda{To: at(3)}, []id.Reservation{first, second}},
		"to after the date":    {reservations.Agenda{To: at(3).Add(time.Millisecond)}, []id.Reservation{first, second, third}},
		"from and to":          {reservations.Agenda{From: at(2), To: at(3)}, []id.Reservation{second}},
		"all of them together": {reservations.Agenda{Role: reservations.AsVoyager, Status: reservations.Pending, From: at(2), To: at(4)}, []id.Reservation{third}},
	} {
		var got []id.Reservation
		for r := (page.Request[page.Moment]{Limit: 1}); ; {
			p, err := s.Reservations.Mine(s.Ctx, sam, c.agenda, r)
			coretest.Is(t, err, nil)
			for _, item := range p.Items {
				got = append(got, item.ID)
			}
			if r.After = p.Next; p.Next == nil {
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
