package mongodb

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

var bookings = tableOf(ports.ReservationLayout)

// insertReservation adds a reservation with the columns of doc.
func (t *txn) insertReservation(doc bson.D) {
	t.later(reservationsIn, inserting(append(doc,
		d("participants", bson.A{field(doc, "voyager_id"), field(doc, "local_id")}, "guard", int64(0))...)))
}

// holdReservation locks a reservation. It returns a reservation that the unit holds already without
// a command.
func holdReservation(ctx context.Context, t *txn, reservation id.Reservation) (reservations.Reservation, error) {
	if there, held := t.reservations[reservation]; held {
		return there, nil
	}
	if err := t.queueFor(ctx, turnOf(turnOfReservation, reservation)); err != nil {
		return reservations.Reservation{}, err
	}
	there, err := holding(ctx, t, bookings.scan,
		hold{in: reservationsIn, filter: d("_id", uuid(reservation)), change: guarded()})
	if err == nil {
		t.reservations[reservation] = there
	}
	return there, orNotFound(err, "a reservation")
}

// holdCalendar writes the document that every unit writes that accepts a reservation for the local.
// The first such unit inserts it; of two concurrent ones one fails, because the ids are equal.
func holdCalendar(ctx context.Context, t *txn, local id.User) error {
	if t.calendars[local] {
		return nil
	}
	if err := t.queueFor(ctx, turnOf(turnOfCalendar, local)); err != nil {
		return err
	}
	_, err := t.hold(ctx, hold{in: calendarsIn, filter: d("_id", uuid(local)), change: guarded(), make: true})
	t.calendars[local] = err == nil
	return raced(err)
}

// overlaps reports whether the local has another accepted reservation in that time. The unit holds
// the calendar.
func overlaps(ctx context.Context, t *txn, r reservations.Reservation) (bool, error) {
	return t.exists(ctx, reservationsIn, d("local_id", uuid(r.LocalID), "status", string(reservations.Accepted),
		"date", d("$lt", date(r.EndDate)), "end_date", d("$gt", date(r.Date)), "_id", d("$ne", uuid(r.ID))))
}

type reservationsRepository struct{ *unit }

func (repo reservationsRepository) Add(ctx context.Context, r reservations.Reservation) error {
	return repo.write(ctx, func(t *txn) error {
		if r.Status == reservations.Accepted {
			if err := mayStand(ctx, t, r); err != nil {
				return err
			}
		}
		t.insertReservation(bookings.doc(r))
		return nil
	})
}

// mayStand returns an error for a new accepted reservation that overlaps another.
func mayStand(ctx context.Context, t *txn, n reservations.Reservation) error {
	if err := holdCalendar(ctx, t, n.LocalID); err != nil {
		return err
	}
	clash, err := overlaps(ctx, t, n)
	if err == nil && clash {
		err = fmt.Errorf("%w: accepted reservations of one local must not overlap", errRule)
	}
	return err
}

func (repo reservationsRepository) NthProposed(ctx context.Context, creator id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		at, err = nthNewest(ctx, t, reservationsIn, d("creator_id", uuid(creator)), n)
		return orNotFound(err, "a reservation")
	})
	return at, err
}

func (repo reservationsRepository) PendingIn(
	ctx context.Context, conversation id.Conversation, creator id.User, limit int,
) (all, own int, err error) {
	err = repo.read(ctx, func(t *txn) error {
		creators, err := list(ctx, t, func(r *record) id.User { return r.id("creator_id") }, query{
			in: reservationsIn, filter: d("conversation_id", uuid(conversation), "status", string(reservations.Pending)),
			fields: d("creator_id", 1), limit: limit,
		})
		all = len(creators)
		for _, c := range creators {
			if c == creator {
				own++
			}
		}
		return err
	})
	return all, own, err
}

func (repo reservationsRepository) Reservation(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		there, err = find(ctx, t, bookings.scan, query{in: reservationsIn, filter: d("_id", uuid(reservation))})
		return orNotFound(err, "a reservation")
	})
	return there, err
}

func (repo reservationsRepository) Hold(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.write(ctx, func(t *txn) (err error) {
		there, err = holdReservation(ctx, t, reservation)
		return err
	})
	return there, err
}

func (repo reservationsRepository) Move(
	ctx context.Context, r reservations.Reservation, to reservations.Status, at time.Time,
) (moved reservations.MoveResult, err error) {
	err = repo.write(ctx, func(t *txn) error {
		if to == reservations.Accepted {
			if err := holdCalendar(ctx, t, r.LocalID); err != nil {
				return err
			}
		}
		there, err := holdReservation(ctx, t, r.ID)
		if err != nil {
			return err
		}
		if there.Status != r.Status {
			moved = reservations.Stale
			return nil
		}
		if to == reservations.Accepted {
			clash, err := overlaps(ctx, t, there)
			if err != nil {
				return err
			}
			if clash {
				moved = reservations.Overlaps
				return nil
			}
		}
		there.Status, there.UpdatedAt = to, at
		t.reservations[r.ID] = there
		t.later(reservationsIn, changing(d("_id", uuid(r.ID)), d("$set", d("status", string(to), "updated_at", date(at)))))
		return nil
	})
	return moved, err
}

func (repo reservationsRepository) Held(ctx context.Context, user id.User) (held int64, err error) {
	err = repo.read(ctx, func(t *txn) error {
		match, sum := heldBy(user)
		sums, err := aggregate(ctx, t, scanHeld, reservationsIn, match, sum)
		if len(sums) > 0 {
			held = sums[0]
		}
		return err
	})
	return held, err
}

func (repo reservationsRepository) InConversation(
	ctx context.Context, conversation id.Conversation, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, bookings.scan, limit, query{
			in: reservationsIn, filter: append(d("conversation_id", uuid(conversation)), past(after, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (repo reservationsRepository) Of(
	ctx context.Context, user id.User, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := d("participants", uuid(user))
		if status != "" {
			filter = append(filter, d("status", string(status))...)
		}
		all, err = listPage(ctx, t, bookings.scan, limit, query{
			in: reservationsIn, filter: append(filter, past(after, "$lt", "created_at", "_id")...), sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (repo reservationsRepository) All(
	ctx context.Context, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := bson.D{}
		if status != "" {
			filter = d("status", string(status))
		}
		all, err = listPage(ctx, t, bookings.scan, limit, query{
			in: reservationsIn, filter: append(filter, past(after, "$lt", "created_at", "_id")...),
			sort: d("created_at", -1, "_id", -1),
		})
		return err
	})
	return all, err
}

func (repo reservationsRepository) Agenda(
	ctx context.Context, user id.User, a reservations.Agenda, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		filter := d("participants", uuid(user))
		switch a.Role {
		case reservations.AsVoyager:
			filter = append(filter, d("voyager_id", uuid(user))...)
		case reservations.AsLocal:
			filter = append(filter, d("local_id", uuid(user))...)
		}
		if a.Status != "" {
			filter = append(filter, d("status", string(a.Status))...)
		}
		if !a.From.IsZero() {
			filter = append(filter, d("end_date", d("$gt", date(a.From)))...)
		}
		if !a.To.IsZero() { // in $and, because past has a condition on date, too
			filter = append(filter, d("$and", bson.A{d("date", d("$lt", date(a.To)))})...)
		}
		all, err = listPage(ctx, t, bookings.scan, limit, query{
			in: reservationsIn, filter: append(filter, past(after, "$gt", "date", "_id")...), sort: d("date", 1, "_id", 1),
		})
		return err
	})
	return all, err
}

func (repo reservationsRepository) Due(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, reservations.Accepted, "end_date", now, limit)
}

func (repo reservationsRepository) Lapsed(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, reservations.Pending, "date", now, limit)
}

// first lists up to limit reservations of a status whose time in the field by is not after now, in
// the order of that time.
func (repo reservationsRepository) first(
	ctx context.Context, status reservations.Status, by string, now time.Time, limit int,
) (all []id.Reservation, err error) {
	err = repo.read(ctx, func(t *txn) (err error) {
		all, err = listPage(ctx, t, func(r *record) id.Reservation { return r.id("_id") }, limit, query{
			in: reservationsIn, filter: d("status", string(status), by, d("$lte", date(now))),
			fields: d("_id", 1), sort: d(by, 1, "_id", 1),
		})
		return err
	})
	return all, err
}
