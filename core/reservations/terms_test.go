package reservations_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
)

func TestTokensOfReservation(t *testing.T) {
	t.Run("held when accepted, paid when completed", func(t *testing.T) {
		s := newScene(t)
		r := s.accepted(t)
		if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 30, Held: 20}) {
			t.Errorf("the voyager has %+v, want 30 and 20 held", f)
		}
		if f := s.Funds(s.local); f != (reservations.Funds{Balance: 50}) {
			t.Errorf("the local has %+v, want 50", f)
		}
		s.Clock.Set(r.EndDate)
		settle(t, s, 1)
		if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 30}) {
			t.Errorf("the voyager has %+v, want 30", f)
		}
		if b := s.Balance(s.local); b != 70 {
			t.Errorf("the local has %d, want 70", b)
		}
		settle(t, s, 0)
	})
	t.Run("refunded when either participant cancels", func(t *testing.T) {
		for _, by := range []string{"voyager", "local"} {
			s := newScene(t)
			r := s.accepted(t)
			who := s.voyager
			if by == "local" {
				who = s.local
			}
			_, err := s.Reservations.Cancel(s.Ctx, who, r.ID, "")
			coretest.Is(t, err, nil)
			if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 50}) {
				t.Errorf("cancelled by the %s, the voyager has %+v, want 50", by, f)
			}
		}
	})
	t.Run("paid by the voyager if the local proposed", func(t *testing.T) {
		s := newScene(t)
		r := s.propose(t, s.local, s.walk())
		_, err := s.Reservations.Accept(s.Ctx, s.voyager, r.ID, "")
		coretest.Is(t, err, nil)
		if f := s.Funds(s.voyager); f.Balance != 30 {
			t.Errorf("the voyager has %d, want 30", f.Balance)
		}
	})
	t.Run("too few tokens", func(t *testing.T) {
		for _, creator := range []string{"voyager", "local"} {
			s := newScene(t)
			expensive := s.walk()
			expensive.Price = price("50.01")
			by := s.voyager
			if creator == "local" {
				by = s.local
			}
			r := s.propose(t, by, expensive)
			s.Unchanged(func() {
				_, err := s.Reservations.Accept(s.Ctx, other(s, by), r.ID, "")
				coretest.Is(t, err, tokens.ErrTooFewTokens)
			})
		}
	})
	t.Run("a free reservation", func(t *testing.T) {
		s := newScene(t)
		free := s.walk()
		free.Price = price("0")
		r := s.propose(t, s.voyager, free)
		_, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
		coretest.Is(t, err, nil)
		s.Clock.Set(r.EndDate)
		settle(t, s, 1)
		list, err := s.Tokens.Transactions(s.Ctx, s.voyager, page.Request[int64]{})
		coretest.Is(t, err, nil)
		if len(list.Items) != 1 {
			t.Errorf("the voyager has %d transactions, want only the bonus", len(list.Items))
		}
	})
	t.Run("unchanged when the rate changes", func(t *testing.T) {
		s := newScene(t)
		r := s.propose(t, s.voyager, s.walk())
		deps := s.deps()
		deps.Policy.Rate, _ = reservations.ParseRate("2")
		service, err := reservations.NewService(deps)
		coretest.Is(t, err, nil)
		_, err = service.Accept(s.Ctx, s.local, r.ID, "")
		coretest.Is(t, err, nil)
		if f := s.Funds(s.voyager); f.Held != 20 {
			t.Errorf("%d are held, want 20", f.Held)
		}
	})
	t.Run("rounded up", func(t *testing.T) {
		s := newScene(t, func(p *coretest.Policies) { p.Reservations.Rate, _ = reservations.ParseRate("0.3") })
		if r := s.propose(t, s.voyager, s.walk()); r.Tokens != 6 {
			t.Errorf("20.00 at 0.3 is %d, want 6", r.Tokens)
		}
		p := s.walk()
		p.Price = price("20.01")
		if r := s.propose(t, s.voyager, p); r.Tokens != 7 {
			t.Errorf("20.01 at 0.3 is %d, want 7", r.Tokens)
		}
	})
}

func settle(t *testing.T, s scene, want int) {
	t.Helper()
	n, err := s.Reservations.Settle(s.Ctx)
	coretest.Is(t, err, nil)
	if n != want {
		t.Fatalf("settled %d, want %d", n, want)
	}
}

func TestDates(t *testing.T) {
	t.Run("neither accepted nor cancelled by the voyager on the date", func(t *testing.T) {
		s := newScene(t)
		pending := s.propose(t, s.voyager, s.walk())
		accepted := s.accepted(t)
		s.Clock.Set(pending.Date)
		_, err := s.Reservations.Accept(s.Ctx, s.local, pending.ID, "")
		coretest.Is(t, err, reservations.ErrStatus)
		_, err = s.Reservations.Cancel(s.Ctx, s.voyager, accepted.ID, "")
		coretest.Is(t, err, reservations.ErrStatus)
	})
	t.Run("cancelled a millisecond before the date", func(t *testing.T) {
		s := newScene(t)
		accepted := s.accepted(t)
		s.Clock.Set(accepted.Date.Add(-time.Millisecond))
		_, err := s.Reservations.Cancel(s.Ctx, s.voyager, accepted.ID, "")
		coretest.Is(t, err, nil)
	})
	t.Run("cancelled by the local until it is completed", func(t *testing.T) {
		for _, by := range []string{"voyager", "local"} { // who proposed it
			s := newScene(t)
			creator := map[string]id.User{"voyager": s.voyager, "local": s.local}[by]
			r := s.propose(t, creator, s.walk())
			_, err := s.Reservations.Accept(s.Ctx, other(s, creator), r.ID, "")
			coretest.Is(t, err, nil)
			s.Clock.Set(r.EndDate)
			_, err = s.Reservations.Cancel(s.Ctx, s.voyager, r.ID, "")
			coretest.Is(t, err, reservations.ErrStatus)
			_, err = s.Reservations.Cancel(s.Ctx, s.local, r.ID, "")
			coretest.Is(t, err, nil)
			if f := s.Funds(s.voyager); f != (reservations.Funds{Balance: 50}) {
				t.Errorf("proposed by the %s, the voyager has %+v, want 50", by, f)
			}
			settle(t, s, 0)
		}
	})
	t.Run("at most as far ahead and as long as the policy allows", func(t *testing.T) {
		s := newScene(t, func(p *coretest.Policies) {
			p.Reservations.MaxLead, p.Reservations.MaxLength = 48*time.Hour, 90*time.Minute
		})
		p := s.walk()
		p.Date = s.Clock.Now().Add(48 * time.Hour)
		p.EndDate = p.Date.Add(90 * time.Minute)
		s.propose(t, s.voyager, p)
		p.Date, p.EndDate = p.Date.Add(time.Millisecond), p.EndDate.Add(time.Millisecond)
		_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "")
		coretest.Fields(t, err, "date")
		if want := "date must be at most 2 days ahead"; !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		p = s.walk()
		p.EndDate = p.Date.Add(90*time.Minute + time.Millisecond)
		_, err = s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "")
		coretest.Fields(t, err, "end_date")
		if want := "end_date must be at most 1h30m0s after date"; !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("pending after the date, cancelled and declined", func(t *testing.T) {
		s := newScene(t)
		a, b := s.propose(t, s.voyager, s.walk()), s.propose(t, s.voyager, s.walk())
		s.Clock.Set(a.EndDate)
		_, err := s.Reservations.Cancel(s.Ctx, s.voyager, a.ID, "")
		coretest.Is(t, err, nil)
		_, err = s.Reservations.Decline(s.Ctx, s.local, b.ID, "")
		coretest.Is(t, err, nil)
	})
	t.Run("not settled before the end", func(t *testing.T) {
		s := newScene(t)
		r := s.accepted(t)
		s.Clock.Set(r.EndDate.Add(-time.Millisecond))
		settle(t, s, 0)
	})
	t.Run("truncated to the millisecond before the check", func(t *testing.T) {
		s := newScene(t)
		p := s.walk()
		p.EndDate = p.Date.Add(999 * time.Microsecond)
		_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "")
		coretest.Fields(t, err, "end_date")
		p = s.walk()
		p.Date = p.Date.In(time.FixedZone("", 3*3600)).Add(123456 * time.Nanosecond)
		if r := s.propose(t, s.voyager, p); r.Date != s.walk().Date {
			t.Errorf("got the date %v, want %v", r.Date, s.walk().Date)
		}
	})
}

func TestProposeErrors(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		change func(*reservations.Proposal)
		fields []string
	}{
		"no title":     {func(p *reservations.Proposal) { p.Title = "" }, []string{"title"}},
		"blank title":  {func(p *reservations.Proposal) { p.Title = " " }, []string{"title"}},
		"long title":   {func(p *reservations.Proposal) { p.Title = strings.Repeat("é", 201) }, []string{"title"}},
		"broken title": {func(p *reservations.Proposal) { p.Title = "\xff" }, []string{"title"}},
		"date now":     {func(p *reservations.Proposal) { p.Date = s.Clock.Now() }, []string{"date"}},
		"date past":    {func(p *reservations.Proposal) { p.Date = s.Clock.Now().Add(-time.Hour) }, []string{"date"}},
		"end at date":  {func(p *reservations.Proposal) { p.EndDate = p.Date }, []string{"end_date"}},
		"end far":      {func(p *reservations.Proposal) { p.EndDate = p.EndDate.AddDate(9000, 0, 0) }, []string{"end_date"}},
		"date far": {func(p *reservations.Proposal) {
			p.Date, p.EndDate = p.Date.AddDate(1, 0, 0), p.EndDate.AddDate(1, 0, 0)
		}, []string{"date"}},
		"date beyond": {func(p *reservations.Proposal) { p.Date = p.Date.AddDate(9000, 0, 0) }, []string{"date", "end_date"}},
		"too long":    {func(p *reservations.Proposal) { p.EndDate = p.Date.AddDate(0, 0, 31) }, []string{"end_date"}},
		"two fields":  {func(p *reservations.Proposal) { p.Title, p.EndDate = "", p.Date }, []string{"title", "end_date"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.walk()
			c.change(&p)
			s.Unchanged(func() {
				_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "")
				coretest.Fields(t, err, c.fields...)
			})
		})
	}
}
