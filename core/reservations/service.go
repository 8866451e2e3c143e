package reservations

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/page"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
)

// Policy is the decisions of a community about reservations.
type Policy struct {
	Rate        Rate          // tokens per unit of price; default 1
	MaxLead     time.Duration // how far ahead the date of a proposal may lie, above 0; default 365 days
	MaxLength   time.Duration // longest time from the date of a proposal to its end, above 0; default 30 days
	SettleEvery time.Duration // interval of RunSettler; default 1 s, so that settlement comes within 5 s

	MaxProposed int // new reservations that a user proposes in any 24 hours, at least 1; default 100
	MaxPending  int // pending reservations of a conversation, at least 1; default 10

	// MaxUnanswered is how many pending reservations a user has in a conversation before the other has
	// ever written to them, at least 1; default 3.
	MaxUnanswered int
}

// DefaultPolicy returns the default of each field.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{
		Rate: OneToOne(), MaxLead: 365 * day, MaxLength: 30 * day, SettleEvery: time.Second,
		MaxProposed: 100, MaxPending: 10, MaxUnanswered: 3,
	}
}

// Deps are the parts of a Service. All are needed. services.New makes them for all services.
type Deps struct {
	Store  *uow.Store[Tx]
	Ledger *tokens.Ledger
	Clock  clock.Clock
	IDs    id.Source
	Policy Policy
}

// Service is for the two participants of a conversation, who agree on activities. Its methods
// return users.ErrNotSignedIn if the account of the caller is not active, and an error of kind
// fault.NotFound if the caller, even an admin, is not a participant. The methods All and End are
// for admins, who need not be participants.
type Service struct {
	deps         Deps
	settledUntil atomic.Int64 // in milliseconds since 1970; 0 if nothing was settled yet
}

// NewService returns a Service, or an error that names the parts that are missing.
func NewService(d Deps) (*Service, error) {
	if err := fault.Missing("reservations", d); err != nil {
		return nil, err
	}
	return &Service{deps: d}, nil
}

// Policy returns the policy that the service was made with.
func (s *Service) Policy() Policy { return s.deps.Policy }

// Proposal is an activity that one participant of a conversation proposes to the other.
type Proposal struct {
	Title   string
	Price   Price
	Date    time.Time // in the future, at most Policy.MaxLead ahead
	EndDate time.Time // after Date, by at most Policy.MaxLength
}

// Check adds an error to f for each field of a proposal that breaks a rule at present.
func (s *Service) Check(f *fault.Fields, p Proposal) {
	p.Date, p.EndDate = clock.Truncate(p.Date), clock.Truncate(p.EndDate)
	p.prepared(f, s.deps.Clock.Now(), s.deps.Policy)
}

// kept is what is kept of a reservation that was proposed or moved: its id, and the fields that
// later moves change.
type kept struct {
	ID        id.Reservation
	Status    Status
	UpdatedAt time.Time
}

// form keeps a reservation as kept, and recalls it as the caller sees it, with its status of that
// time.
func form(caller id.User) idempotency.Form[Tx, View] {
	return idempotency.Part(func(v View) kept {
		return kept{v.ID, v.Status, v.UpdatedAt}
	}, func(ctx context.Context, tx Tx, k kept) (View, error) {
		v, err := ViewOf(ctx, tx, caller, k.ID)
		if err != nil {
			return View{}, err
		}
		v.Status, v.UpdatedAt = k.Status, k.UpdatedAt
		return v, nil
	})
}

// Accept accepts a pending reservation. The voyager pays, and the tokens are held. Errors:
// ErrNotFound, messaging.ErrClosed, ErrStatus, ErrOverlap, tokens.ErrTooFewTokens,
// idempotency.ErrKeyReused.
func (s *Service) Accept(ctx context.Context, caller id.User, reservation id.Reservation, key idempotency.Key) (View, error) {
	return s.move(ctx, caller, reservation, key, "reservations.Accept", s.atOnce(caller, reservation, acceptance), s.accept)
}

func (s *Service) accept(ctx context.Context, tx Tx, caller id.User, r Reservation, standing messaging.Standing) (Reservation, error) {
	now := s.deps.Clock.Now()
	if err := r.mayBeAccepted(caller, now); err != nil {
		return Reservation{}, err
	}
	if err := standing.Open(); err != nil {
		return Reservation{}, err
	}
	r, err := s.change(ctx, tx, r, Accepted, now, caller)
	if err != nil {
		return Reservation{}, err
	}
	_, err = s.deps.Ledger.Post(ctx, tx, now, payment(r))
	return r, err
}

// Decline declines a pending reservation. Errors: ErrNotFound, ErrStatus, idempotency.ErrKeyReused.
func (s *Service) Decline(ctx context.Context, caller id.User, reservation id.Reservation, key idempotency.Key) (View, error) {
	return s.move(ctx, caller, reservation, key, "reservations.Decline", nil,
		func(ctx context.Context, tx Tx, caller id.User, r Reservation, _ messaging.Standing) (Reservation, error) {
			if err := r.mayBeDeclined(caller); err != nil {
				return Reservation{}, err
			}
			return s.change(ctx, tx, r, Declined, s.deps.Clock.Now(), caller)
		})
}

// Cancel cancels a reservation that the caller proposed and that is pending, or one that is
// accepted: the voyager before its date, the local until it is completed. It refunds the tokens of
// an accepted one. Errors: ErrNotFound, ErrStatus, idempotency.ErrKeyReused.
func (s *Service) Cancel(ctx context.Context, caller id.User, reservation id.Reservation, key idempotency.Key) (View, error) {
	return s.move(ctx, caller, reservation, key, "reservations.Cancel", s.atOnce(caller, reservation, cancellation),
		func(ctx context.Context, tx Tx, caller id.User, r Reservation, _ messaging.Standing) (Reservation, error) {
			now := s.deps.Clock.Now()
			if err := r.mayBeCancelled(caller, now); err != nil {
				return Reservation{}, err
			}
			if r.Status == Pending {
				return s.change(ctx, tx, r, Cancelled, now, caller)
			}
			return s.end(ctx, tx, r, Cancelled, now, caller)
		})
}

// move runs the function do, for an active participant, in a unit of work. fast is its fast form,
// or nil.
func (s *Service) move(ctx context.Context, caller id.User, reservation id.Reservation, key idempotency.Key, operation string,
	fast idempotency.Fast[Tx, View],
	do func(context.Context, Tx, id.User, Reservation, messaging.Standing) (Reservation, error),
) (View, error) {
	v, _, err := idempotency.RunFast(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: operation, Values: reservation,
	}, users.RequireActive[Tx](caller), fast, func(ctx context.Context, tx Tx) (View, error) {
		r, standing, err := enter(ctx, tx, caller, reservation)
		if err != nil {
			return View{}, err
		}
		if r, err = do(ctx, tx, caller, r, standing); err != nil {
			return View{}, err
		}
		return view(ctx, tx, caller, r)
	}, form(caller))
	if err != nil {
		return View{}, fmt.Errorf("%s: %w", operation, err)
	}
	return v, nil
}

// enter returns a reservation, and the standing of its conversation, if the caller is an active
// participant.
func enter(ctx context.Context, tx Tx, caller id.User, reservation id.Reservation) (Reservation, messaging.Standing, error) {
	r, err := tx.Reservations().Reservation(ctx, reservation)
	if errors.Is(err, fault.NotFound) {
		return Reservation{}, messaging.Standing{}, ErrNotFound
	}
	if err != nil {
		return Reservation{}, messaging.Standing{}, fmt.Errorf("read a reservation: %w", err)
	}
	standing, err := messaging.Enter(ctx, tx, caller, r.ConversationID)
	if errors.Is(err, messaging.ErrNotFound) {
		return Reservation{}, messaging.Standing{}, ErrNotFound
	}
	return r, standing, err
}

// change moves a reservation from the status that this unit read, and adds the event. by is the
// participant who acts, or zero. If another unit has moved the reservation meanwhile, change returns
// uow.ErrConflict, so that the unit runs again and checks the new status.
func (s *Service) change(ctx context.Context, tx Tx, r Reservation, to Status, now time.Time, by id.User) (Reservation, error) {
	return change(ctx, tx, s.deps.IDs, r, to, now, by)
}

func change(
	ctx context.Context, tx Tx, ids id.Source, r Reservation, to Status, now time.Time, by id.User,
) (Reservation, error) {
	moved, err := tx.Reservations().Move(ctx, r, to, now)
	switch {
	case err != nil:
		return Reservation{}, fmt.Errorf("move a reservation: %w", err)
	case moved == Overlaps:
		return Reservation{}, ErrOverlap
	case moved == Stale:
		return Reservation{}, fmt.Errorf("move a reservation that another unit has moved: %w", uow.ErrConflict)
	}
	seq := r.Status.MovedSeq()
	r.Status, r.UpdatedAt = to, now
	return r, tell(ctx, tx, ids, r, seq, by)
}

func movement(r Reservation, user id.User, amount int64, t tokens.Type, reason string) tokens.Movement {
	return tokens.Movement{UserID: user, Amount: amount, Type: t, Reason: reason, Metadata: tokens.Reference("reservation_id", r.ID)}
}

func payment(r Reservation) tokens.Movement {
	return movement(r, r.VoyagerID, -r.Tokens, tokens.ActivityPayment, "activity accepted")
}

func refund(r Reservation) tokens.Movement {
	return movement(r, r.VoyagerID, r.Tokens, tokens.Refund, "activity cancelled")
}

// InConversation lists the reservations of a conversation, newest first. Errors:
// messaging.ErrNotFound.
func (s *Service) InConversation(ctx context.Context, caller id.User, conversation id.Conversation, r page.Request[page.Moment]) (page.Page[View, page.Moment], error) {
	return s.viewed(ctx, caller, r, Place, func(ctx context.Context, tx Tx) error {
		_, err := messaging.Enter(ctx, tx, caller, conversation)
		return err
	}, func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]Reservation, error) {
		return tx.Reservations().InConversation(ctx, conversation, after, limit)
	})
}

// Mine lists the caller's reservations that a selects, in all conversations, by (date, id), the
// earliest first. It truncates the times of a to the millisecond. Errors: fault.Invalid with the
// names of the fields.
func (s *Service) Mine(
	ctx context.Context, caller id.User, a Agenda, r page.Request[page.Moment],
) (page.Page[View, page.Moment], error) {
	a.From, a.To = clock.Truncate(a.From), clock.Truncate(a.To)
	var f fault.Fields
	a.Check(&f)
	if err := f.Err(); err != nil {
		return page.Page[View, page.Moment]{}, err
	}
	return s.viewed(ctx, caller, r, PlaceByDate, users.RequireActive[Tx](caller), func(
		ctx context.Context, tx Tx, after *page.Moment, limit int,
	) ([]Reservation, error) {
		return tx.Reservations().Agenda(ctx, caller, a, after, limit)
	})
}

func list[T any](
	ctx context.Context, s *Service, r page.Request[page.Moment], place func(T) page.Moment,
	allow func(context.Context, Tx) error,
	fetch func(ctx context.Context, tx Tx, after *page.Moment, limit int) ([]T, error),
) (page.Page[T, page.Moment], error) {
	var p page.Page[T, page.Moment]
	err := s.deps.Store.View(ctx, func(ctx context.Context, tx Tx) (err error) {
		if err := allow(ctx, tx); err != nil {
			return err
		}
		p, err = page.Read(r, place, func(after *page.Moment, limit int) ([]T, error) {
			return fetch(ctx, tx, after, limit)
		})
		return err
	})
	return p, err
}
