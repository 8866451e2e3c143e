package porttest_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// defects are adapters that break one promise each: first those of the unit of work, then those of the
// repositories.
var defects = []defect{
	{name: "commits what failed", plant: running(commitsFailures), fails: []string{"units/a unit that fails or panics keeps no account", "calls/a failed unit leaves no row", "refusals/refused requests of accounts change nothing"}},
	{name: "commits what panicked", plant: running(commitsPanics), fails: []string{"calls/a panic rolls back and goes on"}},
	{name: "goes on after an error", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = goesOn{b.Tx.Tokens()} }),
		fails: []string{"calls/an error of a repository ends the unit"}},
	{name: "writes in units that only read", plant: running(writesAlways), fails: []string{"units/a unit that only reads adds no account", "calls/a unit that only reads refuses every write"}},
	{name: "works after the end", plant: handing(func(s *memory.Store, b *broken) { b.users = immortal{b.Tx.Users(), s} }),
		fails: []string{"units/an account is not read after the end of a unit", "calls/a repository used after the end is refused"}},
	{name: "shows what is not committed", plant: newDirty, fails: []string{"isolation/nobody sees what is not committed", "isolation/nobody sees what was rolled back"}},
	{name: "takes a snapshot anew for each read", plant: running(freshSnapshots), fails: []string{"isolation/a snapshot is one moment"}},
	{name: "overwrites what others committed meanwhile", plant: newLastWins,
		fails: []string{"isolation/load, change and save lose no update", "isolation/two admins cannot demote each other", "guards/two units never hold one thing at once", "tokens/charges at once leave exactly the right balance"}},
	{name: "ignores that it was cancelled", plant: running(neverCancelled), fails: []string{"cancellation/a unit that is cancelled at any call keeps nothing", "cancellation/a unit that is cancelled while it waits for another ends"}},
	{name: "works on when closed", plant: func(s *memory.Store) ports.Storage { return neverClosed{s} }, fails: []string{"closing/units after the end are refused"}},
	{name: "lets two claim one key", plant: lateRun(func(l *late, b *broken) { b.idempotency = claimsNothing{l} }),
		fails: []string{"idempotency/a second unit with a key sees what the first committed", "idempotency/commands with one key at once are done once"}},
	{name: "debits without enough tokens", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = generous{b.Tx.Tokens()} }),
		fails: []string{"tokens/a balance never falls below zero", "tokens/the last tokens are spent once"}},
	{name: "writes half of the entries", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = oneByOne{b.Tx.Tokens()} }),
		fails: []string{"calls/not found does not end the unit"}},
	{name: "repeats a line on the next page", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = repeats{b.Tx.Tokens()} }),
		fails: []string{"tokens/pages of a ledger hold each line once"}},
	{name: "takes one address twice", plant: handing(func(_ *memory.Store, b *broken) { b.users = twoAddresses{b.Tx.Users()} }),
		fails: []string{"users/an address is taken without regard to case", "users/one address added by many at once is one account"}},
	{name: "takes a stale save", plant: handing(func(_ *memory.Store, b *broken) { b.users = savesStale{b.Tx.Users()} }),
		fails: []string{"units/a stale save is a conflict, and won when run again"}},
	{name: "lets a refresh token be used twice", plant: handing(func(_ *memory.Store, b *broken) { b.users = usedTwice{b.Tx.Users()} }),
		fails: []string{"sessions/a refresh token is used once", "sessions/a refresh token used by many at once is unused for one"}},
	{name: "trims text", plant: handing(func(_ *memory.Store, b *broken) { b.users = trims{b.Tx.Users()} }), fails: []string{"values/text comes back byte for byte"}},
	{name: "takes a second pending report", plant: handing(func(_ *memory.Store, b *broken) { b.moderation = twoReports{b.Tx.Moderation()} }),
		fails: []string{"moderation/one pending report of a pair at a time", "calls/a duplicate does not end the unit"}},
	{name: "tells everybody that they opened a conversation", plant: handing(func(_ *memory.Store, b *broken) { b.messaging = opensAlways{b.Tx.Messaging()} }),
		fails: []string{"messaging/a conversation opened by many at once is one"}},
	{name: "orders messages by time alone", plant: handing(func(_ *memory.Store, b *broken) { b.messaging = unordered{b.Tx.Messaging()} }),
		fails: []string{"messaging/pages of messages hold each once, newest first"}},
	{name: "marks one's own messages as read", plant: handing(func(_ *memory.Store, b *broken) { b.messaging = readsAll{b.Tx.Messaging()} }),
		fails: []string{"messaging/reading marks the other's messages up to a place"}},
	{name: "hands out its own bytes", plant: newSharing, fails: []string{"aliasing/changing what came back changes no row"}},
	{name: "cuts times to seconds", plant: handing(func(_ *memory.Store, b *broken) { b.reservations = seconds{b.Tx.Reservations()} }),
		fails: []string{"values/times come back in UTC to the millisecond"}},
	{name: "does not let one begin when another ends", plant: handing(func(_ *memory.Store, b *broken) { b.reservations = closedEnds{b.Tx.Reservations()} }),
		fails: []string{"reservations/accepted reservations of a local never overlap"}},
	{name: "calls an overlap done", plant: handing(func(_ *memory.Store, b *broken) { b.reservations = overlapDone{b.Tx.Reservations()} }),
		fails: []string{"reservations/accepted reservations of a local never overlap"}},
	{name: "leaves out last names", plant: handing(func(_ *memory.Store, b *broken) { b.matching = discreet{b.Tx.Matching()} }),
		fails: []string{"search/shared interests are named by name, beside the whole profile"}},
	{name: "leaves out rows that are there", plant: handing(func(_ *memory.Store, b *broken) { b.rows = forgiving{b.Tx.Rows()} }),
		fails: []string{"rows/rows whose key is there are refused", "rows/the ledger only grows"}},
	{name: "forgets a field", plant: handing(func(_ *memory.Store, b *broken) { b.matching = forgetful{b.Tx.Matching()} }),
		fails: []string{"fields/matching.Profile"}, says: "Profile.Biography: wrote \"value "},
	{name: "forgets that a message was read", plant: handing(func(_ *memory.Store, b *broken) { b.messaging = unread{b.Tx.Messaging()} }),
		fails: []string{"fields/messaging.Message and Attachment"}, says: "messaging.Repository.History: Message.Read: wrote true, read false"},
	{name: "makes rows fit", plant: handing(func(_ *memory.Store, b *broken) { b.rows = fitting{b.Tx.Rows()} }),
		fails: []string{"rows/rows that no store gives are refused", "rows/keys that no table has are refused"}},
}

func commitsFailures(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	var failed error
	err := s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		failed = fn(ctx, tx)
		return nil
	})
	return errors.Join(failed, err)
}

func commitsPanics(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	var panicked any
	err := s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		defer func() { panicked = recover() }()
		return fn(ctx, tx)
	})
	if panicked != nil {
		panic(panicked)
	}
	return err
}

func writesAlways(s *memory.Store, ctx context.Context, _ uow.Mode, fn unit) error {
	return s.Run(ctx, uow.Write, fn)
}

func freshSnapshots(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	if mode == uow.Snapshot {
		mode = uow.Read
	}
	return s.Run(ctx, mode, fn)
}

func neverCancelled(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	return s.Run(context.WithoutCancel(ctx), mode, func(_ context.Context, tx ports.Tx) error { return fn(ctx, deaf{tx}) })
}

// deaf is a unit whose users are stored whatever their context says.
type deaf struct{ ports.Tx }

func (d deaf) Users() users.Repository { return deafUsers{d.Tx.Users()} }

type deafUsers struct{ users.Repository }

func (r deafUsers) Save(ctx context.Context, u users.User) error {
	return r.Repository.Save(context.WithoutCancel(ctx), u)
}

type neverClosed struct{ *memory.Store }

func (neverClosed) Close(context.Context) error { return nil }

// newDirty lets readers look into the unit that writes.
func newDirty(s *memory.Store) ports.Storage {
	var writing atomic.Pointer[ports.Tx]
	return &runner{s, func(ctx context.Context, mode uow.Mode, fn unit) error {
		if tx := writing.Load(); tx != nil && mode != uow.Write {
			return fn(ctx, *tx)
		}
		return s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			if mode == uow.Write {
				writing.Store(&tx)
				defer writing.Store(nil)
			}
			return fn(ctx, tx)
		})
	}}
}

// immortal answers for an account when its unit is over.
type immortal struct {
	users.Repository
	store *memory.Store
}

func (r immortal) User(ctx context.Context, user id.User) (users.User, error) {
	u, err := r.Repository.User(ctx, user)
	if errors.Is(err, uow.ErrEnded) {
		return apart(ctx, r.store, func(ctx context.Context, tx ports.Tx) (users.User, error) { return tx.Users().User(ctx, user) })
	}
	return u, err
}
