package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	bookings = tableOf(ports.ReservationLayout)

	readReservation = "SELECT " + bookings.columns + " FROM @reservations WHERE id = $1"
	holdReservation = readReservation + " FOR NO KEY UPDATE"
)

func findReservation(
	ctx context.Context, c *conn, s statement, reservation id.Reservation,
) (reservations.Reservation, error) {
	r, err := find(ctx, c, bookings.scan, s, uuid(reservation))
	return r, orNotFound(err, "a reservation")
}

type reservationsRepository struct{ *unit }

func (repo reservationsRepository) Add(ctx context.Context, r reservations.Reservation) error {
	return repo.write(ctx, func(c *conn) error {
		c.later(bookings.insert, bookings.args(r)...)
		return nil
	})
}

func (repo reservationsRepository) NthProposed(ctx context.Context, creator id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, err = find(ctx, c, value((*row).time), `SELECT created_at FROM @reservations
			WHERE creator_id = $1 ORDER BY created_at DESC LIMIT 1 OFFSET `+hidden("$2"), uuid(creator), int64(n-1))
		return orNotFound(err, "a reservation")
	})
	return at, err
}

func (repo reservationsRepository) PendingIn(
	ctx context.Context, conversation id.Conversation, creator id.User, limit int,
) (all, own int, err error) {
	err = repo.read(ctx, func(c *conn) error {
		_, err := find(ctx, c, func(r *row, _ *struct{}) {
			all, own = int(r.int()), int(r.int())
		}, `SELECT count(*), count(*) FILTER (WHERE creator_id = $2) FROM (SELECT creator_id FROM @reservations
			WHERE conversation_id = $1 AND status = 'pending' LIMIT `+hidden("$3")+`) AS pending`,
			uuid(conversation), uuid(creator), limited(limit))
		return err
	})
	return all, own, err
}

func (repo reservationsRepository) Reservation(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, readReservation, reservation)
		return err
	})
	return there, err
}

func (repo reservationsRepository) Hold(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, holdReservation, reservation)
		return err
	})
	return there, err
}

// Move takes one round trip if the reservation moves. A statement locks the calendar before the one
// that looks for overlaps, so that the second sees what the lock's last holder committed. Without
// that lock, concurrent units that accept for one local would deadlock in the constraint one after
// the other, and the server takes a second to detect each deadlock.
func (repo reservationsRepository) Move(
	ctx context.Context, r reservations.Reservation, to reservations.Status, at time.Time,
) (moved reservations.MoveResult, err error) {
	err = repo.write(ctx, func(c *conn) error {
		move := moveReservation
		if to == reservations.Accepted {
			c.later("SELECT pg_advisory_xact_lock("+calendarOf("$1::uuid", "$2")+")", uuid(r.LocalID), c.store.lockOf("calendar"))
			move += " AND NOT " + overlapping
		}
		changed, err := c.exec(ctx, move, uuid(r.ID), string(r.Status), string(to), at)
		if err == nil && changed == 0 {
			moved, err = whyNotMoved(ctx, c, r, to)
		}
		return err
	})
	return moved, err
}

// calendarOf is the number of the lock of a local's calendar, of which seed is a part. The server
// computes it, because a statement that accepts a reservation finds the local itself.
func calendarOf(local, seed statement) statement {
	return "hashtextextended(" + local + "::text, " + seed + ")"
}

const (
	moveReservation statement = "UPDATE @reservations SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2"

	// The query finds what the constraint would reject, so that the unit can continue.
	overlapping statement = `EXISTS (SELECT 1 FROM @reservations AS other
		WHERE other.status = 'accepted' AND other.local_id = reservations.local_id AND other.id <> reservations.id
			AND tstzrange(other.date, other.end_date, '[)') && tstzrange(reservations.date, reservations.end_date, '[)'))`
)

// whyNotMoved finds the reason why a reservation was not moved. If the reason no longer exists,
// another unit has just removed it, and this unit runs again.
func whyNotMoved(
	ctx context.Context, c *conn, r reservations.Reservation, to reservations.Status,
) (reservations.MoveResult, error) {
	var clash bool
	status, err := find(ctx, c, func(r *row, status *reservations.Status) {
		*status, clash = reservations.Status(r.text()), r.bool()
	}, "SELECT status, "+overlapping+" FROM @reservations WHERE id = $1", uuid(r.ID))
	switch {
	case err != nil:
		return 0, orNotFound(err, "a reservation")
	case status != r.Status:
		return reservations.Stale, nil
	case clash && to == reservations.Accepted:
		return reservations.Overlaps, nil
	}
	return 0, uow.ErrConflict.Wrap(errors.New("the reservation was changed concurrently"))
}

// held is the sum of the tokens that reservations hold of the user $1.
const held statement = "SELECT coalesce(sum(tokens), 0)::bigint FROM @reservations WHERE voyager_id = $1 AND status = 'accepted'"

func (repo reservationsRepository) Held(ctx context.Context, user id.User) (sum int64, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		sum, err = find(ctx, c, value((*row).int), held, uuid(user))
		return err
	})
	return sum, err
}

var readFunds = withCheck("SELECT balance::bigint, ("+held+") AS held FROM @wallets WHERE user_id = $1", 1)

// Funds implements reservations.FundsReader.
func (repo reservationsRepository) Funds(ctx context.Context, user id.User) (funds reservations.Funds, err error) {
	err = repo.read(ctx, func(c *conn) error {
		found, err := listPresent(ctx, c, func(r *row, f *reservations.Funds) { f.Balance, f.Held = r.int(), r.int() },
			readFunds, uuid(user))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound("a wallet")
		}
		funds = found[0]
		return nil
	})
	return funds, err
}

func (repo reservationsRepository) InConversation(
	ctx context.Context, conversation id.Conversation, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+` FROM @reservations
			WHERE conversation_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT `+hidden("$4"),
			uuid(conversation), at, item, limited(limit))
		return err
	})
	return all, err
}

// Of reads a page from each of the two indexes, and merges them.
func (repo reservationsRepository) Of(
	ctx context.Context, user id.User, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		q := where{args: []any{uuid(user), at, item, limited(limit)}}
		q.add("(created_at, id) < ($2, $3)")
		if status != "" {
			q.add("status = ?", string(status))
		}
		pageOf := func(role statement) statement {
			return "(SELECT * FROM @reservations WHERE " + role + " = $1 AND " + q.text() + " ORDER BY created_at DESC, id DESC LIMIT " + hidden("$4") + ")"
		}
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM ("+
			pageOf("voyager_id")+" UNION ALL "+pageOf("local_id")+") AS reservations ORDER BY created_at DESC, id DESC LIMIT "+hidden("$4"), q.args...)
		return err
	})
	return all, err
}

func (repo reservationsRepository) All(
	ctx context.Context, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		q := where{args: []any{at, item, limited(limit)}}
		q.add("(created_at, id) < ($1, $2)")
		if status != "" {
			q.add("status = ?", string(status))
		}
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM @reservations WHERE "+q.text()+
			" ORDER BY created_at DESC, id DESC LIMIT $3", q.args...)
		return err
	})
	return all, err
}

// Agenda reads a page from the index of each role, and merges them.
func (repo reservationsRepository) Agenda(
	ctx context.Context, user id.User, a reservations.Agenda, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := oldestFirst(after)
		q := where{args: []any{uuid(user), at, item, limited(limit)}}
		q.add("(date, id) > ($2, $3)")
		if a.Status != "" {
			q.add("status = ?", string(a.Status))
		}
		if !a.From.IsZero() {
			q.add("end_date > ?", a.From)
		}
		if !a.To.IsZero() {
			q.add("date < ?", a.To)
		}
		pageOf := func(role statement) statement {
			return "(SELECT * FROM @reservations WHERE " + role + " = $1 AND " + q.text() + " ORDER BY date, id LIMIT " + hidden("$4") + ")"
		}
		pages := pageOf("voyager_id") + " UNION ALL " + pageOf("local_id")
		switch a.Role {
		case reservations.AsVoyager:
			pages = pageOf("voyager_id")
		case reservations.AsLocal:
			pages = pageOf("local_id")
		}
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM ("+pages+
			") AS reservations ORDER BY date, id LIMIT "+hidden("$4"), q.args...)
		return err
	})
	return all, err
}

func (repo reservationsRepository) Due(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, "status = 'accepted' AND end_date <= (SELECT $1::timestamptz) ORDER BY end_date, id", now, limit)
}

func (repo reservationsRepository) Lapsed(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, "status = 'pending' AND date <= (SELECT $1::timestamptz) ORDER BY date, id", now, limit)
}

// first lists up to limit reservations. due is a condition in SQL, with an ORDER BY.
func (repo reservationsRepository) first(
	ctx context.Context, due statement, now time.Time, limit int,
) (all []id.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, func(r *row, due *id.Reservation) { *due = r.id() },
			"SELECT id FROM @reservations WHERE "+due+" "+firstOf(limit), now)
		return err
	})
	return all, err
}
