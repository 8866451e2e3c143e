package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/cicerone-go/cicerone/core/clock"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// JoinDeps are the parts of a runner that calls joined subscribers. All are needed.
type JoinDeps[T RelayTx] struct {
	Runner      uow.Runner[T]
	Subscribers []JoinedSubscriber[T]
	With        func(tx T, events Repository) T // returns tx with another Events
	Clock       clock.Clock
	IDs         id.Source
	Policy      Policy
	Report      func(error) // is called when a unit runs again, because it must not be refused
}

// Join returns a runner of units of work that calls joined subscribers with the events of a unit,
// before it is committed. All units that may add events must run on it. See JoinedSubscriber.
// Errors: fault.Internal if a part is missing, fault.Invalid with the names of the fields if the
// policy or a subscriber is not valid.
func Join[T RelayTx](d JoinDeps[T]) (uow.Runner[T], error) {
	if err := fault.Missing("joined subscribers", d); err != nil && len(d.Subscribers) > 0 {
		return nil, err
	}
	var f fault.Fields
	d.Policy.Check(&f)
	CheckJoined(&f, d.Subscribers, nil)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if len(d.Subscribers) == 0 {
		return d.Runner, nil
	}
	return &joining[T]{d}, nil
}

// Joined reports whether a joined subscriber handles events of a type in the unit of work of ctx. A
// fast form of a use case, in which the store adds the event itself, asks first: it cannot be taken
// then, because the event has to go through Add.
func Joined(ctx context.Context, t Type) bool {
	unit, ok := ctx.Value(unitKey{}).(interface{ joins(Type) bool })
	return ok && unit.joins(t)
}

// unitKey is the context key of the unit of work that joined subscribers may handle.
type unitKey struct{}

type joining[T RelayTx] struct{ JoinDeps[T] }

// joinedUnit is one run of a unit of work.
type joinedUnit[T RelayTx] struct {
	*joining[T]
	later  map[string]bool // the names of subscribers that are not called
	added  []Event
	called []string // the names of subscribers that were called
	failed string   // the name of the one that failed; "" for none
}

// conflictsRetried is how often a unit that must not be refused may lose against others before the
// joined subscribers, which may be the reason, are left out.
const conflictsRetried = 5

// Run implements uow.Runner. It runs the unit again if a joined subscriber made one fail that must
// not be refused. It needs no savepoint for this, which not every store has.
func (j *joining[T]) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx T) error) error {
	if mode != uow.Write {
		return j.Runner.Run(ctx, mode, fn)
	}
	later := map[string]bool{}
	for {
		u := &joinedUnit[T]{joining: j, later: later}
		err := j.Runner.Run(ctx, mode, func(ctx context.Context, tx T) error {
			recorded := j.With(tx, recorder[T]{tx.Events(), u})
			if err := fn(context.WithValue(ctx, unitKey{}, u), recorded); err != nil {
				return err
			}
			return u.handle(ctx, tx, recorded)
		})
		if err == nil || !u.leftOut(ctx, err) {
			return err
		}
	}
}

// recorder records the events that a unit adds.
type recorder[T RelayTx] struct {
	Repository
	unit *joinedUnit[T]
}

func (r recorder[T]) Add(ctx context.Context, events ...Event) error {
	err := r.Repository.Add(ctx, events...)
	if err == nil {
		r.unit.added = append(r.unit.added, events...)
	}
	return err
}

// joins reports whether a subscriber handles events of a type.
func (u *joinedUnit[T]) joins(t Type) bool {
	for _, s := range u.Subscribers {
		if s.wants(t) {
			return true
		}
	}
	return false
}

// handle calls the subscribers with the events that the use case has added. Those that subscribers
// add are for later, so that this ends.
func (u *joinedUnit[T]) handle(ctx context.Context, tx, recorded T) error {
	now := len(u.added)
	for i := 0; i < len(u.added); i++ {
		e := u.added[i]
		for _, s := range u.Subscribers {
			var err error
			switch {
			case !s.wants(e.Type):
			case i >= now || u.later[s.Name]:
				err = u.postpone(ctx, tx, s.Name, e)
			default:
				err = u.call(ctx, recorded, s, e)
			}
			if err != nil {
				return fmt.Errorf("joined subscriber %s: the event %s of %s: %w", s.Name, e.Type, e.Aggregate, err)
			}
		}
	}
	return nil
}

func (u *joinedUnit[T]) call(ctx context.Context, tx T, s JoinedSubscriber[T], e Event) error {
	ctx, cancel := context.WithTimeout(ctx, u.Policy.HandleTime)
	defer cancel()
	u.called = append(u.called, s.Name)
	err := s.call(ctx, tx, e)
	if err != nil {
		u.failed = s.Name
	}
	return err
}

// postpone adds an event for a subscriber to the outbox. The subscription must exist by then, so that
// no relay removes the event before the subscriber was seen.
func (u *joinedUnit[T]) postpone(ctx context.Context, tx T, name string, e Event) error {
	b, err := tx.Events().Backlog(ctx)
	if err != nil {
		return err
	}
	s := Subscription{Name: name, Position: b.Highest, State: Active, Since: u.Clock.Now()}
	if _, err := tx.Subscriptions().Subscribe(ctx, s); err != nil {
		return err
	}
	return Add(ctx, tx, u.IDs, u.Clock.Now(), e.Seq, Deferred{
		Aggregate: e.Aggregate, At: e.At, Data: Encode(e.Data), EventID: e.ID, Seq: e.Seq, Subscriber: name, Type: e.Type, Version: e.Version,
	})
}

// leftOut reports whether the unit has to run again without the subscribers that made it fail: the one
// that failed, or all that were called if the store did, which may be because of what they wrote.
func (u *joinedUnit[T]) leftOut(ctx context.Context, err error) bool {
	switch {
	case ctx.Value(unrefused{}) == nil, ctx.Err() != nil, len(u.called) == 0, errors.Is(err, uow.ErrOutcomeUnknown),
		errors.Is(err, uow.ErrConflict) && uow.Attempt(ctx) <= conflictsRetried, // which uow.Store retries
		errors.Is(err, uow.ErrUnreachable) && u.failed == "":
		return false
	}
	names := u.called
	if u.failed != "" {
		names = []string{u.failed}
	}
	for _, name := range names {
		u.later[name] = true
	}
	u.Report(fmt.Errorf("the unit of work runs again, and the events are delivered to joined subscribers %q later: %w", names, err))
	return true
}
