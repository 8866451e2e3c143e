package reservations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
)

// Settle completes every accepted reservation whose end date has passed and pays the local, and
// expires every pending one whose date has passed. It returns the number of reservations that it
// moved. Each is moved in its own unit of work. If some fail, Settle continues with the others, and
// then returns the errors joined. It may run at any time, and concurrently in several processes.
func (s *Service) Settle(ctx context.Context) (int, error) {
	begun := s.deps.Clock.Now()
	settled, err := s.settleDue(ctx)
	if err == nil {
		s.settledUntil.Store(begun.UnixMilli())
	}
	return settled, err
}

// SettledUntil returns a time before which nothing is due that is not settled: when the last call
// of Settle in this process began that settled everything. It is zero if there was none.
func (s *Service) SettledUntil() time.Time {
	at := s.settledUntil.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMilli(at).UTC()
}

func (s *Service) settleDue(ctx context.Context) (int, error) {
	const batch = 100
	settled := 0
	var failed []error
	for {
		due, err := s.due(ctx, batch+len(failed))
		if err != nil {
			return settled, errors.Join(append(failed, fmt.Errorf("look for reservations to settle: %w", err))...)
		}
		progress := false
		failed = failed[:0]
		for _, reservation := range due {
			done, err := s.settle(ctx, reservation)
			switch {
			case err != nil && ctx.Err() != nil:
				return settled, fmt.Errorf("settle: %w", err)
			case err != nil:
				failed = append(failed, fmt.Errorf("settle reservation %s: %w", reservation, err))
			case done:
				settled++
			}
			progress = progress || err == nil
		}
		if !progress || len(due) < batch {
			return settled, errors.Join(failed...)
		}
	}
}

// due returns up to limit reservations that must be completed, and up to limit that must expire.
func (s *Service) due(ctx context.Context, limit int) (due []id.Reservation, err error) {
	err = s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) error {
		now := s.deps.Clock.Now()
		ended, err := tx.Reservations().Due(ctx, now, limit)
		if err != nil {
			return err
		}
		lapsed, err := tx.Reservations().Lapsed(ctx, now, limit)
		due = append(ended, lapsed...)
		return err
	})
	return due, err
}

func (s *Service) settle(ctx context.Context, reservation id.Reservation) (done bool, err error) {
	err = s.deps.Store.Do(events.WithoutRefusal(ctx), func(ctx context.Context, tx Tx) error {
		// Held, so that one of several settlers moves it and the others see the new status.
		r, err := tx.Reservations().Hold(ctx, reservation)
		if err != nil {
			return fmt.Errorf("hold a reservation: %w", err)
		}
		now := s.deps.Clock.Now()
		done = true
		switch {
		case r.ended(now):
			_, err := s.end(ctx, tx, r, Completed, now, id.User{})
			return err
		case r.lapsed(now):
			_, err := s.change(ctx, tx, r, Expired, now, id.User{})
			return err
		}
		done = false // another process has settled it
		return nil
	})
	return done && err == nil, err
}

// end moves an accepted reservation to Cancelled or Completed, and posts its tokens to the voyager
// or the local. by is the participant who acts, or zero.
func (s *Service) end(ctx context.Context, tx Tx, r Reservation, to Status, now time.Time, by id.User) (Reservation, error) {
	r, err := s.change(ctx, tx, r, to, now, by)
	if err != nil {
		return Reservation{}, err
	}
	freed := refund(r)
	if to == Completed {
		freed = movement(r, r.LocalID, r.Tokens, tokens.ActivityReceipt, "activity completed")
	}
	_, err = s.deps.Ledger.Post(ctx, tx, now, freed)
	return r, err
}

// RunSettler calls Settle immediately and then every Policy.SettleEvery, until ctx ends. It then
// returns nil. It passes errors to report; the next call of Settle tries again.
func (s *Service) RunSettler(ctx context.Context, report func(error)) error {
	every := time.NewTicker(s.deps.Policy.SettleEvery)
	defer every.Stop()
	for {
		if _, err := s.Settle(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// CancelAllOf cancels the reservations of a user who is erased: pending ones, and accepted ones
// that have not begun. The others are settled as usual. The unit holds the user. CancelAllOf does
// not post the refunds of the voyagers; it returns them, so that the unit posts all its movements
// together, which holds the wallets in order. Events get their identifiers from ids.
func CancelAllOf(ctx context.Context, tx Tx, ids id.Source, now clock.Clock, user id.User) (refunds []tokens.Movement, err error) {
	open, err := openOf(ctx, tx, user)
	if err != nil {
		return nil, err
	}
	held := make([]Reservation, len(open))
	for i, reservation := range open {
		if held[i], err = tx.Reservations().Hold(ctx, reservation); err != nil {
			return nil, fmt.Errorf("hold a reservation: %w", err)
		}
	}
	at := now.Now()
	for _, r := range held {
		if r.Status != Pending && (r.Status != Accepted || !at.Before(r.Date)) {
			continue
		}
		cancelled, err := change(ctx, tx, ids, r, Cancelled, at, user)
		if err != nil {
			return nil, err
		}
		if r.Status == Accepted {
			refunds = append(refunds, refund(cancelled))
		}
	}
	return refunds, nil
}

// openOf returns the pending and accepted reservations of a user, by id. It reads pending ones
// first, so that a reservation that is accepted meanwhile is in at least one of the two lists.
func openOf(ctx context.Context, tx Tx, user id.User) ([]id.Reservation, error) {
	var open []id.Reservation
	for _, status := range []Status{Pending, Accepted} {
		list, err := page.All(Place, func(after *page.Moment, limit int) ([]Reservation, error) {
			return tx.Reservations().Of(ctx, user, status, after, limit)
		})
		if err != nil {
			return nil, fmt.Errorf("list reservations: %w", err)
		}
		for _, r := range list {
			open = append(open, r.ID)
		}
	}
	slices.SortFunc(open, id.Reservation.Compare)
	return slices.Compact(open), nil
}
