package postgres

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

var (
	bookings = tableOf(ports.ReservationLayout)

	readReservation = "SELECT " + bookings.columns + " FROM @reservations WHERE id = $1"
	holdReservation = readReservation + " FOR NO KEY UPDATE"
)

func findReservation(ctx context.Context, c *conn, s statement, reservation id.Reservation) (reservations.Reservation, error) {
	r, err := find(ctx, c, bookings.scan, s, uuid(reservation))
	return r, orNotFound(err, "a reservation")
}

type reservationsRepository struct{ *unit }

func (r reservationsRepository) Add(ctx context.Context, n reservations.Reservation) error {
	return r.write(ctx, func(c *conn) error {
		c.later(bookings.insert, bookings.args(n)...)
		return nil
	})
}

func (r reservationsRepository) Reservation(ctx context.Context, reservation id.Reservation) (there reservations.Reservation, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, readReservation, reservation)
		return err
	})
	return there, err
}

// holdCalendar keeps those who accept for one local from meeting in the constraint: many at once would be one deadlock after the
// other, each of which the server notices after a second.
func (c *conn) holdCalendar(local id.User) { c.hold("calendar", local.String()) }

func (r reservationsRepository) HoldCalendar(ctx context.Context, local id.User) error {
	return r.write(ctx, func(c *conn) error {
		c.holdCalendar(local)
		return c.flush(ctx)
	})
}

func (r reservationsRepository) Hold(ctx context.Context, reservation id.Reservation) (there reservations.Reservation, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, holdReservation, reservation)
		return err
	})
	return there, err
}

func (r reservationsRepository) Move(ctx context.Context, reservation id.Reservation, from, to reservations.Status, at time.Time) (moved reservations.Moved, err error) {
	err = r.write(ctx, func(c *conn) error {
		there, err := findReservation(ctx, c, holdReservation, reservation)
		if err != nil {
			return err
		}
		if there.Status != from {
			moved = reservations.Stale
			return nil
		}
		if to == reservations.Accepted {
			c.holdCalendar(there.LocalID)
			overlaps, err := overlaps(ctx, c, there)
			if err != nil {
				return err
			}
			if overlaps {
				moved = reservations.Overlaps
				return nil
			}
		}
		_, err = c.exec(ctx, "UPDATE @reservations SET status = $1, updated_at = $2 WHERE id = $3", string(to), at, uuid(reservation))
		return err
	})
	return moved, err
}

// overlaps asks what the constraint would refuse, so that the unit can go on.
func overlaps(ctx context.Context, c *conn, r reservations.Reservation) (bool, error) {
	return find(ctx, c, value((*row).bool), `SELECT EXISTS (SELECT 1 FROM @reservations
		WHERE status = 'accepted' AND local_id = $1 AND tstzrange(date, end_date, '[)') && tstzrange($2, $3, '[)') AND id <> $4)`,
		uuid(r.LocalID), r.Date, r.EndDate, uuid(r.ID))
}

func (r reservationsRepository) Held(ctx context.Context, user id.User) (held int64, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		held, err = find(ctx, c, value((*row).int),
			"SELECT coalesce(sum(tokens), 0)::bigint FROM @reservations WHERE voyager_id = $1 AND status = 'accepted'", uuid(user))
		return err
	})
	return held, err
}

func (r reservationsRepository) InConversation(
	ctx context.Context, conversation id.Conversation, last *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+` FROM @reservations
			WHERE conversation_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`,
			uuid(conversation), at, item, limited(limit))
		return err
	})
	return all, err
}

// Of reads a page from each of the two indexes, and merges them.
func (r reservationsRepository) Of(
	ctx context.Context, user id.User, status reservations.Status, last *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		at, item := before(last)
		q := where{args: []any{uuid(user), at, item, limited(limit)}}
		q.add("(created_at, id) < ($2, $3)")
		if status != "" {
			q.add("status = ?", string(status))
		}
		pageOf := func(role statement) statement {
			return "(SELECT * FROM @reservations WHERE " + role + " = $1 AND " + q.text() + " ORDER BY created_at DESC, id DESC LIMIT $4)"
		}
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM ("+
			pageOf("voyager_id")+" UNION ALL "+pageOf("local_id")+") AS reservations ORDER BY created_at DESC, id DESC LIMIT $4", q.args...)
		return err
	})
	return all, err
}

func (r reservationsRepository) Due(ctx context.Context, now time.Time, limit int) (due []id.Reservation, err error) {
	err = r.read(ctx, func(c *conn) (err error) {
		due, err = list(ctx, c, func(r *row, due *id.Reservation) { *due = r.id() },
			"SELECT id FROM @reservations WHERE status = 'accepted' AND end_date <= $1 ORDER BY end_date, id LIMIT $2",
			now, limited(limit))
		return err
	})
	return due, err
}
