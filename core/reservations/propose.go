package reservations

import (
	"context"
	"fmt"
	"time"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/users"
)

// Propose creates a pending reservation. Its tokens are the price times the present rate, rounded
// up. Errors: fault.Invalid with the names of the fields, messaging.ErrNotFound,
// users.ErrRestricted, ErrTooManyProposed, messaging.ErrClosed, ErrTooManyPending,
// messaging.ErrUnanswered, idempotency.ErrKeyReused.
func (s *Service) Propose(ctx context.Context, caller id.User, conversation id.Conversation, p Proposal, key idempotency.Key) (View, error) {
	p.Date, p.EndDate = clock.Truncate(p.Date), clock.Truncate(p.EndDate)
	draft := Reservation{
		ConversationID: conversation, CreatorID: caller, Title: p.Title, Price: p.Price, Date: p.Date, EndDate: p.EndDate, Status: Pending,
	}
	var err error
	if draft.Tokens, err = p.Price.Tokens(s.deps.Policy.Rate); err != nil {
		return View{}, fmt.Errorf("price a reservation: %w", err)
	}
	v, _, err := idempotency.RunFast(ctx, s.deps.Store, s.deps.Clock, idempotency.Command{
		Owner: caller.String(), Key: key, Operation: "reservations.Propose", Values: []any{conversation, p},
	}, users.RequireActive[Tx](caller), s.proposeAtOnce(draft, p), func(ctx context.Context, tx Tx) (View, error) {
		// The input is checked here, not earlier, because the date must be in the future only for
		// the first call: a repeat with the same key returns the stored result at any later time.
		var f fault.Fields
		now := s.deps.Clock.Now()
		draft.Title = p.prepared(&f, now, s.deps.Policy).Title
		if err := f.Err(); err != nil {
			return View{}, err
		}
		r, err := s.propose(ctx, tx, draft, now)
		if err != nil {
			return View{}, err
		}
		return view(ctx, tx, caller, r)
	}, form(caller))
	if err != nil {
		return View{}, fmt.Errorf("propose a reservation: %w", err)
	}
	return v, nil
}

func (s *Service) propose(ctx context.Context, tx Tx, r Reservation, now time.Time) (Reservation, error) {
	standing, err := messaging.Enter(ctx, tx, r.CreatorID, r.ConversationID)
	if err != nil {
		return Reservation{}, err
	}
	c := standing.Conversation
	// The participants are held, so that no reservation is added for an erased user. The standing
	// is read again, because a participant may have been erased before that.
	creator, err := hold(ctx, tx, r.CreatorID, c.Other(r.CreatorID))
	if err != nil {
		return Reservation{}, err
	}
	if standing, err = messaging.Enter(ctx, tx, r.CreatorID, r.ConversationID); err != nil {
		return Reservation{}, err
	}
	if err := creator.CheckUnrestricted(now); err != nil {
		return Reservation{}, err
	}
	nth, err := tx.Reservations().NthProposed(ctx, r.CreatorID, s.deps.Policy.MaxProposed)
	if err := messaging.CheckQuota(nth, err, now, ErrTooManyProposed); err != nil {
		return Reservation{}, err
	}
	if err := standing.Open(); err != nil {
		return Reservation{}, err
	}
	if err := s.checkPending(ctx, tx, r.CreatorID, c); err != nil {
		return Reservation{}, err
	}
	r.ID, r.VoyagerID, r.LocalID = id.Reservation(s.deps.IDs.Next()), c.VoyagerID, c.LocalID
	r.CreatedAt, r.UpdatedAt = now, now
	if err := tx.Reservations().Add(ctx, r); err != nil {
		return Reservation{}, fmt.Errorf("add a reservation: %w", err)
	}
	return r, tell(ctx, tx, s.deps.IDs, r, proposedSeq, r.CreatorID)
}

// checkPending returns an error if a user may not have one more pending reservation in a
// conversation.
func (s *Service) checkPending(ctx context.Context, tx Tx, creator id.User, c messaging.Conversation) error {
	all, own, err := tx.Reservations().PendingIn(ctx, c.ID, creator, s.deps.Policy.MaxPending)
	switch {
	case err != nil:
		return fmt.Errorf("count pending reservations: %w", err)
	case all >= s.deps.Policy.MaxPending:
		return ErrTooManyPending
	case own < s.deps.Policy.MaxUnanswered:
		return nil
	}
	other, err := tx.Matching().Sight(ctx, creator, c.Other(creator))
	switch {
	case err != nil:
		return fmt.Errorf("look for an answer: %w", err)
	case !other.Wrote:
		return messaging.ErrUnanswered
	}
	return nil
}

// hold holds the account of the creator, which it returns, and pins that of the other participant,
// in ascending order of id. Units in which either of the two proposes therefore count the
// reservations one after the other.
func hold(ctx context.Context, tx Tx, creator, other id.User) (u users.User, err error) {
	held := func() (err error) {
		u, err = tx.Users().Hold(ctx, creator)
		return err
	}
	pinned := func() error {
		_, err := tx.Users().Pin(ctx, other)
		return err
	}
	if other.Compare(creator) < 0 {
		held, pinned = pinned, held
	}
	for _, hold := range []func() error{held, pinned} {
		if err := hold(); err != nil {
			return users.User{}, fmt.Errorf("hold the participants: %w", err)
		}
	}
	return u, nil
}

// Proposing is a reservation that is to be proposed in one step, with all that its unit of work
// writes. It lacks what follows from the stored conversation.
type Proposing struct {
	Reservation Reservation  // without VoyagerID and LocalID; its CreatedAt is the present time
	Proposed    events.Event // events.ReservationProposed without VoyagerID and LocalID

	MaxProposed   int       // see Policy
	ProposedAfter time.Time // only reservations that were created after this time count for MaxProposed
	MaxPending    int       // see Policy
	MaxUnanswered int       // see Policy

	// Record is saved for the key of the command. It is nil if the command has none.
	Record *idempotency.Record
}

// In returns the reservation and its event, with the participants of the stored conversation c.
func (p Proposing) In(c messaging.Conversation) (Reservation, events.Event) {
	r := p.Reservation
	r.VoyagerID, r.LocalID = c.VoyagerID, c.LocalID
	return r, p.Proposed.With(proposedSeq, r.news(r.CreatorID))
}

// Proposer is a Repository that can also propose a reservation in one step. What it does and keeps
// is what Service.Propose does step by step; that is its specification, and the kit of package
// porttest compares the two.
type Proposer interface {
	// Propose adds a pending reservation, and returns it as its creator sees it, with
	// idempotency.Done. The unit is then committed, and makes no further call. Otherwise nothing
	// has changed:
	//
	//   - idempotency.NotDone: the key has a record, a check of the service fails, or the store
	//     cannot tell whether it does. It may be wrong only about a block that was committed while
	//     Propose ran.
	//   - idempotency.Unsupported: this unit of work cannot commit in one step, because it has made
	//     other calls, or because it is part of a transaction of the host program.
	//
	// Like the steps, it holds the account of the creator and pins that of the other participant,
	// in ascending order of id. So units in which either of the two proposes count the reservations
	// one after the other, and none is added for an erased user. Propose returns
	// uow.ErrOutcomeUnknown as a commit does.
	Propose(ctx context.Context, p Proposing) (View, idempotency.Outcome, error)
}

// proposeAtOnce returns the fast form of a proposal. A proposal that breaks a rule of its fields is
// left to the steps.
func (s *Service) proposeAtOnce(draft Reservation, p Proposal) idempotency.Fast[Tx, View] {
	return func(
		ctx context.Context, tx Tx, record func(View) (*idempotency.Record, error),
	) (View, idempotency.Outcome, error) {
		var f fault.Fields
		now := s.deps.Clock.Now()
		r, policy := draft, s.deps.Policy
		r.Title = p.prepared(&f, now, policy).Title
		proposer, ok := tx.Reservations().(Proposer)
		if !ok || f.Err() != nil || events.Joined(ctx, events.TypeReservationProposed) {
			return View{}, idempotency.Unsupported, nil //nolint:nilerr // the steps return the error
		}
		r.ID, r.CreatedAt, r.UpdatedAt = id.Reservation(s.deps.IDs.Next()), now, now
		proposed := events.New(s.deps.IDs, now, proposedSeq, r.news(r.CreatorID))
		kept, err := record(View{Reservation: r})
		if err != nil {
			return View{}, idempotency.NotDone, err
		}
		v, outcome, err := proposer.Propose(ctx, Proposing{
			Reservation: r, Proposed: proposed, MaxProposed: policy.MaxProposed, ProposedAfter: now.Add(-messaging.QuotaPeriod),
			MaxPending: policy.MaxPending, MaxUnanswered: policy.MaxUnanswered, Record: kept,
		})
		if err != nil {
			return View{}, outcome, fmt.Errorf("propose in one step: %w", err)
		}
		return v, outcome, nil
	}
}
