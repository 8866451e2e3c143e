// Package ports declares what a store must do for core. Each domain of core declares its own
// repository, with the obligations of every method; Tx is their union. An adapter implements
// Storage, and proves it with one call of the conformance kit in ports/porttest. The kit's
// README.md lists the order in which to write a store. A store that is not complete embeds
// UnimplementedStorage, UnimplementedTx and the other unimplemented types.
package ports

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/webhooks"
)

// Tx holds the repositories of a unit of work. They are bound to the unit: they see its writes, and
// refuse calls after it has ended.
//
// Obligations that hold for every method of every repository:
//   - An error other than fault.NotFound ends the unit (see uow.Runner). A duplicate is reported in
//     the result, not by an error.
//   - Arguments and results belong to the caller: an adapter keeps and returns copies of slices and
//     maps.
//   - Times come back unchanged: in UTC, with milliseconds. Text comes back byte for byte.
//   - Lists come back in the order that the method names, and two pages of one list never share an
//     item while nothing changes. An empty list may be nil.
//   - A method honours its context, both when it waits and when it works.
//
// The repository of a domain reads and writes only the tables of that domain, and of the domains
// whose Tx is embedded in the Tx of that domain.
//
// A unit of work holds until it ends what it changes and what must not change meanwhile. All units
// hold things in one order, so that no two of them wait for each other for ever:
//
//  1. the record of an idempotency key (Claim);
//  2. a thing that is known by another name than its id, at most one in a unit: an address
//     (Users.Add), a refresh token (UseRefreshToken), an interest (HoldInterest, AddInterest,
//     SaveInterest);
//  3. users, by id ascending (Pin, Hold, HoldWithAdmins; Save, SetEmail, SetPassword and Erase of a
//     user that the unit does not hold yet);
//  4. calendars of locals, by user id ascending (Move to Accepted);
//  5. reservations, by id ascending (Reservations.Hold; Move of a reservation that the unit does
//     not hold yet);
//  6. a conversation, by its id (HoldConversation, MarkRead) or by its pair (OpenConversation), at
//     most one in a unit;
//  7. wallets, by user id ascending (Post, Tokens.Close);
//  8. all other rows that it inserts, changes or removes;
//  9. counts of tries, by hash ascending (HoldTries, SaveTries, GiveBackTries).
//
// An event that is added is not held, because no other unit waits for it: Events.Add may be called at
// any place. Its row is only inserted; a store sends it after the writes that the unit queued before.
//
// A use case calls methods in this order; core's tests fail a use case that does not. A store holds
// in this order within each method, also in a method that holds several things, and holds nothing
// else that another unit could wait for. No other unit can wait for a row that a unit has inserted
// itself, so the unit may use it in any order. A store that runs one unit at a time, or that fails
// one of two units with uow.ErrConflict instead of waiting, always meets this obligation.
type Tx interface {
	notifications.Tx // embeds the Tx of every other domain but webhooks
	webhooks.Tx
	events.RelayTx

	// Rows returns the port that reads and writes the rows of every table verbatim.
	Rows() Rows

	// Marks returns the port of the store's marks.
	Marks() Marks
}

// Storage is a store: what an adapter's Open or New returns. It may also implement Measured and
// events.Notifier.
type Storage interface {
	uow.Runner[Tx]

	// Ping returns nil if the store can be reached and is fit for use, and otherwise an error that
	// matches fault.Unavailable.
	Ping(ctx context.Context) error

	// Close waits for the units under way, until ctx ends, and then closes everything that the
	// adapter opened itself. Later units fail with a fault.Unavailable. A second Close does
	// nothing.
	Close(ctx context.Context) error
}

// Rows reads and writes rows verbatim, for copies between stores, for the audit and for tests that
// compare the rows of a store.
type Rows interface {
	// Read returns up to limit rows of a table in ascending order of its key, with bytes and text
	// compared byte by byte: the rows after a key, or from the first row if after is nil.
	Read(ctx context.Context, table *Table, after []any, limit int) ([]Row, error)

	// Write adds rows that Read of this or another store returned. A row whose key exists, or that
	// breaks a rule of the store, ends the unit. A copy writes the tables in the order of Tables.
	Write(ctx context.Context, table *Table, rows []Row) error
}

// Marks are notes on the store as a whole, for example that it holds demo data.
type Marks interface {
	// Marked reports whether the store has a mark, and since when.
	Marked(ctx context.Context, name string) (since time.Time, marked bool, err error)

	// Mark adds a mark to the store. A mark that exists stays as it is.
	Mark(ctx context.Context, name string, at time.Time) error
}
