package mongodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// txn is a unit's transaction. It begins when it is first needed, so that those who queue for a document begin when it is
// their turn: a transaction that began before would lose against those in front.
type txn struct {
	store   *Store
	mode    uow.Mode
	session mongo.Session // nil until the transaction has begun
	hosted  bool          // the transaction is the host's
	wrote   bool          // something was sent that is to be kept
	holds   []hold        // what was sent only to keep others away
	waiting []*batch      // writes that need no answer, by collection
	strict  bool          // a duplicate is not what a race left behind, but a fault
	unknown bool          // a commit was sent, and may have been done
	turns   []turn

	// What this unit has written, so that nobody else can change it until the unit ends.
	active       map[id.User]bool // whether the account is
	calendars    map[id.User]bool
	claims       []bson.D // ids of the idempotency records that were made, and are empty yet
	reservations map[id.Reservation]reservations.Reservation
}

// concerns are said with each transaction: what the database or the collection says is dropped inside one.
var concerns = options.Transaction().
	SetReadConcern(readconcern.Snapshot()).
	SetWriteConcern(writeconcern.Majority()).
	SetReadPreference(readpref.Primary())

func (t *txn) run(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	defer t.leave(ctx)
	u := &unit{uow.NewUnit("mongodb", t.mode), t}
	if err := u.Run(func() error { return fn(ctx, u) }); err != nil {
		return err
	}
	err := ctx.Err()
	if err == nil {
		err = t.commit(ctx)
	}
	if err != nil {
		return fmt.Errorf("mongodb: commit: %w", err)
	}
	return nil
}

func (t *txn) begin() error {
	if t.session != nil {
		return nil
	}
	session, err := t.store.client.StartSession()
	if err != nil {
		return fmt.Errorf("start a session: %w", err)
	}
	if err := session.StartTransaction(concerns); err != nil {
		session.EndSession(context.Background()) // which has nothing to say to the server
		return fmt.Errorf("begin a transaction: %w", err)
	}
	t.session = session
	return nil
}

// renew begins the transaction again, for a unit that has waited for its turn: those in front have changed what it waited for, and
// one that began before they did would lose. It can as long as the unit has only read and held: what it held must be as it was.
func (t *txn) renew(ctx context.Context) error {
	if t.session == nil || t.wrote {
		return nil
	}
	t.abort(ctx)
	if err := t.begin(); err != nil {
		return err
	}
	holds := t.holds
	t.holds = nil
	for _, h := range holds { // before what the unit has written since, which waits still
		found, err := t.sendHold(ctx, h)
		if errors.Is(err, mongo.ErrNoDocuments) || err == nil && !slices.EqualFunc(found, h.found, sameBytes) {
			err = uow.ErrConflict.Wrap(errChanged)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sameBytes(a, b bson.Raw) bool { return bytes.Equal(a, b) }

// together makes what f asks be of one moment.
func (t *txn) together(ctx context.Context, f func() error) error {
	if t.session != nil {
		return f()
	}
	if err := t.begin(); err != nil {
		return err
	}
	if t.mode == uow.Read {
		defer t.abort(ctx)
	}
	return f()
}

// send runs one command, in the transaction where it has begun, and says what its error means.
func (t *txn) send(ctx context.Context, command func(ctx context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, t.store.options.CommandTimeout)
	defer cancel()
	if t.session != nil {
		asking = mongo.NewSessionContext(asking, t.session)
	}
	err := command(asking)
	if err != nil && ended(ctx) == nil && ended(asking) != nil {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	if t.mode == uow.Snapshot && hasCode(err, codeNoSuchTransaction) {
		err = fmt.Errorf("one moment is seen no longer than the server's transactionLifetimeLimitSeconds: %w", err)
	}
	return translate(ctx, err)
}

// commit sends what waits, and commits, unless there is nothing to keep: what was held is let go of then.
func (t *txn) commit(ctx context.Context) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	if err := t.dropClaims(ctx); err != nil || t.hosted || !t.wrote {
		return err
	}
	// From here on the caller's leaving would only hide how it went.
	ctx = context.WithoutCancel(ctx)
	trying, cancel := context.WithTimeout(ctx, t.store.options.CommitTime)
	defer cancel()
	const longest = 250 * time.Millisecond
	for ceiling := 2 * time.Millisecond; ; ceiling = min(2*ceiling, longest) {
		err := t.session.CommitTransaction(trying)
		if err == nil || hasLabel(err, labelTransient) || !t.unknown && !isUnknown(err) {
			return translate(ctx, err)
		}
		t.unknown = true // whatever but these a later attempt is told says nothing of this one
		select {
		case <-time.After(rand.N(ceiling)): // #nosec G404 -- full jitter wants spread, not secrecy
		case <-trying.Done():
			return uow.ErrOutcomeUnknown.Wrap(err)
		}
	}
}

// abort ends a transaction that nothing is kept of, whatever has become of the caller. Where a commit over many shards may be under
// way it only lets go of the session: mongos would pass an abort on to shards that have yet to hear of the commit.
func (t *txn) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	if t.unknown && t.store.sharded {
		cancel()
	}
	t.session.EndSession(ctx) // which aborts what is in progress; where that does not arrive, the server does after a minute
	t.session = nil
}

// leave undoes what was not committed, and lets the next ones have their turns.
func (t *txn) leave(ctx context.Context) {
	if t.session != nil && !t.hosted {
		t.abort(ctx)
	}
	for _, name := range slices.Backward(t.turns) {
		t.store.turns.give(name)
	}
	t.turns = nil
}
