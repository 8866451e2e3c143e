package reservations_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/internal/coretest"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// TestProposeInOneStep checks which proposals a store is asked to make in one step, and what it is
// asked for. Those that it does not make are made step by step.
func TestProposeInOneStep(t *testing.T) {
	for _, test := range []struct {
		joined      events.Type // "" for no subscriber
		title       string
		want        error
		asked, told int // proposals that the store is asked for, and events that the subscriber gets
	}{
		{title: " A walk ", asked: 1},
		{joined: events.TypeReservationProposed, title: "A walk", told: 1},
		{joined: events.TypeReservationAccepted, title: "A walk", asked: 1},
		{title: "", want: fault.Invalid},
	} {
		for _, key := range []idempotency.Key{"", "a-key"} {
			t.Run(fmt.Sprintf("a subscriber of %q, the title %q, the key %q", test.joined, test.title, key), func(t *testing.T) {
				store, told := &asked{Storage: memory.New()}, 0
				s := sceneIn(t, store.Storage)
				deps := s.deps()
				var runner uow.Runner[ports.Tx] = store
				if test.joined != "" {
					runner = joinedBy(t, store, s.World, test.joined, &told)
				}
				deps.Store = ports.ForReservations(uow.NewStore(runner, uow.Policy{}))
				service, err := reservations.NewService(deps)
				coretest.Is(t, err, nil)
				p := s.walk()
				p.Title, p.Date = test.title, p.Date.Add(time.Microsecond)
				v, err := service.Propose(s.Ctx, s.local, s.talk, p, key)
				coretest.Is(t, err, test.want)
				if made := v.Title == "A walk" && v.Other.UserID == s.voyager; made != (test.want == nil) {
					t.Errorf("the proposal is %+v", v)
				}
				if len(store.proposing) != test.asked || told != test.told {
					t.Errorf("the store was asked for %d proposals, and the subscriber got %d events; want %+v", len(store.proposing), told, test)
				}
				for _, one := range store.proposing {
					s.checkProposing(t, one, v.Reservation, key)
				}
			})
		}
	}
}

// checkProposing checks what a store is asked for. made is the reservation that was made by steps
// afterwards.
func (s scene) checkProposing(t *testing.T, p reservations.Proposing, made reservations.Reservation, key idempotency.Key) {
	t.Helper()
	want := made
	want.ID, want.VoyagerID, want.LocalID = p.Reservation.ID, id.User{}, id.User{}
	if p.Reservation != want || p.Reservation.ID == made.ID || p.Reservation.ID.IsZero() {
		t.Errorf("the store was asked for %+v, want %+v", p.Reservation, want)
	}
	said := events.ReservationProposed{Reservation: events.Reservation{
		ByID: s.local, ConversationID: s.talk, CreatorID: s.local, ReservationID: p.Reservation.ID,
	}}
	if p.Proposed.Data != said || p.Proposed.Seq != 1 || !p.Proposed.At.Equal(s.Clock.Now()) {
		t.Errorf("the event is %+v, want %+v", p.Proposed, said)
	}
	policy := reservations.DefaultPolicy()
	if p.MaxProposed != policy.MaxProposed || p.MaxPending != policy.MaxPending || p.MaxUnanswered != policy.MaxUnanswered ||
		!p.ProposedAfter.Equal(s.Clock.Now().Add(-messaging.QuotaPeriod)) {
		t.Errorf("the limits are %+v", p)
	}
	if k := p.Record; key == "" && k != nil || key != "" && (k == nil || k.Owner != s.local.String() || k.Key != key) {
		t.Errorf("the record for the key %q is %+v", key, k)
	}
}

// TestProposingInConversation checks what a store is told about a proposal in what it has stored.
func TestProposingInConversation(t *testing.T) {
	ids := id.NewGenerator(nil)
	c := messaging.Conversation{
		ID: id.Conversation(ids.Next()), VoyagerID: id.User(ids.Next()), LocalID: id.User(ids.Next()),
	}
	r := reservations.Reservation{
		ID: id.Reservation(ids.Next()), ConversationID: c.ID, CreatorID: c.LocalID, Status: reservations.Pending, Tokens: 7,
	}
	said := events.Reservation{ByID: c.LocalID, ConversationID: c.ID, CreatorID: c.LocalID, ReservationID: r.ID}
	p := reservations.Proposing{Reservation: r, Proposed: events.New(ids, time.Time{}, 1, events.ReservationProposed{Reservation: said})}
	r.VoyagerID, r.LocalID = c.VoyagerID, c.LocalID
	said.VoyagerID, said.LocalID = c.VoyagerID, c.LocalID
	got, told := p.In(c)
	if want := p.Proposed.With(1, events.ReservationProposed{Reservation: said}); got != r || told != want {
		t.Errorf("got %+v and %+v, want %+v and %+v", got, told, r, want)
	}
}
