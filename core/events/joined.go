package events

import (
	"context"
	"fmt"
	"slices"

	"github.com/cicerone-go/cicerone/core/fault"
)

// JoinedSubscriber handles events in the host program, in the unit of work that adds them. What it
// writes through the transaction of the store is therefore committed if and only if the change is.
// T is the transaction of all ports: see ports.JoinedSubscriber.
type JoinedSubscriber[T RelayTx] struct {
	// Name identifies the subscriber, as Subscriber.Name does. No other subscriber has it.
	Name string

	// Types are the types of events that the subscriber handles; none means all of them.
	Types []Type

	// Handle handles an event. It is called for one event after another, in the order in which the
	// unit has added them, when the use case has made all its changes. A unit that is retried calls
	// it again, so that it has no effects outside of the store; a command that is replayed does not.
	// Its context ends after Policy.HandleTime, and it returns soon after. It must not be nil, and
	// begins no unit of work of the same store.
	//
	// An error, or a panic, rolls back the unit and refuses the command. It keeps its class: a fault,
	// such as fault.Conflict, reaches the caller, and any other error is internal. uow.ErrConflict
	// runs the unit again.
	//
	// Its error does not refuse the acts of the system: see WithoutRefusal. There the error is
	// reported, and the unit runs again without this subscriber. A relay calls it later for the events of the unit, until
	// it succeeds, in the unit of work that stores that it did. If the event is set aside, an admin
	// can have it tried again. By then, it may have handled later events of the same aggregate: it
	// knows them by Event.Seq.
	//
	// Events that Handle adds itself are handled by joined subscribers later, too.
	Handle func(ctx context.Context, tx T, e Event) error
}

// wants reports whether the subscriber handles events of a type.
func (s JoinedSubscriber[T]) wants(t Type) bool {
	return t != TypeDeferred && (len(s.Types) == 0 || slices.Contains(s.Types, t))
}

// call calls the subscriber. It returns its error, or a panicked if it panics.
func (s JoinedSubscriber[T]) call(ctx context.Context, tx T, e Event) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = newPanicked(value)
		}
	}()
	return s.Handle(ctx, tx, e)
}

// Later returns the subscriber through which a relay delivers the events that were deferred. The
// store of the relay must have transactions of type T.
func (s JoinedSubscriber[T]) Later() Subscriber {
	return Subscriber{Name: s.Name, joined: func(ctx context.Context, tx RelayTx, e Event) error {
		wide, ok := tx.(T)
		if !ok {
			return fmt.Errorf("the transaction of the relay is a %T", tx)
		}
		return s.Handle(ctx, wide, e)
	}}
}

// CheckJoined adds an error to f for each joined subscriber that has no valid name, the name of
// another one or of one of beside, an unknown type or no function.
func CheckJoined[T RelayTx](f *fault.Fields, joined []JoinedSubscriber[T], beside []Subscriber) {
	named := map[string]bool{}
	for _, s := range beside {
		named[s.Name] = true
	}
	for i, s := range joined {
		check(f, fmt.Sprintf("JoinedSubscribers[%d]", i), s.Name, s.Types, s.Handle != nil, named)
	}
}

// unrefused is the context key of WithoutRefusal.
type unrefused struct{}

// WithoutRefusal returns a context in which joined subscribers do not refuse a unit of work: the
// server does by itself what the unit does, or it is an erasure. A use case begins such a unit with
// it.
func WithoutRefusal(ctx context.Context) context.Context {
	return context.WithValue(ctx, unrefused{}, true)
}
