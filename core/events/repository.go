package events

import (
	"context"
	"time"
)

// Repository keeps events: first those without a position, in the outbox, and then those with one.
type Repository interface {
	// Add adds events to the outbox. The unit holds until it ends the row that gives an event its
	// Seq, so that of two events of one aggregate, the one with the lower Seq is committed first.
	// Events of one aggregate that a unit adds itself are added in the order of their Seq. Add costs
	// no round trip on a store that can send it with the other writes of the unit, and else at most
	// one for all events of the unit.
	Add(ctx context.Context, events ...Event) error

	// Number takes up to limit events from the outbox, gives each a position above all that were
	// given before, and returns their number. It holds the highest position until the unit ends, so
	// that one unit numbers at a time, and events become visible to After in the order of their
	// positions: an event that is committed late only gets a later position. Within an aggregate,
	// positions ascend with Seq, and no event gets a position before an earlier one of its
	// aggregate. An event that is in the outbox is taken after a bounded number of events that were
	// added later.
	Number(ctx context.Context, limit int) (int, error)

	// After lists up to limit events with a position above the given one, in ascending order of
	// position.
	After(ctx context.Context, position int64, limit int) ([]Numbered, error)

	// At returns the events with these positions, in ascending order. It skips positions that no
	// event has.
	At(ctx context.Context, positions ...int64) ([]Numbered, error)

	// Trim removes up to limit events with a position up to and including the given one, the lowest
	// first, and returns their number. It keeps events that are set aside.
	Trim(ctx context.Context, upTo int64, limit int) (int, error)

	// Backlog returns how far the numbering of events is.
	Backlog(ctx context.Context) (Backlog, error)
}

// Backlog is how far the numbering of events is.
type Backlog struct {
	Highest int64     // the highest position that was given to an event; 0 if there was none
	Oldest  time.Time // of the oldest event in the outbox, by its time; zero if it is empty
}

// Subscriptions keeps how far subscribers are, and the events that they could not handle.
type Subscriptions interface {
	// Subscribe adds a subscription, and reports whether it did. If one with the name exists, it
	// stays as it is. Of concurrent units that add one name, one adds it.
	Subscribe(ctx context.Context, s Subscription) (added bool, err error)

	// Drop removes a subscription and the events that it has set aside. It does nothing if there is
	// none with the name.
	Drop(ctx context.Context, name string) error

	// Subscription returns a subscription, or fault.NotFound.
	Subscription(ctx context.Context, name string) (Subscription, error)

	// List lists up to limit subscriptions in ascending order of name: those after a name, or from
	// the first if after is "".
	List(ctx context.Context, after string, limit int) ([]Subscription, error)

	// Lease takes or renews the lease of an active subscription until a time, and returns the
	// subscription. leased is false if it is not active, or if another holder has a lease that ends
	// after now. Of concurrent units that lease one subscription for different holders, one gets it.
	// Lease returns fault.NotFound if there is no such subscription.
	Lease(ctx context.Context, name, holder string, now, until time.Time) (s Subscription, leased bool, err error)

	// Release ends a lease, so that another holder need not wait for its end. It reports whether
	// the holder had it: see Lease.
	Release(ctx context.Context, l Lease) (released bool, err error)

	// Advance moves the position of a subscription to to, which is higher, and sets its attempts
	// to none. It reports whether it did: see Lease.
	Advance(ctx context.Context, l Lease, to int64) (advanced bool, err error)

	// Postpone stores that the event after the position has failed attempts times, and that the
	// next attempt is due at a time. It reports whether it did: see Lease.
	Postpone(ctx context.Context, l Lease, attempts int64, until time.Time) (postponed bool, err error)

	// SetAside stores an event that the subscriber could not handle, and moves the position of the
	// subscription to it, as Advance does. The subscriber of e is that of the lease. It reports
	// whether it did: see Lease.
	SetAside(ctx context.Context, l Lease, e SetAside) (setAside bool, err error)

	// Switch changes the state of a subscription, and the time since which it has it, if its state
	// is from. It also ends a lease. It reports whether it did: of concurrent units that switch one
	// subscription from a state, one succeeds.
	Switch(ctx context.Context, name string, from, to State, at time.Time) (switched bool, err error)

	// Begin makes a subscription that is not active active at a position, which may be lower than
	// its own, and sets its attempts to none. It reports whether it did.
	Begin(ctx context.Context, name string, position int64, at time.Time) (begun bool, err error)

	// Aside lists up to limit events that are set aside, in ascending order of (subscriber,
	// position): those that match the filter and come after the given one, or from the first if
	// after is nil.
	Aside(ctx context.Context, f AsideFilter, after *AsidePlace, limit int) ([]SetAside, error)

	// Retry marks an event that waits as one to be tried again, and reports whether it did.
	Retry(ctx context.Context, place AsidePlace) (marked bool, err error)

	// Return stores another failed attempt of an event that was marked by Retry: the attempts,
	// class and time of e. The event then waits again. It reports whether it did: see Lease.
	Return(ctx context.Context, l Lease, e SetAside) (returned bool, err error)

	// Resolve removes an event that was marked by Retry, because it was handled. It reports whether
	// it did: see Lease.
	Resolve(ctx context.Context, l Lease, position int64) (resolved bool, err error)
}

// Tx is the part of a transaction that a use case needs to say what happened.
type Tx interface {
	Events() Repository
}

// RelayTx is the part of a transaction that the relay uses.
type RelayTx interface {
	Tx
	Subscriptions() Subscriptions
}
