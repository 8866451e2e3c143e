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

func (r reservationsRepository) Hold(ctx context.Context, reservation id.Reservation) (there reservations.Reservation, err error) {
	err = r.write(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, holdReservation, reservation)
		return err
	})
	return there, err
}

// Move is one round trip, unless it refuses. The calendar is locked by a statement before the one that looks for
// overlaps, which sees what the lock's last holder committed. Without that lock, units that accept for one local
// would meet in the constraint: many at once are one deadlock after the other, each of which the server notices
// after a second.
func (r reservationsRepository) Move(ctx context.Context, moving reservations.Reservation, to reservations.Status, at time.Time) (moved reservations.Moved, err error) {
	err = r.write(ctx, func(c *conn) error {
		move := moveReservation
		if to == reservations.Accepted {
			c.hold("calendar", moving.LocalID.String())
			move += " AND NOT " + overlapping
		}
		changed, err := c.exec(ctx, move, uuid(moving.ID), string(moving.Status), string(to), at)
		if err == nil && changed == 0 {
			moved, err = whyNotMoved(ctx, c, moving, to)
		}
		return err
	})
	return moved, err
}

const (
	moveReservation statement = "UPDATE @reservations SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2"

	// overlapping is what the constraint would refuse, so that the unit can continue.
	overlapping statement = `EXISTS (SELECT 1 FROM @reservations AS other
		WHERE other.status = 'accepted' AND other.local_id = reservations.local_id AND other.id <> reservations.id
			AND tstzrange(other.date, other.end_date, '[)') && tstzrange(reservations.date, reservations.end_date, '[)'))`
)

// whyNotMoved finds the reason why a reservation was not moved. If there is none any more, another unit has just
// changed what was in the way, and this one runs again.
func whyNotMoved(ctx context.Context, c *conn, moving reservations.Reservation, to reservations.Status) (reservations.Moved, error) {
	var clash bool
	status, err := find(ctx, c, func(r *row, status *reservations.Status) {
		*status, clash = reservations.Status(r.text()), r.bool()
	}, "SELECT status, "+overlapping+" FROM @reservations WHERE id = $1", uuid(moving.ID))
	switch {
	case err != nil:
		return 0, orNotFound(err, "a reservation")
	case status != moving.Status:
		return reservations.Stale, nil
	case clash && to == reservations.Accepted:
		return reservations.Overlaps, nil
	}
	return 0, uow.ErrConflict.Wrap(errors.New("the reservation was changed meanwhile"))
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
