package reservations

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/users"
)

// View is a reservation as one of its participants sees it.
type View struct {
	Reservation
	Other matching.Person // the other participant
}

// PlaceOfView returns the position of a View in a list ordered by time of creation.
func PlaceOfView(v View) page.Moment { return Place(v.Reservation) }

// other returns the participant who is not user.
func (r Reservation) other(user id.User) id.User {
	if user == r.VoyagerID {
		return r.LocalID
	}
	return r.VoyagerID
}

// Views returns reservations as one participant of all of them sees them, inside a unit of work.
func Views(ctx context.Context, tx Tx, participant id.User, all ...Reservation) ([]View, error) {
	others := make([]id.User, len(all))
	for i, r := range all {
		others[i] = r.other(participant)
	}
	people, err := matching.PeopleSeen(ctx, tx, participant, others...)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(all))
	for i, r := range all {
		views[i] = View{Reservation: r, Other: people[others[i]]}
	}
	return views, nil
}

// view is Views for one reservation.
func view(ctx context.Context, tx Tx, participant id.User, r Reservation) (View, error) {
	views, err := Views(ctx, tx, participant, r)
	if err != nil {
		return View{}, err
	}
	return views[0], nil
}

// ViewOf returns a reservation as a participant sees it, inside a unit of work. Errors: ErrNotFound
// if there is no such reservation, or if the user is not a participant.
func ViewOf(ctx context.Context, tx Tx, participant id.User, reservation id.Reservation) (View, error) {
	r, err := tx.Reservations().Reservation(ctx, reservation)
	if errors.Is(err, fault.NotFound) || err == nil && !r.Has(participant) {
		return View{}, ErrNotFound
	}
	if err != nil {
		return View{}, fmt.Errorf("read a reservation: %w", err)
	}
	return view(ctx, tx, participant, r)
}

// Reservation returns one reservation. Errors: ErrNotFound.
func (s *Service) Reservation(ctx context.Context, caller id.User, reservation id.Reservation) (View, error) {
	var v View
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := users.CheckActive(ctx, tx, caller); err != nil {
			return err
		}
		v, err = ViewOf(ctx, tx, caller, reservation)
		return err
	})
	return v, err
}

// viewed lists reservations of the caller as they see them.
func (s *Service) viewed(
	ctx context.Context, caller id.User, r page.Request[page.Moment], place func(Reservation) page.Moment,
	allow func(context.Context, Tx) error,
	fetch func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]Reservation, error),
) (page.Page[View, page.Moment], error) {
	placeOfView := func(v View) page.Moment { return place(v.Reservation) }
	return list(ctx, s, r, placeOfView, allow, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]View, error) {
		all, err := fetch(ctx, tx, after, limit)
		if err != nil {
			return nil, err
		}
		return Views(ctx, tx, caller, all...)
	})
}
