package sqlite

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/ports"
)

var bookings = tableOf(ports.ReservationLayout)

func findReservation(ctx context.Context, c *conn, reservation id.Reservation) (reservations.Reservation, error) {
	r, err := find(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM reservations WHERE id = ?", blob(reservation))
	return r, orNotFound(err, "a reservation")
}

type reservationsRepository struct{ *unit }

func (repo reservationsRepository) Add(ctx context.Context, r reservations.Reservation) error {
	return repo.write(ctx, func(c *conn) error {
		_, err := c.exec(ctx, bookings.insert, bookings.args(r)...)
		return err
	})
}

func (repo reservationsRepository) NthProposed(ctx context.Context, creator id.User, n int) (at time.Time, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, err = find(ctx, c, value((*row).time), `SELECT created_at FROM reservations
			WHERE creator_id = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?`, blob(creator), int64(n-1))
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
		}, `SELECT count(*), count(*) FILTER (WHERE creator_id = ?2) FROM (SELECT creator_id FROM reservations
			WHERE conversation_id = ?1 AND status = 'pending' LIMIT +?3)`, blob(conversation), blob(creator), limited(limit))
		return err
	})
	return all, own, err
}

func (repo reservationsRepository) Reservation(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, reservation)
		return err
	})
	return there, err
}

func (repo reservationsRepository) Hold(
	ctx context.Context, reservation id.Reservation,
) (there reservations.Reservation, err error) {
	err = repo.write(ctx, func(c *conn) (err error) {
		there, err = findReservation(ctx, c, reservation)
		return err
	})
	return there, err
}

func (repo reservationsRepository) Move(
	ctx context.Context, r reservations.Reservation, to reservations.Status, at time.Time,
) (moved reservations.MoveResult, err error) {
	err = repo.write(ctx, func(c *conn) error {
		there, err := findReservation(ctx, c, r.ID)
		if err != nil {
			return err
		}
		if there.Status != r.Status {
			moved = reservations.Stale
			return nil
		}
		if to == reservations.Accepted {
			overlaps, err := find(ctx, c, value((*row).bool), "SELECT "+overlapping+" FROM reservations WHERE id = ?", blob(r.ID))
			if err != nil {
				return err
			}
			if overlaps {
				moved = reservations.Overlaps
				return nil
			}
		}
		_, err = c.exec(ctx, move, blob(r.ID), string(to), milli(at))
		return err
	})
	return moved, err
}

const (
	move = "UPDATE reservations SET status = ?2, updated_at = ?3 WHERE id = ?1"

	// overlapping is the condition that a trigger would reject, so that the unit can continue.
	overlapping = `EXISTS (SELECT 1 FROM reservations AS busy WHERE busy.status = 'accepted' AND busy.local_id = reservations.local_id
		AND busy.date < reservations.end_date AND busy.end_date > reservations.date AND busy.id <> reservations.id)`
)

// held is the sum of the tokens that reservations hold of the user ?1.
const held = "SELECT coalesce(sum(tokens), 0) FROM reservations WHERE voyager_id = ?1 AND status = 'accepted'"

func (repo reservationsRepository) Held(ctx context.Context, user id.User) (sum int64, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		sum, err = find(ctx, c, value((*row).int), held, blob(user))
		return err
	})
	return sum, err
}

// Funds implements reservations.FundsReader.
func (repo reservationsRepository) Funds(ctx context.Context, user id.User) (funds reservations.Funds, err error) {
	err = repo.readPresent(ctx, func() error {
		found, err := listPresent(ctx, repo.unit, func(r *row, f *reservations.Funds) { f.Balance, f.Held = r.int(), r.int() },
			readFunds, blob(user))
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return notFound("a wallet")
		}
		funds = found[0]
		return nil
	})
	return funds, err
}

var readFunds = withCheck(1, func(present string) string {
	return "SELECT balance, (" + held + ") FROM wallets WHERE user_id = ?1" + present
})

func (repo reservationsRepository) InConversation(
	ctx context.Context, conversation id.Conversation, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+` FROM reservations
			WHERE conversation_id = ? AND (created_at, id) < (?, ?) ORDER BY created_at DESC, id DESC LIMIT +?`,
			blob(conversation), at, item, limited(limit))
		return err
	})
	return all, err
}

func (repo reservationsRepository) Of(
	ctx context.Context, user id.User, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		const chosen = ` AND (created_at, id) < (?2, ?3) AND (?4 IS NULL OR status = ?4)`
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM reservations WHERE voyager_id = ?1"+chosen+
			" UNION ALL SELECT "+bookings.columns+" FROM reservations WHERE local_id = ?1"+chosen+
			" ORDER BY created_at DESC, id DESC LIMIT +?5", blob(user), at, item, textOrNull(string(status)), limited(limit))
		return err
	})
	return all, err
}

func (repo reservationsRepository) All(
	ctx context.Context, status reservations.Status, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := latestFirst(after)
		chosen, args := "", []any{at, item, limited(limit)}
		if status != "" {
			chosen, args = "status = ?4 AND ", append(args, string(status))
		}
		all, err = list(ctx, c, bookings.scan, "SELECT "+bookings.columns+" FROM reservations WHERE "+chosen+
			"(created_at, id) < (?1, ?2) ORDER BY created_at DESC, id DESC LIMIT +?3", args...)
		return err
	})
	return all, err
}

func (repo reservationsRepository) Agenda(
	ctx context.Context, user id.User, a reservations.Agenda, after *page.Moment, limit int,
) (all []reservations.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		at, item := oldestFirst(after)
		of := func(role string) string {
			return "SELECT " + bookings.columns + " FROM reservations WHERE " + role + ` = ?1 AND (date, id) > (?2, ?3)
				AND (?4 IS NULL OR status = ?4) AND (?5 IS NULL OR end_date > ?5) AND (?6 IS NULL OR date < ?6)`
		}
		found := of("voyager_id") + " UNION ALL " + of("local_id")
		switch a.Role {
		case reservations.AsVoyager:
			found = of("voyager_id")
		case reservations.AsLocal:
			found = of("local_id")
		}
		all, err = list(ctx, c, bookings.scan, found+" ORDER BY date, id LIMIT +?7",
			blob(user), at, item, textOrNull(string(a.Status)), milliOrNull(a.From), milliOrNull(a.To), limited(limit))
		return err
	})
	return all, err
}

// due and lapsed select the reservations that are due by ?1, and those that have lapsed by then, up
// to the limit ?2. They name the index, because SQLite would otherwise read all reservations of the
// status, and sort them.
const (
	due = `SELECT id FROM reservations INDEXED BY reservations_due
		WHERE status = 'accepted' AND end_date <= ?1 ORDER BY end_date, id LIMIT +?2`
	lapsed = `SELECT id FROM reservations INDEXED BY reservations_lapsing
		WHERE status = 'pending' AND date <= ?1 ORDER BY date, id LIMIT +?2`
)

func (repo reservationsRepository) Due(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, due, now, limit)
}

func (repo reservationsRepository) Lapsed(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	return repo.first(ctx, lapsed, now, limit)
}

// first lists what due or lapsed selects.
func (repo reservationsRepository) first(
	ctx context.Context, of string, now time.Time, limit int,
) (all []id.Reservation, err error) {
	err = repo.read(ctx, func(c *conn) (err error) {
		all, err = list(ctx, c, func(r *row, due *id.Reservation) { *due = r.id() }, of, milli(now), limited(limit))
		return err
	})
	return all, err
}
