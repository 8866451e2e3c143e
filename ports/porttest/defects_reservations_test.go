package porttest_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
)

// seconds truncates times to seconds.
type seconds struct{ reservations.Repository }

func (r seconds) Add(ctx context.Context, v reservations.Reservation) error {
	v.Date, v.EndDate = v.Date.Truncate(time.Second), v.EndDate.Truncate(time.Second)
	return r.Repository.Add(ctx, v)
}

// closedEnds reports two adjacent reservations as an overlap.
type closedEnds struct{ reservations.Repository }

func (r closedEnds) Move(
	ctx context.Context, moving reservations.Reservation, to reservations.Status, at time.Time,
) (reservations.MoveResult, error) {
	accepted, err := r.Of(ctx, moving.LocalID, reservations.Accepted, nil, 1000)
	if err != nil {
		return 0, err
	}
	for _, a := range accepted {
		if to == reservations.Accepted && (a.EndDate.Equal(moving.Date) || a.Date.Equal(moving.EndDate)) {
			return reservations.Overlaps, nil
		}
	}
	return r.Repository.Move(ctx, moving, to, at)
}

// readsBalance is a FundsReader that reads the balance alone.
type readsBalance struct{ reservations.Repository }

func (r readsBalance) Funds(ctx context.Context, user id.User) (reservations.Funds, error) {
	f, err := r.Repository.(reservations.FundsReader).Funds(ctx, user) //nolint:forcetypeassert // the memory adapter is one
	f.Held = 0
	return f, err
}

// overlapDone reports an overlap as Done.
type overlapDone struct{ reservations.Repository }

func (r overlapDone) Move(
	ctx context.Context, moving reservations.Reservation, to reservations.Status, at time.Time,
) (reservations.MoveResult, error) {
	moved, err := r.Repository.Move(ctx, moving, to, at)
	if moved == reservations.Overlaps {
		moved = reservations.Done
	}
	return moved, err
}

// lapsesAtTheEnd lists a pending reservation as lapsed after its end date, and not after its date.
type lapsesAtTheEnd struct{ reservations.Repository }

func (r lapsesAtTheEnd) Lapsed(ctx context.Context, now time.Time, limit int) ([]id.Reservation, error) {
	lapsed, err := r.Repository.Lapsed(ctx, now, limit)
	var ended []id.Reservation
	for _, reservation := range lapsed {
		there, err := r.Reservation(ctx, reservation)
		if err != nil {
			return nil, err
		}
		if !there.EndDate.After(now) {
			ended = append(ended, reservation)
		}
	}
	return ended, err
}

// beginsWithin lists only the reservations that begin in the interval of an agenda.
type beginsWithin struct{ reservations.Repository }

func (r beginsWithin) Agenda(
	ctx context.Context, user id.User, a reservations.Agenda, after *page.Moment, limit int,
) ([]reservations.Reservation, error) {
	found, err := r.Repository.Agenda(ctx, user, a, after, limit)
	return slices.DeleteFunc(found, func(r reservations.Reservation) bool { return r.Date.Before(a.From) }), err
}

// onlyPending lists only pending reservations if all statuses are selected.
type onlyPending struct{ reservations.Repository }

func (r onlyPending) All(
	ctx context.Context, status reservations.Status, after *page.Moment, limit int,
) ([]reservations.Reservation, error) {
	return r.Repository.All(ctx, cmp.Or(status, reservations.Pending), after, limit)
}
