package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Join returns a context in which the units of work of this store are part of a host's own
// transaction on the same database. Each unit runs in a savepoint, so one that fails leaves the
// host's transaction as it was before the unit. The writes become durable only when the host
// commits:
//
//	tx, err := pool.Begin(ctx)
//	…
//	_, err = services.Messaging.Send(store.Join(ctx, tx), caller, conversation, draft, "")
//	…
//	err = tx.Commit(ctx)
//
// No unit runs again after a conflict: after uow.ErrConflict the host rolls back and starts over.
// The locks of a unit last until the host's transaction ends, so it should end soon. A unit in mode
// uow.Snapshot needs a transaction at repeatable read or above, and otherwise returns
// ErrNoSnapshot. Only one unit runs at a time; a concurrent one returns uow.ErrNested.
func (s *Store) Join(ctx context.Context, tx pgx.Tx) context.Context {
	return context.WithValue(uow.WithoutRetry(ctx), hostKey{s}, &host{tx: tx})
}

type hostKey struct{ store *Store }

// host is a host's transaction.
type host struct {
	tx   pgx.Tx
	busy sync.Mutex
}

func (s *Store) hosted(ctx context.Context) *host {
	h, _ := ctx.Value(hostKey{s}).(*host)
	return h
}

func (h *host) run(
	ctx context.Context, s *Store, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error,
) error {
	if !h.busy.TryLock() {
		return fmt.Errorf("postgres: in the host's transaction: %w", uow.ErrNested)
	}
	defer h.busy.Unlock()
	c := &conn{store: s, on: h.tx, frame: joined}
	if mode == uow.Snapshot {
		level, err := find(ctx, c, value((*row).text), "SELECT current_setting('transaction_isolation')")
		if err == nil && level != "repeatable read" && level != "serializable" {
			err = fmt.Errorf("%w: it is at %s", ErrNoSnapshot, level)
		}
		if err != nil {
			c.leave(ctx)
			return fmt.Errorf("postgres: in the host's transaction: %w", err)
		}
	}
	return c.run(ctx, mode, fn)
}
