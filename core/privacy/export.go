package privacy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/users"
)

// Export is all data of one user. Of other users it contains only what this user can see anyway. It
// contains no secrets, and no reports about the user.
//
// Its lists are read while they are ranged over, in batches, each in a short unit of work of its
// own, so that the memory that an export takes does not depend on its size. They have what was
// stored when the export was made, as it is when it is read, and nothing that was added later. They
// can be ranged over in any order, and more than once. A list ends with its first error, which it
// yields with a zero item: users.ErrNotSignedIn once users.Present returns it, and the errors of
// the store.
type Export struct {
	MadeAt        time.Time
	User          users.User
	Profile       matching.Profile    // with a zero ID if the user never saved one
	Interests     []matching.Interest // all picked interests, inactive ones included
	Wallet        reservations.Funds
	Notifications notifications.Preferences
	SeenAt        time.Time                            // when the user was here last; zero if it is not known
	Transactions  iter.Seq2[tokens.Transaction, error] // newest first
	Conversations iter.Seq2[Conversation, error]       // newest activity first
	Reservations  iter.Seq2[reservations.View, error]
	Reports       iter.Seq2[moderation.FiledReport, error] // filed by the user; without the reviewer and the notes
	Blocks        iter.Seq2[matching.BlockedPerson, error]
	Sessions      iter.Seq2[users.Session, error]
	Sanctions     iter.Seq2[moderation.Sanction, error]    // against the user; without the admins
	Acts          iter.Seq2[moderation.AuditRecord, error] // of admins on the account; without the admin
}

// Conversation is one conversation with all its messages.
type Conversation struct {
	Overview messaging.Overview
	Messages iter.Seq2[Message, error] // newest first
}

// Message is one message with its image. Image reads the image, each time again; it is nil if the
// message has none. It returns messaging.ErrImagesBusy (wrapped) if the image is from before images
// were cleaned, and the decoder had no room for it for MaxBusy.
type Message struct {
	Message messaging.Message
	Image   func() (messaging.Attachment, error)
}

// Export returns all data of the caller, whose SessionID may be zero. The lists of the Export are
// read with the same context. Errors: users.ErrNotSignedIn.
func (s *Service) Export(ctx context.Context, caller users.Caller) (Export, error) {
	r := reader{service: s, ctx: ctx, by: caller, caller: caller.UserID}
	e, err := r.begin()
	if err != nil {
		return Export{}, fmt.Errorf("export: %w", err)
	}
	return e, nil
}

// reader reads the data of one user, the caller.
type reader struct {
	service *Service
	ctx     context.Context // of the export and its lists, which are ranged over without one
	by      users.Caller
	caller  id.User      // of by
	mark    *page.Moment // where lists in the order of time, newest first, begin: see until
}

// begin reads the parts that are not lists, and the positions at which the lists begin.
func (r *reader) begin() (e Export, err error) {
	var lastEntry *int64
	err = r.service.deps.Store.Snapshot(r.ctx, func(ctx context.Context, tx Tx) (err error) {
		e = Export{MadeAt: r.service.deps.Clock.Now()}
		if e.User, err = users.Present(ctx, tx, r.by); err != nil {
			return err
		}
		if e.Profile, e.Interests, err = r.profile(ctx, tx); err != nil {
			return err
		}
		if e.Wallet, err = reservations.FundsOf(ctx, tx, r.caller); err != nil {
			return err
		}
		if e.Notifications, err = notifications.PreferencesOf(ctx, tx, r.caller); err != nil {
			return err
		}
		attended, err := tx.Notifications().Attendances(ctx, r.caller)
		if err != nil {
			return fmt.Errorf("read a presence: %w", err)
		}
		e.SeenAt = attended[r.caller].SeenAt
		lastEntry, err = r.lastEntry(ctx, tx)
		return err
	})
	if err != nil {
		return Export{}, err
	}
	r.mark = until(e.MadeAt)
	talks, err := r.talks(e.MadeAt)
	if err != nil {
		return Export{}, err
	}

	e.Transactions = listed(r, "list transactions", lastEntry, tokens.Place,
		func(ctx context.Context, tx Tx, below *int64, limit int) ([]tokens.Transaction, error) {
			return tx.Tokens().Transactions(ctx, r.caller, below, limit)
		})
	e.Conversations = r.conversations(talks)
	e.Reservations = listed(r, "list reservations", r.mark, reservations.PlaceOfView,
		func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]reservations.View, error) {
			all, err := tx.Reservations().Of(ctx, r.caller, "", after, limit)
			if err != nil {
				return nil, err
			}
			return reservations.Views(ctx, tx, r.caller, all...)
		})
	e.Reports = listed(r, "list reports", r.mark, func(f moderation.FiledReport) page.Moment {
		return moderation.PlaceOfReport(f.Report)
	}, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]moderation.FiledReport, error) {
		return moderation.FiledReports(ctx, tx, r.caller, after, limit)
	})
	e.Blocks = listed(r, "list blocks", r.mark, matching.PlaceOfBlocked,
		func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]matching.BlockedPerson, error) {
			return matching.BlocksOf(ctx, tx, r.caller, after, limit)
		})
	e.Sessions = listed(r, "list sessions", r.mark, users.PlaceOfSession,
		func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]users.Session, error) {
			return tx.Users().Sessions(ctx, r.caller, users.SessionFilter{}, after, limit)
		})
	e.Sanctions = each(listed(r, "list sanctions", r.mark, moderation.PlaceOfSanction,
		func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]moderation.Sanction, error) {
			return tx.Moderation().Sanctions(ctx, r.caller, after, limit)
		}), moderation.Sanction.ForUser)
	e.Acts = each(listed(r, "list audit records", r.mark, moderation.PlaceOfAudit,
		func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]moderation.AuditRecord, error) {
			return tx.Moderation().Audits(ctx, id.Subject(r.caller), after, limit)
		}), withoutActor)
	return e, nil
}

// until returns the position before the first row that is not later than a time, in a list in the
// order of time, newest first.
func until(at time.Time) *page.Moment { return &page.Moment{At: at.Add(time.Millisecond)} }

// batch runs fn in a unit of work that only reads, if the caller is still signed in.
func (r *reader) batch(what string, fn func(ctx context.Context, tx Tx) error) error {
	err := r.service.deps.Store.View(r.ctx, func(ctx context.Context, tx Tx) error {
		if _, err := users.Present(ctx, tx, r.by); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("export: %s: %w", what, err)
	}
	return nil
}

// listed returns a list that is read from a position.
func listed[T, P any](r *reader, what string, from *P, position func(T) P,
	fetch func(ctx context.Context, tx Tx, after *P, limit int) ([]T, error),
) iter.Seq2[T, error] {
	return page.Each(from, position, func(after *P, limit int) (items []T, err error) {
		err = r.batch(what, func(ctx context.Context, tx Tx) (err error) {
			items, err = fetch(ctx, tx, after, limit)
			return err
		})
		return items, err
	})
}

// each returns a list with the results of f for its items.
func each[T any](items iter.Seq2[T, error], f func(T) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			if err == nil {
				item = f(item)
			}
			if !yield(item, err) {
				return
			}
		}
	}
}

func (r *reader) profile(ctx context.Context, tx Tx) (matching.Profile, []matching.Interest, error) {
	p, interests, err := tx.Matching().Profile(ctx, r.caller)
	if errors.Is(err, fault.NotFound) {
		return matching.Profile{UserID: r.caller}, nil, nil
	}
	if err != nil {
		return matching.Profile{}, nil, fmt.Errorf("read a profile: %w", err)
	}
	return p, interests, nil
}

// lastEntry returns the position before the latest transaction.
func (r *reader) lastEntry(ctx context.Context, tx Tx) (*int64, error) {
	last, err := tx.Tokens().Transactions(ctx, r.caller, nil, 1)
	if err != nil {
		return nil, fmt.Errorf("read the latest transaction: %w", err)
	}
	if len(last) == 0 {
		return new(int64(1)), nil
	}
	return new(tokens.Place(last[0]) + 1), nil
}

func withoutActor(a moderation.AuditRecord) moderation.AuditRecord {
	a.ActorID = id.User{}
	return a
}
