package memory

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
)

type reservationTables struct {
	reservations   tree[*reservations.Reservation] // id
	reservationsIn index                           // conversation_id, created_at, id
	reservationsOf index                           // participant, created_at, id
	reservationsBy index                           // created_at, id
	proposedBy     index                           // creator_id, created_at, id
	agendaOf       index                           // participant, date, id

	// Accepted reservations only.
	calendar tree[*reservations.Reservation] // local_id, date, id
	heldOf   tree[*reservations.Reservation] // voyager_id, id
	due      tree[*reservations.Reservation] // end_date, id

	// Pending reservations only.
	lapses    tree[*reservations.Reservation] // date, id
	pendingIn tree[*reservations.Reservation] // conversation_id, id
}

func (t *reservationTables) copy() reservationTables {
	return reservationTables{
		reservations: t.reservations.copy(), reservationsIn: t.reservationsIn.copy(), reservationsOf: t.reservationsOf.copy(),
		reservationsBy: t.reservationsBy.copy(), proposedBy: t.proposedBy.copy(), agendaOf: t.agendaOf.copy(),
		calendar: t.calendar.copy(), heldOf: t.heldOf.copy(), due: t.due.copy(), lapses: t.lapses.copy(),
		pendingIn: t.pendingIn.copy(),
	}
}

func (s *state) addReservation(r reservations.Reservation) error {
	c, found := s.conversations.get(idKey(r.ConversationID))
	switch {
	case s.reservations.has(idKey(r.ID)):
		return taken("a reservation")
	case !found:
		return noTarget("a reservation's conversation")
	case r.VoyagerID != c.VoyagerID || r.LocalID != c.LocalID:
		return broken("a reservation's voyager and local must be those of its conversation")
	case !r.Has(r.CreatorID):
		return broken("a reservation's proposer must be a participant")
	case !r.EndDate.After(r.Date):
		return broken("a reservation must end after it begins")
	case r.Tokens < 0:
		return broken("a reservation's tokens must not be negative")
	case !r.Status.Valid():
		return broken("a reservation's status must be valid")
	case r.Status == reservations.Accepted && s.overlaps(&r):
		return broken("accepted reservations of one local must not overlap")
	}
	moment := momentKey(reservations.Place(r))
	s.reservationsIn.put(idKey(r.ConversationID)+moment, struct{}{})
	s.reservationsOf.put(idKey(r.VoyagerID)+moment, struct{}{})
	s.reservationsOf.put(idKey(r.LocalID)+moment, struct{}{})
	s.reservationsBy.put(moment, struct{}{})
	s.proposedBy.put(idKey(r.CreatorID)+moment, struct{}{})
	for _, participant := range []id.User{r.VoyagerID, r.LocalID} {
		s.agendaOf.put(idKey(participant)+momentKey(reservations.PlaceByDate(r)), struct{}{})
	}
	s.putReservation(&r)
	return nil
}

// putReservation stores a reservation, and replaces any that has its id.
func (t *reservationTables) putReservation(r *reservations.Reservation) {
	t.reservations.put(idKey(r.ID), r)
	accepted, pending := r.Status == reservations.Accepted, r.Status == reservations.Pending
	file(&t.calendar, idKey(r.LocalID)+timeKey(r.Date)+idKey(r.ID), r, accepted)
	file(&t.heldOf, idKey(r.VoyagerID)+idKey(r.ID), r, accepted)
	file(&t.due, timeKey(r.EndDate)+idKey(r.ID), r, accepted)
	file(&t.lapses, timeKey(r.Date)+idKey(r.ID), r, pending)
	file(&t.pendingIn, idKey(r.ConversationID)+idKey(r.ID), r, pending)
}

// file puts a reservation into an index if it belongs there, and otherwise drops it.
func file(in *tree[*reservations.Reservation], key string, r *reservations.Reservation, belongs bool) {
	if belongs {
		in.put(key, r)
	} else {
		in.drop(key)
	}
}

// overlaps reports whether the local has an accepted reservation in the time of r. Because those do
// not overlap each other, it checks only the last one that begins before r ends.
func (t *reservationTables) overlaps(r *reservations.Reservation) bool {
	for _, there := range t.calendar.descend(idKey(r.LocalID), idKey(r.LocalID)+timeKey(r.EndDate)) {
		return there.EndDate.After(r.Date)
	}
	return false
}

func (t *reservationTables) reservation(reservation [16]byte) (reservations.Reservation, bool) {
	r, found := t.reservations.get(idKey(reservation))
	if !found {
		return reservations.Reservation{}, false
	}
	return *r, true
}

type reservationsRepository struct{ *unit }

func (repo reservationsRepository) Add(ctx context.Context, r reservations.Reservation) error {
	return repo.write(ctx, func(s *state) error { return s.addReservation(r) })
}

func (repo reservationsRepository) NthProposed(ctx context.Context, creator id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(s *state) error {
		key, found := nth(s.proposedBy, idKey(creator), n)
		if !found {
			return notFound("a reservation")
		}
		r, _ := s.reservations.get(idKey(lastID(key)))
		at = r.CreatedAt
		return nil
	})
	return at, err
}

func (repo reservationsRepository) PendingIn(
	ctx context.Context, conversation id.Conversation, creator id.User, limit int,
) (all, own int, err error) {
	err = repo.read(ctx, func(s *state) error {
		for key := range s.pendingIn.descend(idKey(conversation), "") {
			if all == limit {
				break
			}
			all++
			if r, _ := s.reservations.get(idKey(lastID(key))); r.CreatorID == creator {
				own++
			}
		}
		return nil
	})
	return all, own, err
}

func (repo reservationsRepository) Reservation(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		var found bool
		if there, found = s.reservation(reservation); !found {
			return notFound("a reservation")
		}
		return nil
	})
	return there, err
}

func (repo reservationsRepository) Hold(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.write(ctx, func(s *state) error {
		var found bool
		if there, found = s.reservation(reservation); !found {
			return notFound("a reservation")
		}
		return nil
	})
	return there, err
}

func (repo reservationsRepository) Move(
	ctx context.Context, r reservations.Reservation, to reservations.Status, at time.Time,
) (moved reservations.MoveResult, err error) {
	err = repo.write(ctx, func(s *state) error {
		next, found := s.reservation(r.ID)
		switch {
		case !found:
			return notFound("a reservation")
		case !to.Valid():
			return broken("a reservation's status must be valid")
		case next.Status != r.Status:
			moved = reservations.Stale
			return nil
		case to == reservations.Accepted && s.overlaps(&next):
			moved = reservations.Overlaps
			return nil
		}
		next.Status, next.UpdatedAt = to, at
		s.putReservation(&next)
		return nil
	})
	return moved, err
}

func (repo reservationsRepository) Held(ctx context.Context, user id.User) (held int64, err error) {
	err = repo.read(ctx, func(s *state) error {
		held = s.held(user)
		return nil
	})
	return held, err
}

// Funds implements reservations.FundsReader.
func (repo reservationsRepository) Funds(ctx context.Context, user id.User) (f reservations.Funds, err error) {
	err = repo.read(ctx, func(s *state) error {
		w, found := s.wallets.get(idKey(user))
		if !found {
			return notFound("a wallet")
		}
		f = reservations.Funds{Balance: w.Balance, Held: s.held(user)}
		return nil
	})
	return f, err
}

func (s *state) held(by id.User) (sum int64) {
	for _, reservation := range s.heldOf.ascend(idKey(by), "") {
		sum += reservation.Tokens
	}
	return sum
}

func (repo reservationsRepository) InConversation(
	ctx context.Context, conversation id.Conversation, after *page.Moment, limit int,
) (list []reservations.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.reservationsIn, idKey(conversation), after, limit, s.reservation)
		return nil
	})
	return list, err
}

func (repo reservationsRepository) Of(
	ctx context.Context, user id.User, status reservations.Status, after *page.Moment, limit int,
) (list []reservations.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.reservationsOf, idKey(user), after, limit, func(reservation [16]byte) (reservations.Reservation, bool) {
			there, _ := s.reservation(reservation)
			return there, status == "" || there.Status == status
		})
		return nil
	})
	return list, err
}

func (repo reservationsRepository) All(
	ctx context.Context, status reservations.Status, after *page.Moment, limit int,
) (list []reservations.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = newest(&s.reservationsBy, "", after, limit, func(reservation [16]byte) (reservations.Reservation, bool) {
			there, _ := s.reservation(reservation)
			return there, status == "" || there.Status == status
		})
		return nil
	})
	return list, err
}

func (repo reservationsRepository) Agenda(
	ctx context.Context, user id.User, a reservations.Agenda, after *page.Moment, limit int,
) (list []reservations.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		list = oldest(&s.agendaOf, idKey(user), after, limit, func(reservation [16]byte) (reservations.Reservation, bool) {
			there, _ := s.reservation(reservation)
			return there, selects(a, user, there)
		})
		return nil
	})
	return list, err
}

func selects(a reservations.Agenda, user id.User, r reservations.Reservation) bool {
	switch {
	case a.Role == reservations.AsVoyager && r.VoyagerID != user, a.Role == reservations.AsLocal && r.LocalID != user:
		return false
	case a.Status != "" && r.Status != a.Status:
		return false
	case !a.From.IsZero() && !r.EndDate.After(a.From):
		return false
	}
	return a.To.IsZero() || r.Date.Before(a.To)
}

func (repo reservationsRepository) Due(
	ctx context.Context, now time.Time, limit int,
) (due []id.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		due = first(&s.due, limit, func(r *reservations.Reservation) bool { return !r.EndDate.After(now) })
		return nil
	})
	return due, err
}

func (repo reservationsRepository) Lapsed(
	ctx context.Context, now time.Time, limit int,
) (lapsed []id.Reservation, err error) {
	err = repo.read(ctx, func(s *state) error {
		lapsed = first(&s.lapses, limit, func(r *reservations.Reservation) bool { return !r.Date.After(now) })
		return nil
	})
	return lapsed, err
}

// first returns up to limit reservations from the start of an index. It stops at the first one that
// is not due.
func first(
	in *tree[*reservations.Reservation], limit int, due func(*reservations.Reservation) bool,
) (found []id.Reservation) {
	for _, r := range in.ascend("", "") {
		if len(found) >= limit || !due(r) {
			break
		}
		found = append(found, r.ID)
	}
	return found
}
