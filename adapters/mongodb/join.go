package mongodb

import (
	"context"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Join returns a context in which the units of work of this store are part of a host's own
// transaction, in a session of the store's client. The writes become durable only when the host
// commits:
//
//	session, err := client.StartSession()
//	…
//	err = session.StartTransaction(options.Transaction().SetReadConcern(readconcern.Snapshot()).
//		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary()))
//	…
//	_, err = services.Messaging.Send(store.Join(ctx, session), caller, conversation, draft, "")
//	…
//	err = session.CommitTransaction(ctx)
//
// The transaction needs those concerns: the rules of the store and uow.Snapshot rely on them.
// MongoDB has no savepoints, so a unit that fails after a write aborts the host's transaction. Any
// error of the server aborts it, too, for example uow.ErrConflict; the host then starts over. A
// unit that fails before it wrote anything leaves the transaction as it was. No unit runs again,
// and none queues, because the store does not know which documents the host has written. If the
// session has no transaction, units return ErrNoTransaction. Call Join once for a session, and run
// one unit at a time with its context; a concurrent one returns uow.ErrNested. A joined subscriber
// that fails ends the host's transaction in every unit, also in one that it does not refuse elsewhere.
func (s *Store) Join(ctx context.Context, session mongo.Session) context.Context {
	return context.WithValue(uow.WithoutRetry(ctx), hostKey{s}, &host{session: session})
}

type hostKey struct{ store *Store }

// host is a host's transaction.
type host struct {
	session mongo.Session
	busy    sync.Mutex
}

func (s *Store) hosting(ctx context.Context) *host {
	h, _ := ctx.Value(hostKey{s}).(*host)
	return h
}

func (h *host) run(ctx context.Context, t *txn, fn func(ctx context.Context, tx ports.Tx) error) (err error) {
	if !h.busy.TryLock() {
		return fmt.Errorf("mongodb: in the host's transaction: %w", uow.ErrNested)
	}
	defer h.busy.Unlock()
	if h.session.StartTransaction() == nil { // fails if there is a transaction
		_ = h.session.AbortTransaction(ctx) // the server does not know of it yet
		return fmt.Errorf("mongodb: %w", ErrNoTransaction)
	}
	t.session, t.hosted = h.session, true
	kept := false
	defer func() {
		if !kept {
			h.undo(ctx, t)
		}
	}()
	err = t.run(ctx, fn)
	kept = err == nil
	return err
}

// undo removes the writes of a unit. Without savepoints that aborts the whole transaction. If the
// unit has only held documents, undo removes its claims.
func (h *host) undo(ctx context.Context, t *txn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	t.waiting = nil
	if !t.wrote && t.dropClaims(ctx) == nil {
		return
	}
	_ = h.session.AbortTransaction(ctx) // if this does not arrive, the server aborts after a minute
}
