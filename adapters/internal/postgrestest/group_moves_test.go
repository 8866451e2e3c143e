package postgrestest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/moves"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

func (s *crowd) propose(by id.User, in id.Conversation) reservations.Reservation {
	s.t.Helper()
	v, err := moves.Propose(s.t.Context(), s.Community, s.clock, by, in, "")
	must(s.t, err)
	return v.Reservation
}

// proposes returns the proposal of a user.
func (s *crowd) proposes(by id.User, in id.Conversation, key idempotency.Key, want error) *act {
	return &act{name: "propose in " + in.String(), want: want, do: func(ctx context.Context) (string, error) {
		v, err := moves.Propose(ctx, s.Community, s.clock, by, in, key)
		other := v.VoyagerID
		if by == other {
			other = v.LocalID
		}
		if err == nil && (v.ConversationID != in || v.CreatorID != by || v.Other.UserID != other) {
			s.t.Errorf("a proposal of %v in %v returned %+v", by, in, v)
		}
		return v.ID.String(), err
	}}
}

// proposed returns how many pending reservations each transaction has added.
func (s *crowd) proposed() map[string]int {
	s.t.Helper()
	rows, err := s.conn.Query(s.t.Context(), "SELECT xmin::text FROM "+s.schema+".reservations WHERE status = 'pending'")
	must(s.t, err)
	transactions := map[string]int{}
	var transaction string
	_, err = pgx.ForEachRow(rows, []any{&transaction}, func() error {
		transactions[transaction]++
		return nil
	})
	must(s.t, err)
	return transactions
}

// accepts returns the acceptance of a reservation by a user.
func (s *crowd) accepts(by id.User, r reservations.Reservation, key idempotency.Key, want error) *act {
	return s.moves("accept", by, r, key, want, s.Reservations.Accept)
}

// cancels returns the cancellation of a reservation by a user.
func (s *crowd) cancels(by id.User, r reservations.Reservation, key idempotency.Key, want error) *act {
	return s.moves("cancel", by, r, key, want, s.Reservations.Cancel)
}

func (s *crowd) moves(name string, by id.User, r reservations.Reservation, key idempotency.Key, want error,
	do func(context.Context, id.User, id.Reservation, idempotency.Key) (reservations.View, error),
) *act {
	return &act{name: name + " " + r.ID.String(), want: want, do: func(ctx context.Context) (string, error) {
		v, err := do(ctx, by, r.ID, key)
		other := r.VoyagerID
		if by == other {
			other = r.LocalID
		}
		if err == nil && (v.ID != r.ID || v.Other.UserID != other) {
			s.t.Errorf("%s %v returned %v with %v", name, r.ID, v.ID, v.Other.UserID)
		}
		return v.ID.String(), err
	}}
}

// moved returns the status of each reservation, and the transactions that moved them.
func (s *crowd) moved() (statuses map[id.Reservation]reservations.Status, transactions map[string]bool) {
	s.t.Helper()
	rows, err := s.conn.Query(s.t.Context(), "SELECT id, status, xmin::text FROM "+s.schema+".reservations")
	must(s.t, err)
	statuses, transactions = map[id.Reservation]reservations.Status{}, map[string]bool{}
	var one [16]byte
	var status reservations.Status
	var transaction string
	_, err = pgx.ForEachRow(rows, []any{&one, &status, &transaction}, func() error {
		statuses[one] = status
		if status != reservations.Pending {
			transactions[transaction] = true
		}
		return nil
	})
	must(s.t, err)
	return statuses, transactions
}

// agenda is the reservations of a crowd, with their statuses.
type agenda struct {
	*crowd
	second  id.Conversation            // of the voyager of pair 5, with the local of pair 4
	blocked reservations.Reservation   // one of its voyager and its local blocks the other
	booked  []reservations.Reservation // are accepted, and cancelled in the next round
	over    []reservations.Reservation // are accepted, and cancelled before the next round
	want    map[id.Reservation]reservations.Status
}

func (a *agenda) propose(by id.User, in id.Conversation) reservations.Reservation {
	a.t.Helper()
	r := a.crowd.propose(by, in)
	a.want[r.ID] = reservations.Pending
	return r
}

// proposals returns proposals for the pairs of TestGroupCommit, some of which have a participant in
// common. Call end when they are done.
func (a *agenda) proposals(n int, signedOut context.Context) (all []*act, end func()) {
	blocked, busy, keyed, gone, torn := a.pairs[1], a.pairs[2], a.pairs[3], a.pairs[4], a.pairs[5]
	key := idempotency.Key(fmt.Sprint("propose-", n))
	one, same := a.proposes(keyed.Local, keyed.Talk, key, nil), a.proposes(keyed.Local, keyed.Talk, key, nil)
	absent := a.proposes(gone.Voyager, gone.Talk, "", users.ErrNotSignedIn)
	absent.ctx = signedOut
	made := []*act{
		one, a.proposes(busy.Voyager, busy.Talk, "", nil), a.proposes(busy.Local, busy.Talk, "", nil),
		a.proposes(torn.Voyager, torn.Talk, "", nil), a.proposes(torn.Voyager, a.second, "", nil), a.proposes(gone.Local, a.second, "", nil),
	}
	for _, p := range a.pairs[6:] {
		made = append(made, a.proposes(p.Local, p.Talk, "", nil))
	}
	all = append(slices.Clone(made), same, absent,
		a.proposes(keyed.Voyager, keyed.Talk, "used", idempotency.ErrKeyReused),
		a.proposes(blocked.Local, blocked.Talk, "", messaging.ErrClosed),
		a.proposes(gone.Voyager, busy.Talk, "", messaging.ErrNotFound))
	return all, func() {
		a.t.Helper()
		if one.id != same.id {
			a.t.Errorf("a key proposed the reservations %s and %s", one.id, same.id)
		}
		for _, p := range made {
			var r id.Reservation
			if must(a.t, r.UnmarshalText([]byte(p.id))); p.err == nil {
				a.want[r] = reservations.Pending
			}
		}
	}
}

// round returns moves for the pairs of TestGroupCommit. Call end when they are done.
func (a *agenda) round(n int, signedOut context.Context) (all []*act, end func()) {
	poor, blocked, busy, keyed, gone, torn := a.pairs[0], a.pairs[1], a.pairs[2], a.pairs[3], a.pairs[4], a.pairs[5]
	accepted, cancelled := reservations.Accepted, reservations.Cancelled
	for _, r := range a.over {
		_, err := a.Reservations.Cancel(a.t.Context(), r.VoyagerID, r.ID, "")
		must(a.t, err)
		a.want[r.ID] = cancelled
	}
	for _, r := range a.booked {
		all = append(all, a.cancels(r.VoyagerID, r, "", nil))
		a.want[r.ID] = cancelled
	}
	a.booked, a.over = nil, nil
	if n%2 == 0 {
		for _, p := range a.pairs[6:] {
			r := a.propose(p.Voyager, p.Talk)
			all = append(all, a.accepts(p.Local, r, "", nil))
			a.want[r.ID], a.booked = accepted, append(a.booked, r)
		}
	}
	// One key is used twice for one reservation, and then for another.
	key := idempotency.Key(fmt.Sprint("move-", n))
	once, reused := a.propose(keyed.Voyager, keyed.Talk), a.propose(keyed.Voyager, keyed.Talk)
	one, same := a.accepts(keyed.Local, once, key, nil), a.accepts(keyed.Local, once, key, nil)
	a.want[once.ID], a.over = accepted, append(a.over, once)
	// Only one of those that overlap is accepted.
	overlapping := map[*act]reservations.Reservation{}
	for range 3 {
		r := a.propose(busy.Voyager, busy.Talk)
		acceptance := a.accepts(busy.Local, r, "", nil)
		acceptance.other = reservations.ErrOverlap
		overlapping[acceptance] = r
		all = append(all, acceptance)
	}
	// A reservation that is cancelled while it is accepted is cancelled in the end.
	both := a.propose(torn.Voyager, torn.Talk)
	acceptance := a.accepts(torn.Local, both, "", nil)
	acceptance.other = reservations.ErrStatus
	a.want[both.ID] = cancelled
	// Its voyager pays for another reservation at the same time.
	beside := a.propose(torn.Voyager, a.second)
	a.want[beside.ID], a.over = accepted, append(a.over, beside)
	absent := a.accepts(gone.Voyager, a.propose(gone.Local, gone.Talk), "", users.ErrNotSignedIn)
	absent.ctx = signedOut
	all = append(all, one, same, acceptance, absent, a.accepts(gone.Local, beside, "", nil),
		a.cancels(keyed.Voyager, reused, "used", idempotency.ErrKeyReused),
		a.cancels(torn.Voyager, both, "", nil),
		a.accepts(poor.Local, a.propose(poor.Voyager, poor.Talk), "", tokens.ErrTooFewTokens),
		a.accepts(blocked.Local, a.blocked, "", messaging.ErrClosed),
		a.accepts(gone.Voyager, a.propose(busy.Voyager, busy.Talk), "", reservations.ErrNotFound),
		a.cancels(busy.Local, a.propose(busy.Voyager, busy.Talk), "", reservations.ErrStatus))
	return all, func() {
		a.t.Helper()
		if one.id != same.id {
			a.t.Errorf("a key accepted the reservations %s and %s", one.id, same.id)
		}
		taken := 0
		for o, r := range overlapping {
			if o.err == nil {
				taken++
				a.want[r.ID], a.over = accepted, append(a.over, r)
			}
		}
		if taken != 1 {
			a.t.Errorf("%d of the reservations that overlap were accepted", taken)
		}
		if got, _ := a.moved(); !maps.Equal(got, a.want) {
			for r, status := range a.want {
				if got[r] != status {
					a.t.Fatalf("round %d: reservation %v is %s, want %s", n, r, got[r], status)
				}
			}
			a.t.Fatalf("the store has %d reservations, want %d", len(got), len(a.want))
		}
	}
}
