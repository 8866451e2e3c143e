// Package ports is the edge of the hexagon: what a store must be able to do. Each domain of core
// declares its own repository, with the obligations of every method; Tx is their union. An adapter
// implements Storage, and proves it with one call of the conformance kit in ports/porttest, whose README.md
// says in which order to write a store. A store that is not complete embeds UnimplementedStorage,
// UnimplementedTx and the unimplemented repositories.
package ports

import (
	"context"
	"time"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
)

// Tx is all that a unit of work can reach. The repositories are bound to the unit: they see what it
// wrote, and end with it.
//
// Obligations that hold for every method of every repository:
//   - An error other than fault.NotFound ends the unit (see uow.Runner). What is merely a duplicate is told
//     in the answer, not by an error.
//   - What is handed in and out is the caller's: an adapter keeps and returns copies of slices and maps.
//   - Times come back as they went in: UTC, milliseconds. Text comes back byte for byte.
//   - Lists come back in the order that the method names, and two pages of one list never share an
//     item while nothing changes. An empty list may be nil.
//   - The context is honoured, by waiting as well as by working.
//
// A unit of work holds what it changes, or must find unchanged, until it ends. All units hold things in one
// order, so that no two wait for each other for ever:
//
//  1. the record of an idempotency key (Claim);
//  2. what is known by another name than its id, at most one in a unit: an address (Users.Add), a refresh token
//     (UseRefreshToken), an interest (HoldInterest, AddInterest, SaveInterest), the pair of a conversation
//     (OpenConversation);
//  3. users, by id ascending (Pin, Hold, HoldWithAdmins; Save, SetPassword and Erase of one that is not held yet);
//  4. calendars of locals, by user id ascending (Move to Accepted);
//  5. reservations, by id ascending (Reservations.Hold; Move of one that is not held yet);
//  6. a conversation, if a store locks one to order its messages;
//  7. wallets, by user id ascending (Post, Tokens.Close);
//  8. all other rows that it inserts, changes or removes.
//
// A use case calls methods in this order; core's tests run over a Tx that fails a use case that does not. A store
// holds in this order within each method, also in those that take several things, and holds nothing else that
// another unit could wait for. What a unit has made itself is its own. A store that runs one unit at a time, or
// fails one of two with uow.ErrConflict instead of waiting, meets the obligation whatever it does.
type Tx interface {
	reservations.Tx // which is made of all the others

	// Rows reaches the rows of every table verbatim.
	Rows() Rows

	// Marks reaches what is known of the store as a whole.
	Marks() Marks
}

// Storage is a store: what an adapter's Open or New returns.
type Storage interface {
	uow.Runner[Tx]

	// Ping returns nil when the store can be reached and is fit for use, else a failure that matches
	// fault.Unavailable.
	Ping(ctx context.Context) error

	// Close waits for the units under way, until ctx ends, and lets go of everything that the adapter
	// opened itself. Later units fail with a fault.Unavailable. A second Close does nothing.
	Close(ctx context.Context) error
}

// Rows moves rows out of and into a store as they are: for copies between stores, for the audit and
// for tests that nothing changed.
type Rows interface {
	// Read returns up to limit rows of a table in ascending order of its key, bytes and text compared
	// byte by byte: those after a key, or from the first where it is nil.
	Read(ctx context.Context, table *Table, after []any, limit int) ([]Row, error)

	// Write adds rows that came from Read of this or another store. A row whose key is there already, or
	// that breaks a rule of the store, ends the unit. Tables are filled in the order of Tables.
	Write(ctx context.Context, table *Table, rows []Row) error
}

// Marks are notes on the store as a whole, like that it holds demo data.
type Marks interface {
	// Marked reports whether the store bears a mark, and since when.
	Marked(ctx context.Context, name string) (since time.Time, marked bool, err error)

	// Mark puts a mark on the store. One that is there stays as it is.
	Mark(ctx context.Context, name string, at time.Time) error
}
