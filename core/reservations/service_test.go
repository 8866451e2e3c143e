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
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// scene is a world with a conversation between a voyager and a local, and with a third user.
type scene struct {
	*coretest.World
	voyager, local, stranger id.User
	talk                     id.Conversation
}

func newScene(t *testing.T, change ...func(*coretest.Policies)) scene {
	return sceneIn(t, memory.New(), change...)
}

func sceneIn(t *testing.T, storage ports.Storage, change ...func(*coretest.Policies)) scene {
	w := coretest.NewWorld(t, storage, change...)
	s := scene{World: w, voyager: w.Person("Vera"), local: w.Local("Luca"), stranger: w.Local("Sam")}
	s.talk = w.Conversation(s.voyager, s.local)
	return s
}

// deps returns the parts of another service over the same store.
func (s scene) deps() reservations.Deps {
	return reservations.Deps{
		Store: ports.ForReservations(s.Store), Ledger: s.Ledger, Clock: s.Clock.Now, IDs: s.IDs, Policy: reservations.DefaultPolicy(),
	}
}

// walk returns a proposal for 20 tokens, in one day and for two hours.
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
	v, err := s.Reservations.Propose(s.Ctx, by, s.talk, p, "")
	coretest.Is(t, err, nil)
	return v.Reservation
}

func (s scene) accepted(t *testing.T) reservations.Reservation {
	t.Helper()
	r := s.propose(t, s.voyager, s.walk())
	v, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "")
	coretest.Is(t, err, nil)
	return v.Reservation
}

// reach lists, for each status, a function that brings a pending reservation to it.
var reach = map[reservations.Status]func(*testing.T, scene, reservations.Reservation){
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
		settle(t, s, 1)
		s.Clock.Set(r.Date.Add(-time.Hour)) // before its date, so that only the status matters
	},
	reservations.Expired: func(t *testing.T, s scene, r reservations.Reservation) {
		s.Clock.Set(r.Date)
		settle(t, s, 1)
		s.Clock.Set(r.Date.Add(-time.Hour))
	},
}

func other(s scene, user id.User) id.User {
	if user == s.voyager {
		return s.local
	}
	return s.voyager
}

// The test covers the table in core/README.md#reservations: from each status, each move, by the
// participant who proposed it and by the other, with either of them as the voyager.
func TestMoves(t *testing.T) {
	type move = func(s scene, by id.User, r id.Reservation) (reservations.View, error)
	moves := map[string]move{
		"accept": func(s scene, by id.User, r id.Reservation) (reservations.View, error) {
			return s.Reservations.Accept(s.Ctx, by, r, "")
		},
		"decline": func(s scene, by id.User, r id.Reservation) (reservations.View, error) {
			return s.Reservations.Decline(s.Ctx, by, r, "")
		},
		"cancel": func(s scene, by id.User, r id.Reservation) (reservations.View, error) {
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
	for from, bring := range reach {
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
						bring(t, s, r)
						by := creator
						if !byCreator {
							by = other(s, creator)
						}
						want, ok := allowed[branch{from, name, byCreator}]
						if ok {
							got, err := do(s, by, r.ID)
							coretest.Is(t, err, nil)
							if got.Status != want {
								t.Errorf("got the status %s, want %s", got.Status, want)
							}
							stored, err := s.Reservations.Reservation(s.Ctx, by, r.ID)
							coretest.Is(t, err, nil)
							if stored != got {
								t.Errorf("stored %+v, returned %+v", stored, got)
							}
							return
						}
						s.Unchanged(func() {
							_, err := do(s, by, r.ID)
							coretest.Is(t, err, reservations.ErrStatus)
							if !strings.Contains(err.Error(), string(from)) {
								t.Errorf("the error does not contain the status %s: %v", from, err)
							}
						})
					})
				}
			}
		}
	}
}

func TestOtherUsers(t *testing.T) {
	s := newScene(t)
	r := s.accepted(t)
	unknown := id.Reservation(s.IDs.Next())
	for name, who := range map[string]id.User{"a stranger": s.stranger, "an admin": s.Admin()} {
		_, err := s.Reservations.Propose(s.Ctx, who, s.talk, s.walk(), "")
		coretest.Is(t, err, messaging.ErrNotFound)
		_, err = s.Reservations.InConversation(s.Ctx, who, s.talk, page.Request[page.Moment]{})
		coretest.Is(t, err, messaging.ErrNotFound)
		for _, reservation := range []id.Reservation{r.ID, unknown} {
			_, err = s.Reservations.Reservation(s.Ctx, who, reservation)
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Accept(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Decline(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
			_, err = s.Reservations.Cancel(s.Ctx, who, reservation, "")
			coretest.Is(t, err, reservations.ErrNotFound)
		}
		mine, err := s.Reservations.Mine(s.Ctx, who, reservations.Agenda{}, page.Request[page.Moment]{})
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
			settle(t, s, 1) // the accepted one stays
		})
	}
	t.Run("after a deactivation", func(t *testing.T) {
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
	s := newScene(t, withoutQuotas)
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
				t.Errorf("%s: the error reveals the other reservation: %v", name, err)
			}
		})
	}
	for _, r := range []id.Reservation{at(first.EndDate, first.EndDate.Add(time.Hour)), at(first.Date.Add(-time.Hour), first.Date)} {
		_, err := s.Reservations.Accept(s.Ctx, s.local, r, "")
		coretest.Is(t, err, nil)
	}
	// After a cancellation its time is free.
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
		t.Fatalf("the first page is %+v, want the newer reservation and a next page", newest)
	}
	rest, err := s.Reservations.InConversation(s.Ctx, s.local, s.talk, page.Request[page.Moment]{After: newest.Next})
	coretest.Is(t, err, nil)
	if len(rest.Items) != 1 || rest.Items[0].ID != one.ID || rest.Next != nil {
		t.Errorf("the last page is %+v, want the older reservation", rest)
	}
	accepted, err := s.Reservations.Mine(s.Ctx, s.voyager, reservations.Agenda{Status: reservations.Accepted}, page.Request[page.Moment]{})
	coretest.Is(t, err, nil)
	if len(accepted.Items) != 1 || accepted.Items[0].ID != one.ID {
		t.Errorf("accepted are %+v", accepted.Items)
	}
	_, err = s.Reservations.Mine(s.Ctx, s.voyager, reservations.Agenda{
		Role: "guest", Status: "begun", From: s.Clock.Now(), To: s.Clock.Now(),
	}, page.Request[page.Moment]{})
	coretest.Fields(t, err, "role", "status", "to")
	far := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = s.Reservations.Mine(s.Ctx, s.voyager, reservations.Agenda{From: far, To: far.Add(time.Hour)}, page.Request[page.Moment]{})
	coretest.Fields(t, err, "from", "to")
	_, err = s.Reservations.Mine(s.Ctx, s.voyager, reservations.Agenda{}, page.Request[page.Moment]{Limit: 101})
	coretest.Fields(t, err, "limit")
}

func TestKeys(t *testing.T) {
	s := newScene(t)
	p := s.walk()
	r, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "propose")
	coretest.Is(t, err, nil)
	s.Clock.Set(p.Date) // a first call would return an error now
	again, err := s.Reservations.Propose(s.Ctx, s.voyager, s.talk, p, "propose")
	coretest.Is(t, err, nil)
	if again != r {
		t.Errorf("the repeat returned %+v, want %+v", again, r)
	}
	s.Clock.Set(r.CreatedAt)
	_, err = s.Reservations.Accept(s.Ctx, s.local, r.ID, "accept")
	coretest.Is(t, err, nil)
	s.Unchanged(func() {
		again, err := s.Reservations.Accept(s.Ctx, s.local, r.ID, "accept")
		coretest.Is(t, err, nil)
		if again.Status != reservations.Accepted {
			t.Errorf("the repeat returned the status %s", again.Status)
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
	// Either it was cancelled first, or accepted and then cancelled: at most one of each succeeded.
	if ok := coretest.Count(errs, nil); ok < 1 || ok > 2 {
		t.Errorf("%d of 20 moves succeeded: %v", ok, errs)
	}
	if refused := coretest.Count(errs, reservations.ErrStatus); refused < 18 {
		t.Errorf("%d of 20 moves failed with ErrStatus: %v", refused, errs)
	}
}
