package reservations_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// scene is a voyager and a local who talk, and a stranger.
type scene struct {
	*coretest.World
	voyager, local, stranger id.User
	talk                     id.Conversation
}

func newScene(t *testing.T, change ...func(*coretest.Policies)) scene {
	w := coretest.NewWorld(t, memory.New(), change...)
	s := scene{World: w, voyager: w.Person("Vera"), local: w.Local("Luca"), stranger: w.Local("Sam")}
	s.talk = w.Conversation(s.voyager, s.local)
	return s
}

// walk is a proposal for 20 tokens, from one day after now, for two hours.
func (s scene) walk() reservations.Proposal {
	return reservations.Proposal{
		Title: "A walk along the river", Price: price("20.00"),
		Date: s.Clock.Now().Add(24 * time.Hour), EndDate: s.Clock.Now().Add(26 * time.Hour),
	}
}

func price(s string) reservations.Price {
	p, err := reservations.ParsePrice(s)
	if err != nil {
		panic(err)
	}
	return p
}

func (s scene) propose(t *testing.T, by id.User, p reservations.Proposal) reservations.Reservation {
	t.Helper()
	r, err := s.Reservations.Propose(s.Ctx, by, s.talk, p, "")
	coretest.Is(t, err, nil)
	return r
}

func (s scene) accepted(t *testing.T) reservations.Reservation {
	t.Helper()
	r := s.propose(t, s.voyager, s.walk())
	r, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
	coretest.Is(t, err, nil)
	return r
}

// Where a reservation can stand before somebody moves it.
var stations = map[reservations.Status]func(*testing.T, scene, reservations.Reservation){
	reservations.Pending: func(*testing.T, scene, reservations.Reservation) {},
	reservations.Accepted: func(t *testing.T, s scene, r reservations.Reservation) {
		_, err := s.Reservations.Accept(s.Ctx, other(s, r.CreatorID), r.ID, "")
		coretest.Is(t, err, nil)
	},
	reservations.Declined: func(t *testing.T, s scene, r reservations.Reservation) {
		_, err := s.Reservations.Decline(s.Ctx, other(s, r.CreatorID), r.ID, "")
		coretest.Is(t, err, nil)
	},
	reservations.Cancelled: func(t *testing.T, s scene, r reservations.Reservation) {
		_, err := s.Reservations.Cancel(s.Ctx, r.CreatorID, r.ID, "")
		coretest.Is(t, err, nil)
	},
	reservations.Completed: func(t *testing.T, s scene, r reservations.Reservation) {
		_, err := s.Reservations.Accept(s.Ctx, other(s, r.CreatorID), r.ID, "")
		coretest.Is(t, err, nil)
		s.Clock.Set(r.EndDate)
		n, err := s.Reservations.Settle(s.Ctx)
		coretest.Is(t, err, nil)
		if n != 1 {
			t.Fatalf("settled %d, want 1", n)
		}
		s.Clock.Set(r.Date.Add(-time.Hour)) // back to before its date, where dates refuse nothing
	},
}

func other(s scene, user id.User) id.User {
	if user == s.voyager {
		return s.local
	}
	return s.voyager
}

// Every branch of the table of the spec: from each status, each move, by the one who proposed it
// and by the other, whichever of the two is the voyager.
func TestEveryMove(t *testing.T) {
	type move = func(s scene, by id.User, r id.Reservation) (reservations.Reservation, error)
	moves := map[string]move{
		"accept": func(s scene, by id.User, r id.Reservation) (reservations.Reservation, error) {
			return s.Reservations.Accept(s.Ctx, by, r, "")
		},
		"decline": func(s scene, by id.User, r id.Reservation) (reservations.Reservation, error) {
			return s.Reservations.Decline(s.Ctx, by, r, "")
		},
		"cancel": func(s scene, by id.User, r id.Reservation) (reservations.Reservation, error) {
			return s.Reservations.Cancel(s.Ctx, by, r, "")
		},
	}
	type branch struct {
		from      reservations.Status
		move      string
		byCreator bool
	}
	allowed := map[branch]reservations.Status{
		{reservations.Pending, "accept", false}:  reservations.Accepted,
		{reservations.Pending, "decline", false}: reservations.Declined,
		{reservations.Pending, "cancel", true}:   reservations.Cancelled,
		{reservations.Accepted, "cancel", true}:  reservations.Cancelled,
		{reservations.Accepted, "cancel", false}: reservations.Cancelled,
	}
	for from, reach := range stations {
		for name, do := range moves {
			for _, byCreator := range []bool{true, false} {
				for _, creatorIsVoyager := range []bool{true, false} {
					who := map[bool]string{true: "creator", false: "other"}[byCreator]
					whose := map[bool]string{true: "voyager's", false: "local's"}[creatorIsVoyager]
					t.Run(string(from)+"/"+name+" by the "+who+" of the "+whose, func(t *testing.T) {
						s := newScene(t)
						creator := s.local
						if creatorIsVoyager {
							creator = s.voyager
						}
						r := s.propose(t, creator, s.walk())
						reach(t, s, r)
						by := creator
						if !byCreator {
							by = other(s, creator)
						}
						want, ok := allowed[branch{from, name, byCreator}]
						if ok {
							got, err := do(s, by, r.ID)
							coretest.Is(t, err, nil)
							if got.Status != want {
								t.Errorf("it is %s, want %s", got.Status, want)
							}
							stored, err := s.Reservations.Reservation(s.Ctx, by, r.ID)
							coretest.Is(t, err, nil)
							if stored != got {
								t.Errorf("stored %+v, answered %+v", stored, got)
							}
							return
						}
						s.Unchanged(func() {
							_, err := do(s, by, r.ID)
							coretest.Is(t, err, reservations.ErrStatus)
							if !strings.Contains(err.Error(), string(from)) {
								t.Errorf("the refusal does not name the status %s: %v", from, err)
							}
						})
					})
				}
			}
		}
	}
}

func TestTokensFollowTheReservation(t *testing.T) {
	t.Run("held when accepted, paid when completed", func(t *testing.T) {
		s := newScene(t)
		r := s.accepted(t)
		if f := s.Funds(s.voyager); f != (tokens.Funds{Balance: 30, Held: 20}) {
			t.Errorf("the voyager has %+v, want 30 and 20 held", f)
		}
		if f := s.Funds(s.local); f != (tokens.Funds{Balance: 50}) {
			t.Errorf("the local has %+v, want 50", f)
		}
		s.Clock.Set(r.EndDate)
		settle(t, s, 1)
		if f := s.Funds(s.voyager); f != (tokens.Funds{Balance: 30}) {
			t.Errorf("the voyager has %+v, want 30", f)
		}
		if b := s.Balance(s.local); b != 70 {
			t.Errorf("the local has %d, want 70", b)
		}
		settle(t, s, 0)
	})
	t.Run("refunded when cancelled, whoever cancels", func(t *testing.T) {
		for _, by := range []string{"voyager", "local"} {
			s := newScene(t)
			r := s.accepted(t)
			who := s.voyager
			if by == "local" {
				who = s.local
			}
			_, err := s.Reservations.Cancel(s.Ctx, who, r.ID, "")
			coretest.Is(t, err, nil)
			if f := s.Funds(s.voyager); f != (tokens.Funds{Balance: 50}) {
				t.Errorf("cancelled by the %s, the voyager has %+v, want 50", by, f)
			}
		}
	})
	t.Run("the voyager pays what the local proposed, too", func(t *testing.T) {
		s := newScene(t)
		r := s.propose(t, s.local, s.walk())
		_, err := s.Reservations.Accept(s.Ctx, s.voyager, r.ID, "")
		coretest.Is(t, err, nil)
		if f := s.Funds(s.voyager); f.Balance != 30 {
			t.Errorf("the voyager has %d, want 30", f.Balance)
		}
	})
	t.Run("too few tokens is refused whoever accepts, and it stays pending", func(t *testing.T) {
		for _, creator := range []string{"voyager", "local"} {
			s := newScene(t)
			dear := s.walk()
			dear.Price = price("50.01")
			by := s.voyager
			if creator == "local" {
				by = s.local
			}
			r := s.propose(t, by, dear)
			s.Unchanged(func() {
				_, err := s.Reservations.Accept(s.Ctx, other(s, by), r.ID, "")
				coretest.Is(t, err, tokens.ErrTooFewTokens)
			})
		}
	})
	t.Run("what is free writes nothing", func(t *testing.T) {
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
			t.Errorf("the voyager has %d transactions, want the bonus alone", len(list.Items))
		}
	})
	t.Run("tokens stay as they were when the rate changes", func(t *testing.T) {
		s := newScene(t)
		r := s.propose(t, s.voyager, s.walk())
		deps := s.Reservations.Deps
		deps.Policy.Rate, _ = reservations.ParseRate("2")
		_, err := reservations.NewService(deps).Accept(s.Ctx, s.local, r.ID, "")
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
	t.Run("on the date itself it can be neither accepted nor cancelled", func(t *testing.T) {
		s := newScene(t)
		pending := s.propose(t, s.voyager, s.walk())
		accepted := s.accepted(t)
		s.Clock.Set(pending.Date)
		_, err := s.Reservations.Accept(s.Ctx, s.local, pending.ID, "")
		coretest.Is(t, err, reservations.ErrStatus)
		_, err = s.Reservations.Cancel(s.Ctx, s.voyager, accepted.ID, "")
		coretest.Is(t, err, reservations.ErrStatus)
	})
	t.Run("a millisecond before it can", func(t *testing.T) {
		s := newScene(t)
		accepted := s.accepted(t)
		s.Clock.Set(accepted.Date.Add(-time.Millisecond))
		_, err := s.Reservations.Cancel(s.Ctx, s.voyager, accepted.ID, "")
		coretest.Is(t, err, nil)
	})
	t.Run("a pending one whose date has passed can still be withdrawn or declined", func(t *testing.T) {
		s := newScene(t)
		a, b := s.propose(t, s.voyager, s.walk()), s.propose(t, s.voyager, s.walk())
		s.Clock.Set(a.EndDate)
		_, err := s.Reservations.Cancel(s.Ctx, s.voyager, a.ID, "")
		coretest.Is(t, err, nil)
		_, err = s.Reservations.Decline(s.Ctx, s.local, b.ID, "")
		coretest.Is(t, err, nil)
	})
	t.Run("it is not settled before its end", func(t *testing.T) {
		s := newScene(t)
		r := s.accepted(t)
		s.Clock.Set(r.EndDate.Add(-time.Millisecond))
		settle(t, s, 0)
	})
	t.Run("times are cut to the millisecond before they are judged", func(t *testing.T) {
		s := newScene(t)
		p := s.walk()
		p.EndDate = p.Date.Add(999 * time.Microsecond)
		_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "")
		coretest.Fields(t, err, "end_date")
		p = s.walk()
		p.Date = p.Date.In(time.FixedZone("", 3*3600)).Add(123456 * time.Nanosecond)
		if r := s.propose(t, s.voyager, p); r.Date != s.walk().Date {
			t.Errorf("the date came back as %v, want %v", r.Date, s.walk().Date)
		}
	})
}

func TestProposalIsChecked(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		change func(*reservations.Proposal)
		fields []string
	}{
		"no title":        {func(p *reservations.Proposal) { p.Title = "" }, []string{"title"}},
		"blank title":     {func(p *reservations.Proposal) { p.Title = " " }, []string{"title"}},
		"long title":      {func(p *reservations.Proposal) { p.Title = strings.Repeat("é", 201) }, []string{"title"}},
		"broken title":    {func(p *reservations.Proposal) { p.Title = "\xff" }, []string{"title"}},
		"date now":        {func(p *reservations.Proposal) { p.Date = s.Clock.Now() }, []string{"date"}},
		"date past":       {func(p *reservations.Proposal) { p.Date = s.Clock.Now().Add(-time.Hour) }, []string{"date"}},
		"end at date":     {func(p *reservations.Proposal) { p.EndDate = p.Date }, []string{"end_date"}},
		"end far":         {func(p *reservations.Proposal) { p.EndDate = p.EndDate.AddDate(9000, 0, 0) }, []string{"end_date"}},
		"several at once": {func(p *reservations.Proposal) { p.Title, p.EndDate = "", p.Date }, []string{"title", "end_date"}},
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

func TestOthersSeeNothing(t *testing.T) {
	s := newScene(t)
	r := s.accepted(t)
	nowhere := id.Reservation(s.IDs.Next())
	for name, who := range map[string]id.User{"a stranger": s.stranger, "an admin": s.Admin()} {
		_, err := s.Reservations.Propose(s.Ctx, who, s.talk, s.walk(), "")
		coretest.Is(t, err, messaging.ErrNotFound)
		_, err = s.Reservations.InConversation(s.Ctx, who, s.talk, page.Request[page.Moment]{})
		coretest.Is(t, err, messaging.ErrNotFound)
		for _, reservation := range []id.Reservation{r.ID, nowhere} {
			_, err = s.Reservations.Reservation(s.Ctx, who, reservation)
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Accept(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Decline(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Cancel(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
		}
		mine, err := s.Reservations.Mine(s.Ctx, who, "", page.Request[page.Moment]{})
		coretest.Is(t, err, nil)
		if len(mine.Items) != 0 {
			t.Errorf("%s sees %d reservations as their own", name, len(mine.Items))
		}
	}
}

func TestBlockedAndInactive(t *testing.T) {
	for name, part := range map[string]func(s scene){
		"after a block by the local":   func(s scene) { s.Block(s.local, s.voyager) },
		"after a block by the voyager": func(s scene) { s.Block(s.voyager, s.local) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			accepted := s.accepted(t)
			later := s.walk()
			later.Date, later.EndDate = accepted.EndDate, accepted.EndDate.Add(time.Hour)
			a, b := s.propose(t, s.voyager, later), s.propose(t, s.voyager, later)
			part(s)
			s.Unchanged(func() {
				_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, s.walk(), "")
				coretest.Is(t, err, messaging.ErrClosed)
				_, err = s.Reservations.Accept(s.Ctx, s.local, a.ID, "")
				coretest.Is(t, err, messaging.ErrClosed)
			})
			_, err := s.Reservations.Decline(s.Ctx, s.local, a.ID, "")
			coretest.Is(t, err, nil)
			_, err = s.Reservations.Cancel(s.Ctx, s.voyager, b.ID, "")
			coretest.Is(t, err, nil)
			s.Clock.Set(accepted.EndDate)
			settle(t, s, 1) // what was accepted stands
		})
	}
	t.Run("deactivating a person changes no reservation", func(t *testing.T) {
		s := newScene(t)
		r := s.accepted(t)
		s.SetActive(s.local, false)
		_, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, s.walk(), "")
		coretest.Is(t, err, messaging.ErrClosed)
		_, err = s.Reservations.Cancel(s.Ctx, s.local, r.ID, "")
		coretest.Is(t, err, users.ErrNotSignedIn)
		s.Clock.Set(r.EndDate)
		settle(t, s, 1)
		s.SetActive(s.local, true)
		if b := s.Balance(s.local); b != 70 {
			t.Errorf("the local has %d, want 70", b)
		}
	})
}

func TestOverlap(t *testing.T) {
	s := newScene(t)
	first := s.accepted(t)
	sam := s.Person("Sid")
	theirs := s.Conversation(sam, s.local)
	at := func(from, to time.Time) id.Reservation {
		r, err := s.Reservations.Propose(s.Ctx, sam, theirs, reservations.Proposal{Title: "Tea", Date: from, EndDate: to}, "")
		coretest.Is(t, err, nil)
		return r.ID
	}
	for name, r := range map[string]id.Reservation{
		"the same time": at(first.Date, first.EndDate),
		"within":        at(first.Date.Add(time.Minute), first.EndDate.Add(-time.Minute)),
		"around":        at(first.Date.Add(-time.Minute), first.EndDate.Add(time.Minute)),
		"its end":       at(first.EndDate.Add(-time.Millisecond), first.EndDate.Add(time.Hour)),
		"its beginning": at(first.Date.Add(-time.Hour), first.Date.Add(time.Millisecond)),
	} {
		s.Unchanged(func() {
			_, err := s.Reservations.Accept(s.Ctx, s.local, r, "")
			coretest.Is(t, err, reservations.ErrOverlap)
			if strings.Contains(err.Error(), first.ID.String()) || strings.Contains(err.Error(), first.Title) {
				t.Errorf("%s: the refusal tells of the other reservation: %v", name, err)
			}
		})
	}
	for _, r := range []id.Reservation{at(first.EndDate, first.EndDate.Add(time.Hour)), at(first.Date.Add(-time.Hour), first.Date)} {
		_, err := s.Reservations.Accept(s.Ctx, s.local, r, "")
		coretest.Is(t, err, nil)
	}
	// Once it is cancelled, its time is free.
	_, err := s.Reservations.Cancel(s.Ctx, s.local, first.ID, "")
	coretest.Is(t, err, nil)
	_, err = s.Reservations.Accept(s.Ctx, s.local, at(first.Date, first.EndDate), "")
	coretest.Is(t, err, nil)
}

func TestLists(t *testing.T) {
	s := newScene(t)
	one := s.accepted(t)
	s.Clock.Advance(time.Second)
	two := s.propose(t, s.local, s.walk())
	newest, err := s.Reservations.InConversation(s.Ctx, s.local, s.talk, page.Request[page.Moment]{Limit: 1})
	coretest.Is(t, err, nil)
	if len(newest.Items) != 1 || newest.Items[0].ID != two.ID || newest.Next == nil {
		t.Fatalf("the first page is %+v, want the newer one and a next page", newest)
	}
	rest, err := s.Reservations.InConversation(s.Ctx, s.local, s.talk, page.Request[page.Moment]{After: newest.Next})
	coretest.Is(t, err, nil)
	if len(rest.Items) != 1 || rest.Items[0].ID != one.ID || rest.Next != nil {
		t.Errorf("the last page is %+v, want the older one", rest)
	}
	accepted, err := s.Reservations.Mine(s.Ctx, s.voyager, reservations.Accepted, page.Request[page.Moment]{})
	coretest.Is(t, err, nil)
	if len(accepted.Items) != 1 || accepted.Items[0].ID != one.ID {
		t.Errorf("accepted are %+v", accepted.Items)
	}
	_, err = s.Reservations.Mine(s.Ctx, s.voyager, "begun", page.Request[page.Moment]{})
	coretest.Fields(t, err, "status")
	_, err = s.Reservations.Mine(s.Ctx, s.voyager, "", page.Request[page.Moment]{Limit: 101})
	coretest.Fields(t, err, "limit")
}

func TestKeys(t *testing.T) {
	s := newScene(t)
	p := s.walk()
	r, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "propose")
	coretest.Is(t, err, nil)
	s.Clock.Set(p.Date) // by now it would be refused
	again, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "propose")
	coretest.Is(t, err, nil)
	if again != r {
		t.Errorf("the repeat answers %+v, want %+v", again, r)
	}
	s.Clock.Set(r.CreatedAt)
	_, err = s.Reservations.Accept(s.Ctx, s.local, r.ID, "accept")
	coretest.Is(t, err, nil)
	s.Unchanged(func() {
		again, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "accept")
		coretest.Is(t, err, nil)
		if again.Status != reservations.Accepted {
			t.Errorf("the repeat answers %s", again.Status)
		}
		_, err = s.Reservations.Cancel(s.Ctx, s.local, r.ID, "accept")
		coretest.Is(t, err, fault.Conflict)
	})
}

func TestConcurrentMoves(t *testing.T) {
	s := newScene(t)
	r := s.propose(t, s.voyager, s.walk())
	errs := coretest.AtOnce(20, func(i int) error {
		var err error
		if i%2 == 0 {
			_, err = s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
		} else {
			_, err = s.Reservations.Cancel(s.Ctx, s.voyager, r.ID, "")
		}
		return err
	})
	// Either it was withdrawn at once, or accepted and then cancelled: one of each at most.
	if ok := coretest.Count(errs, nil); ok < 1 || ok > 2 {
		t.Errorf("%d of 20 moves succeeded: %v", ok, errs)
	}
	if refused := coretest.Count(errs, reservations.ErrStatus); refused < 18 {
		t.Errorf("%d of 20 moves were refused for the status: %v", refused, errs)
	}
}
