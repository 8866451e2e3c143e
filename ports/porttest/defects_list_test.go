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
	{"commits what failed", running(commitsFailures), []string{"units/a failed unit leaves no row", "refusals/refused requests of accounts change nothing"}},
	{"commits what panicked", running(commitsPanics), []string{"units/a panic rolls back and goes on"}},
	{"goes on after an error", handing(func(_ *memory.Store, b *broken) { b.tokens = goesOn{b.Tx.Tokens()} }),
		[]string{"units/an error of a repository ends the unit"}},
	{"writes in units that only read", running(writesAlways), []string{"units/a unit that only reads refuses every write"}},
	{"works after the end", handing(func(s *memory.Store, b *broken) { b.users = immortal{b.Tx.Users(), s} }),
		[]string{"units/a repository used after the end is refused"}},
	{"shows what is not committed", newDirty, []string{"isolation/nobody sees what is not committed", "isolation/nobody sees what was rolled back"}},
	{"takes a snapshot anew for each read", running(freshSnapshots), []string{"isolation/a snapshot is one moment"}},
	{"overwrites what others committed meanwhile", newLastWins,
		[]string{"isolation/load, change and save lose no update", "isolation/two admins cannot demote each other", "guards/two units never hold one thing at once", "tokens/charges at once leave exactly the right balance"}},
	{"ignores that it was cancelled", running(neverCancelled), []string{"cancellation/a unit that is cancelled at any call keeps nothing", "cancellation/a unit that is cancelled while it waits for another ends"}},
	{"works on when closed", func(s *memory.Store) ports.Storage { return neverClosed{s} }, []string{"closing/units after the end are refused"}},
	{"lets two claim one key", lateRun(func(l *late, b *broken) { b.idempotency = claimsNothing{l} }),
		[]string{"idempotency/a second unit with a key sees what the first committed", "idempotency/commands with one key at once are done once"}},
	{"debits without enough tokens", handing(func(_ *memory.Store, b *broken) { b.tokens = generous{b.Tx.Tokens()} }),
		[]string{"tokens/a balance never falls below zero", "tokens/the last tokens are spent once"}},
	{"writes half of the entries", handing(func(_ *memory.Store, b *broken) { b.tokens = oneByOne{b.Tx.Tokens()} }),
		[]string{"units/not found does not end the unit"}},
	{"repeats a line on the next page", handing(func(_ *memory.Store, b *broken) { b.tokens = repeats{b.Tx.Tokens()} }),
		[]string{"tokens/pages of a ledger hold each line once"}},
	{"takes one address twice", handing(func(_ *memory.Store, b *broken) { b.users = twoAddresses{b.Tx.Users()} }),
		[]string{"users/an address is taken without regard to case", "users/one address added by many at once is one account"}},
	{"takes a stale save", handing(func(_ *memory.Store, b *broken) { b.users = savesStale{b.Tx.Users()} }),
		[]string{"units/a stale save is a conflict, and won when run again"}},
	{"lets a refresh token be used twice", handing(func(_ *memory.Store, b *broken) { b.users = usedTwice{b.Tx.Users()} }),
		[]string{"sessions/a refresh token is used once", "sessions/a refresh token used by many at once is unused for one"}},
	{"trims text", handing(func(_ *memory.Store, b *broken) { b.users = trims{b.Tx.Users()} }), []string{"values/text comes back byte for byte"}},
	{"takes a second pending report", handing(func(_ *memory.Store, b *broken) { b.moderation = twoReports{b.Tx.Moderation()} }),
		[]string{"moderation/one pending report of a pair at a time", "units/a duplicate does not end the unit"}},
	{"tells everybody that they opened a conversation", handing(func(_ *memory.Store, b *broken) { b.messaging = opensAlways{b.Tx.Messaging()} }),
		[]string{"messaging/a conversation opened by many at once is one"}},
	{"orders messages by time alone", handing(func(_ *memory.Store, b *broken) { b.messaging = unordered{b.Tx.Messaging()} }),
		[]string{"messaging/pages of messages hold each once, newest first"}},
	{"marks one's own messages as read", handing(func(_ *memory.Store, b *broken) { b.messaging = readsAll{b.Tx.Messaging()} }),
		[]string{"messaging/reading marks the other's messages up to a place"}},
	{"hands out its own bytes", newSharing, []string{"aliasing/changing what came back changes no row"}},
	{"cuts times to seconds", handing(func(_ *memory.Store, b *broken) { b.reservations = seconds{b.Tx.Reservations()} }),
		[]string{"values/times come back in UTC to the millisecond"}},
	{"does not let one begin when another ends", handing(func(_ *memory.Store, b *broken) { b.reservations = closedEnds{b.Tx.Reservations()} }),
		[]string{"reservations/accepted reservations of a local never overlap"}},
	{"calls an overlap done", handing(func(_ *memory.Store, b *broken) { b.reservations = overlapDone{b.Tx.Reservations()} }),
		[]string{"reservations/accepted reservations of a local never overlap"}},
	{"leaves out last names", handing(func(_ *memory.Store, b *broken) { b.matching = discreet{b.Tx.Matching()} }),
		[]string{"search/shared interests are named by name, beside the whole profile"}},
	{"leaves out rows that are there", handing(func(_ *memory.Store, b *broken) { b.rows = forgiving{b.Tx.Rows()} }),
		[]string{"rows/rows whose key is there are refused", "rows/the ledger only grows"}},
	{"makes rows fit", handing(func(_ *memory.Store, b *broken) { b.rows = fitting{b.Tx.Rows()} }),
		[]string{"rows/rows that no store gives are refused", "rows/keys that no table has are refused"}},
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
