package mongodb

import (
	"context"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// Join gives a context in which the units of work of this store are part of a host's own transaction, in a session
// of the client that the store was made with. They are kept when the host commits, and not before:
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
// Begin it with those concerns: the rules of the store, and uow.Snapshot, rely on them. MongoDB has no savepoints: a unit that
// fails after it has written ends the host's transaction, which is aborted then; so does any failure of the server's, like
// uow.ErrConflict, after which the host begins anew. One that is refused before it wrote anything leaves the transaction
// as it was. No unit is run again, and none queues: what the host has written for others to wait for is not known here. A
// session without a transaction is ErrNoTransaction. Call it once for a session, and let one unit at a time use what it gives: another one answers uow.ErrNested.
func (s *Store) Join(ctx context.Context, session mongo.Session) context.Context {
	return context.WithValue(uow.WithoutRetry(ctx), hostKey{s}, &host{session: session})
}

type hostKey struct{ store *Store }

// host is a transaction of the host's.
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
	if h.session.StartTransaction() == nil { // which is refused while there is one
		_ = h.session.AbortTransaction(ctx) // of which the server has not heard
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

// undo takes back what a unit has written: without savepoints, that is the whole transaction. Of one that has only held something,
// what it claimed goes again.
func (h *host) undo(ctx context.Context, t *txn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	t.waiting = nil
	if !t.wrote && t.dropClaims(ctx) == nil {
		return
	}
	_ = h.session.AbortTransaction(ctx) // where it does not arrive, the server aborts after a minute
}
