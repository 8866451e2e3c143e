package porttest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/events"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/core/webhooks"
	"github.com/cicerone-go/cicerone/ports"
)

// The types and functions below are the parts of broken adapters.

type unit = func(ctx context.Context, tx ports.Tx) error

// runner is the memory adapter with another Run.
type runner struct {
	*memory.Store
	run func(ctx context.Context, mode uow.Mode, fn unit) error
}

func (r *runner) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	return r.run(ctx, mode, fn)
}

// running returns a plant of stores that run units with run.
func running(
	run func(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error,
) func(*memory.Store) ports.Storage {
	return func(s *memory.Store) ports.Storage {
		return &runner{s, func(ctx context.Context, mode uow.Mode, fn unit) error { return run(s, ctx, mode, fn) }}
	}
}

// handing returns a plant of stores that replace repositories of each unit.
func handing(replace func(s *memory.Store, tx *broken)) func(*memory.Store) ports.Storage {
	return running(func(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
		return s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			b := &broken{Tx: tx}
			replace(s, b)
			return fn(ctx, b)
		})
	})
}

// broken is a unit's Tx with some repositories replaced.
type broken struct {
	ports.Tx
	idempotency   idempotency.Repository
	events        events.Repository
	subscribers   events.Subscriptions
	tokens        tokens.Repository
	users         users.Repository
	moderation    moderation.Repository
	matching      matching.Repository
	messaging     messaging.Repository
	reservations  reservations.Repository
	notifications notifications.Repository
	rows          ports.Rows
	webhooks      webhooks.Repository
}

func (b *broken) Idempotency() idempotency.Repository {
	return or(b.idempotency, b.Tx.Idempotency)
}
func (b *broken) Events() events.Repository { return or(b.events, b.Tx.Events) }
func (b *broken) Subscriptions() events.Subscriptions {
	return or(b.subscribers, b.Tx.Subscriptions)
}
func (b *broken) Tokens() tokens.Repository         { return or(b.tokens, b.Tx.Tokens) }
func (b *broken) Users() users.Repository           { return or(b.users, b.Tx.Users) }
func (b *broken) Moderation() moderation.Repository { return or(b.moderation, b.Tx.Moderation) }
func (b *broken) Matching() matching.Repository     { return or(b.matching, b.Tx.Matching) }
func (b *broken) Messaging() messaging.Repository   { return or(b.messaging, b.Tx.Messaging) }
func (b *broken) Reservations() reservations.Repository {
	return or(b.reservations, b.Tx.Reservations)
}
func (b *broken) Notifications() notifications.Repository {
	return or(b.notifications, b.Tx.Notifications)
}
func (b *broken) Rows() ports.Rows              { return or(b.rows, b.Tx.Rows) }
func (b *broken) Webhooks() webhooks.Repository { return or(b.webhooks, b.Tx.Webhooks) }

func or[R comparable](replaced R, sound func() R) R {
	var none R
	if replaced != none {
		return replaced
	}
	return sound()
}

// late is a unit that begins only when a repository of it is used, so that reads before that hold
// nothing.
type late struct {
	ctx   context.Context
	store *memory.Store
	begun ports.Tx
	end   chan error
	done  chan error
}

// begin starts the unit if it has not begun.
func (l *late) begin() ports.Tx {
	if l.begun != nil {
		return l.begun
	}
	l.end, l.done = make(chan error), make(chan error, 1)
	begun := make(chan ports.Tx)
	go func() {
		l.done <- l.store.Run(l.ctx, uow.Write, func(_ context.Context, tx ports.Tx) error {
			begun <- tx
			return <-l.end
		})
	}()
	l.begun = <-begun
	return l.begun
}

// lateRun returns a plant of stores with units that begin late.
func lateRun(replace func(l *late, b *broken)) func(*memory.Store) ports.Storage {
	return running(func(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
		if mode != uow.Write {
			return s.Run(ctx, mode, fn)
		}
		l := &late{ctx: ctx, store: s}
		b := &broken{Tx: lateTx{l}}
		replace(l, b)
		err := fn(ctx, b)
		if l.begun == nil {
			return err
		}
		l.end <- err
		return <-l.done
	})
}

// lateTx begins its unit when a repository is requested.
type lateTx struct{ *late }

func (l lateTx) Idempotency() idempotency.Repository     { return l.begin().Idempotency() }
func (l lateTx) Events() events.Repository               { return l.begin().Events() }
func (l lateTx) Subscriptions() events.Subscriptions     { return l.begin().Subscriptions() }
func (l lateTx) Tokens() tokens.Repository               { return l.begin().Tokens() }
func (l lateTx) Users() users.Repository                 { return l.begin().Users() }
func (l lateTx) Moderation() moderation.Repository       { return l.begin().Moderation() }
func (l lateTx) Matching() matching.Repository           { return l.begin().Matching() }
func (l lateTx) Messaging() messaging.Repository         { return l.begin().Messaging() }
func (l lateTx) Reservations() reservations.Repository   { return l.begin().Reservations() }
func (l lateTx) Notifications() notifications.Repository { return l.begin().Notifications() }
func (l lateTx) Rows() ports.Rows                        { return l.begin().Rows() }
func (l lateTx) Marks() ports.Marks                      { return l.begin().Marks() }
func (l lateTx) Webhooks() webhooks.Repository           { return l.begin().Webhooks() }

// lastWins is a store in which the unit that commits last overwrites what others committed
// meanwhile.
type lastWins struct {
	*memory.Store // for Ping and Close
	mu            sync.Mutex
	present       *memory.Store
}

func newLastWins(s *memory.Store) ports.Storage { return &lastWins{Store: s, present: memory.New()} }

func (l *lastWins) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	l.mu.Lock()
	mine := l.present
	l.mu.Unlock()
	if mode != uow.Write {
		return mine.Run(ctx, mode, fn)
	}
	mine, err := fork(ctx, mine)
	if err != nil {
		return err
	}
	if err := mine.Run(ctx, mode, fn); err != nil {
		return err
	}
	time.Sleep(time.Millisecond) // others commit meanwhile
	l.mu.Lock()
	defer l.mu.Unlock()
	l.present = mine
	return nil
}

func fork(ctx context.Context, s *memory.Store) (*memory.Store, error) {
	copied := memory.New()
	err := s.Run(ctx, uow.Snapshot, func(ctx context.Context, from ports.Tx) error {
		return copied.Run(ctx, uow.Write, func(ctx context.Context, to ports.Tx) error {
			for _, table := range ports.Tables {
				rows, err := from.Rows().Read(ctx, table, nil, 1_000_000)
				if err != nil {
					return err
				}
				if err := to.Rows().Write(ctx, table, rows); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return copied, err
}

// apart makes a call in a unit of its own, and returns its result. After that, nothing is held.
func apart[T any](
	ctx context.Context, s *memory.Store, call func(ctx context.Context, tx ports.Tx) (T, error),
) (answer T, err error) {
	runErr := s.Run(ctx, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		answer, err = call(ctx, tx)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
	if err == nil {
		err = runErr
	}
	return answer, err
}
