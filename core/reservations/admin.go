package reservations

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

// Filter selects reservations of all users. A field with its zero value selects all.
type Filter struct {
	UserID id.User // one of the two participants
	Status Status
}

// Check adds an error to wrong for each field that breaks a rule.
func (f Filter) Check(wrong *fault.Fields) {
	if f.Status != "" {
		f.Status.Check(wrong)
	}
}

// All lists the selected reservations of all users, newest first, for an admin. Errors:
// fault.Invalid for an unknown status, users.ErrAdminsOnly.
func (s *Service) All(
	ctx context.Context, admin id.User, f Filter, r page.Request[page.Moment],
) (page.Page[Reservation, page.Moment], error) {
	var wrong fault.Fields
	f.Check(&wrong)
	if err := wrong.Err(); err != nil {
		return page.Page[Reservation, page.Moment]{}, err
	}
	return list(ctx, s, r, Place, isAdmin(admin), func(
		ctx context.Context, tx Tx, after *page.Moment, limit int,
	) ([]Reservation, error) {
		if f.UserID.IsZero() {
			return tx.Reservations().All(ctx, f.Status, after, limit)
		}
		return tx.Reservations().Of(ctx, f.UserID, f.Status, after, limit)
	})
}

func isAdmin(admin id.User) func(context.Context, Tx) error {
	return func(ctx context.Context, tx Tx) error {
		_, err := users.Admin(ctx, tx, admin)
		return err
	}
}

// Ending is the decision of an admin to end an accepted reservation.
type Ending struct {
	Status Status // Cancelled: its tokens go back to the voyager; Completed: they go to the local
	Reason string // 1 to moderation.MaxActReason characters
}

// Check adds an error to f for each field that breaks a rule.
func (e Ending) Check(f *fault.Fields) { e.prepared(f) }

// prepared returns the ending as it is stored, and adds an error to f for each field that
// breaks a rule.
func (e Ending) prepared(f *fault.Fields) Ending {
	f.Check(e.Status == Cancelled || e.Status == Completed, "status", "must be cancelled or completed")
	e.Reason = text.Line(f, "reason", e.Reason, text.Required, moderation.MaxActReason)
	return e
}

// End ends an accepted reservation at any time, for an admin, and adds an audit record with the
// reason. Errors: fault.Invalid with the names of the fields, users.ErrAdminsOnly, ErrNotFound,
// ErrStatus.
func (s *Service) End(ctx context.Context, admin id.User, reservation id.Reservation, e Ending) (Reservation, error) {
	var f fault.Fields
	e = e.prepared(&f)
	if err := f.Err(); err != nil {
		return Reservation{}, err
	}
	var r Reservation
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := isAdmin(admin)(ctx, tx); err != nil {
			return err
		}
		r, err = tx.Reservations().Hold(ctx, reservation)
		if errors.Is(err, fault.NotFound) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("hold a reservation: %w", err)
		}
		if r.Status != Accepted {
			return r.refuse("be ended by an admin", "only an accepted one can be")
		}
		now := s.deps.Clock.Now()
		if r, err = s.end(ctx, tx, r, e.Status, now, id.User{}); err != nil {
			return err
		}
		return moderation.Record(ctx, tx, s.deps.IDs, moderation.AuditRecord{
			ActorID: admin, Action: moderation.ActionReservationEnded, SubjectID: id.Subject(r.ID), Reason: e.Reason,
			Details: moderation.Details{"status": string(e.Status), "status_before": string(Accepted)}, CreatedAt: now,
		})
	})
	if err != nil {
		return Reservation{}, fmt.Errorf("end a reservation: %w", err)
	}
	return r, nil
}
