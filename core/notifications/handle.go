package notifications

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/users"
)

// SubscriberName is the name of the Subscriber.
const SubscriberName = "notifications"

// Subscriber returns the subscriber that stores the notices that are due because of an event. It mails nothing
// itself: see Run. It begins with the oldest event. An event may be handled more than once; a mail that
// was sent is then sent again.
func (s *Service) Subscriber() events.Subscriber {
	return events.Subscriber{
		Name: SubscriberName, FromOldest: true, Prepare: s.prepare,
		Types: []events.Type{
			events.TypeMessageSent, events.TypeMessageRead, events.TypeReservationProposed, events.TypeReservationAccepted,
			events.TypeReservationDeclined, events.TypeReservationCancelled, events.TypeReservationExpired,
			events.TypeReservationCompleted, events.TypeReservationReminded, events.TypeReportMoved, events.TypeUserSanctioned,
		},
	}
}

// prepare reads the attendances that a batch needs.
func (s *Service) prepare(ctx context.Context, batch []events.Event) (func(context.Context, events.Event) error, error) {
	of, err := s.attendances(ctx, attenders(batch)...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e events.Event) error { return s.handle(ctx, e, of) }, nil
}

// handle handles an event of a batch whose attendances are given. It notes in them what it changes.
func (s *Service) handle(ctx context.Context, e events.Event, of attendances) error {
	switch d := e.Data.(type) {
	case events.MessageSent:
		return s.messageSent(ctx, d, e.At, of)
	case events.MessageRead:
		return s.attended(ctx, d.ReaderID, e.At, of)
	case events.ReservationProposed:
		return s.notify(ctx, ReservationProposed, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReservationAccepted:
		if err := s.remindLater(ctx, d.Reservation); err != nil {
			return err
		}
		return s.notify(ctx, ReservationAccepted, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReservationDeclined:
		return s.notify(ctx, ReservationDeclined, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReservationCancelled:
		if err := s.drop(ctx, reminderOf(d.Reservation)); err != nil {
			return err
		}
		return s.notify(ctx, ReservationCancelled, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReservationExpired:
		return s.notify(ctx, ReservationExpired, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReservationCompleted:
		return s.drop(ctx, reminderOf(d.Reservation))
	case events.ReservationReminded:
		return s.notify(ctx, ReservationReminder, id.Subject(d.ReservationID), e.At, others(d.Reservation)...)
	case events.ReportMoved:
		if status := moderation.Status(d.Status); status == moderation.Resolved || status == moderation.Dismissed {
			return s.notify(ctx, ReportDecided, id.Subject(d.ReportID), e.At, d.ReporterID)
		}
	case events.UserSanctioned:
		return s.notify(ctx, Sanction, id.Subject(d.SanctionID), e.At, d.UserID)
	}
	return nil
}

// others returns the participants of a reservation who did not act: both if neither did.
func others(r events.Reservation) []id.User {
	return slices.DeleteFunc([]id.User{r.VoyagerID, r.LocalID}, func(user id.User) bool { return user == r.ByID })
}

// notify adds a notice that is due immediately for each user.
func (s *Service) notify(ctx context.Context, kind Kind, subject id.Subject, at time.Time, to ...id.User) error {
	for _, user := range to {
		n := Notice{UserID: user, Kind: kind, SubjectID: subject, DueAt: at, CreatedAt: at}
		if err := s.add(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// add adds a notice, unless its user is erased or does not want mail of its kind.
func (s *Service) add(ctx context.Context, n Notice) error {
	return s.addUnless(ctx, n, func(context.Context, Tx) (bool, error) { return false, nil })
}

// addUnless is add, unless needless reports that the notice is needless.
func (s *Service) addUnless(ctx context.Context, n Notice, needless func(ctx context.Context, tx Tx) (bool, error)) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := pin(ctx, tx, n.UserID)
		if err != nil || u.Erased {
			return err
		}
		if needless, err := needless(ctx, tx); err != nil || needless {
			return err
		}
		if wanted, err := wants(ctx, tx, n.UserID, n.Kind); err != nil || !wanted {
			return err
		}
		return tx.Notifications().AddNotice(ctx, n)
	})
	if err != nil {
		return fmt.Errorf("note that mail about %s is due: %w", n.Kind, err)
	}
	return nil
}

func pin(ctx context.Context, tx Tx, user id.User) (users.User, error) {
	pinned, err := tx.Users().Pin(ctx, user)
	if err != nil {
		return users.User{}, fmt.Errorf("pin a user: %w", err)
	}
	return pinned[0], nil
}

// wants reports whether a user wants mail of a kind.
func wants(ctx context.Context, tx Tx, user id.User, kind Kind) (bool, error) {
	if !kind.Optional() {
		return true, nil
	}
	p, err := PreferencesOf(ctx, tx, user)
	return p[kind] == Mail, err
}

// reminderOf returns the notice that makes the participants of a reservation be reminded, with its
// key alone. It is of the voyager, whose erasure cancels the reservation.
func reminderOf(r events.Reservation) Notice {
	return Notice{UserID: r.VoyagerID, Kind: remind, SubjectID: id.Subject(r.ReservationID)}
}

// remindLater adds the notice that makes a reservation be reminded of. When that was done, the
// notice stays until the reservation ends, so that it is done once.
func (s *Service) remindLater(ctx context.Context, r events.Reservation) error {
	err := s.deps.Store.Do(ctx, func(ctx context.Context, tx Tx) error {
		u, err := pin(ctx, tx, r.VoyagerID)
		if err != nil || u.Erased {
			return err
		}
		booked, err := tx.Reservations().Reservation(ctx, r.ReservationID)
		if err != nil {
			return err
		}
		n := reminderOf(r)
		n.DueAt, n.CreatedAt = booked.Date.Add(-s.deps.Policy.RemindBefore), booked.UpdatedAt
		if booked.Status != reservations.Accepted || !booked.UpdatedAt.Before(n.DueAt) {
			return nil
		}
		return tx.Notifications().AddNotice(ctx, n)
	})
	if err != nil {
		return fmt.Errorf("note when to remind of a reservation: %w", err)
	}
	return nil
}

// drop removes a notice, also while ctx ends.
func (s *Service) drop(ctx context.Context, n Notice) error {
	err := s.deps.Store.Do(context.WithoutCancel(ctx), func(ctx context.Context, tx Tx) error {
		return tx.Notifications().DropNotice(ctx, n)
	})
	if err != nil {
		return fmt.Errorf("drop a notice: %w", err)
	}
	return nil
}
