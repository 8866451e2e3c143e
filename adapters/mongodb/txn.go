package mongodb

import (
	"bytes"
	"cmp"
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
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// txn is a unit's transaction. It begins when it is first needed, and so after the unit's turn in a
// queue: a transaction that began before would conflict with the units in front.
type txn struct {
	store   *Store
	mode    uow.Mode
	began   time.Time     // when the first attempt of the unit began
	session mongo.Session // nil until the transaction has begun
	outside mongo.Session // of reads outside of the transaction, behind mongos; nil before the first one
	since   time.Time     // when the transaction began
	hosted  bool          // the transaction is the host's
	wrote   bool          // a write was sent that must be committed
	holds   []hold        // the holds that were sent
	waiting []*batch      // queued writes, by collection
	strict  bool          // a duplicate is an error, not a conflict
	unknown bool          // a commit was sent, and may have taken effect
	lost    bool          // the last command in the transaction had no response
	turns   []turn
	waits   int // how often the unit had to wait for a turn

	present *users.Presence // the check with which the unit begins; nil if there is none, or if it was made
	used    bool            // the unit has made a call, apart from that check
	whole   bool            // the unit was committed in one step: see sends.go

	own  documents // that the unit has changed, or will change with queued writes
	read documents // that it has read outside of the transaction

	// Documents that this unit has written, so that no other unit can change them until it ends.
	active       map[id.User]bool // whether the account is active
	calendars    map[id.User]bool
	claims       []bson.D // ids of the idempotency records that the unit claimed and did not save
	reservations map[id.Reservation]reservations.Reservation

	correspondents []matching.Correspondent // that the unit adds
}

// concerns are set on each transaction: those of the database or the collection do not apply in a
// transaction.
var concerns = options.Transaction().
	SetReadConcern(readconcern.Snapshot()).
	SetWriteConcern(writeconcern.Majority()).
	SetReadPreference(readpref.Primary())

func (t *txn) run(ctx context.Context, fn func(ctx context.Context, tx ports.Tx) error) error {
	defer t.leave(ctx)
	u := &unit{uow.NewUnit("mongodb", t.mode), t}
	inside := ctx
	if t.mode == uow.Write {
		inside = context.WithValue(ctx, unitKey{}, u)
	}
	err := u.Run(func() error { return fn(inside, u) })
	if err != nil && t.present != nil { // the error of the session comes before any other
		err = cmp.Or(t.checkPresence(ctx), err)
	}
	if err != nil {
		return orConflict(err)
	}
	if err := t.finish(ctx); err != nil {
		return err
	}
	if !t.hosted {
		for _, c := range t.correspondents {
			t.store.correspondents.put(c, struct{}{})
		}
	}
	return nil
}

// finish makes the check that no call has made, and commits.
func (t *txn) finish(ctx context.Context) error {
	if t.whole {
		return nil
	}
	err := ctx.Err()
	if err == nil {
		if err := t.checkPresence(ctx); err != nil {
			return fmt.Errorf("mongodb: %w", err)
		}
		err = t.commit(ctx)
	}
	if err != nil {
		return fmt.Errorf("mongodb: commit: %w", err)
	}
	return nil
}

func (t *txn) begin(ctx context.Context) error {
	if t.session != nil {
		return nil
	}
	if err := t.liftQueued(ctx); err != nil {
		return err
	}
	apart := t.mode == uow.Snapshot && t.store.sharded && t.store.wire >= snapshotWire
	session, err := t.store.client.StartSession(options.Session().SetSnapshot(apart))
	if err != nil {
		return fmt.Errorf("start a session: %w", err)
	}
	if apart { // its reads see one moment without a transaction
		t.session = session
		return nil
	}
	if err := session.StartTransaction(concerns); err != nil {
		session.EndSession(context.Background()) // sends nothing to the server
		return fmt.Errorf("begin a transaction: %w", err)
	}
	if t.outside != nil {
		follow(session, t.outside)
	}
	t.session, t.since = session, time.Now()
	return nil
}

// renew begins the transaction again, for a unit that had to wait: the units in front have changed
// the document that it waited for, and the old transaction would conflict. That is possible while
// the unit has only read and held documents, and only if those are unchanged.
func (t *txn) renew(ctx context.Context) error {
	if t.session == nil || t.wrote {
		return nil
	}
	t.abort(ctx)
	if err := t.begin(ctx); err != nil {
		return err
	}
	holds := t.holds
	t.holds = nil
	for _, h := range holds { // before the unit's queued writes
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

// together runs f in a transaction, so that its queries see one moment. Behind mongos, each of them
// sees the latest state instead, unless the unit is a snapshot: see sharded.go.
func (t *txn) together(ctx context.Context, f func() error) error {
	if t.session != nil || t.store.sharded && t.mode != uow.Snapshot {
		return f()
	}
	if err := t.begin(ctx); err != nil {
		return err
	}
	if t.mode == uow.Read {
		defer t.abort(ctx)
	}
	return f()
}

// send runs one command, in the transaction if it has begun, and translates its error.
func (t *txn) send(ctx context.Context, command func(ctx context.Context) error) error {
	return t.sendIn(ctx, t.session, command)
}

// sendIn runs one command in a session, or in none if it is nil, and translates its error.
func (t *txn) sendIn(ctx context.Context, session mongo.Session, command func(ctx context.Context) error) error {
	asking, cancel := context.WithTimeout(ctx, t.store.options.CommandTimeout)
	defer cancel()
	if session != nil {
		asking = mongo.NewSessionContext(asking, session)
	}
	err := command(asking)
	if session != nil && session == t.session {
		t.lost = err != nil && (ended(asking) != nil || isLost(err))
	}
	if err != nil && ended(ctx) == nil && ended(asking) != nil {
		err = fmt.Errorf("%w: %w", errSilent, err)
		t.noteSilence()
	}
	if t.mode == uow.Snapshot && hasCode(err, codeNoSuchTransaction) {
		err = fmt.Errorf("a snapshot ends after the server's transactionLifetimeLimitSeconds: %w", err)
	}
	if t.mode == uow.Snapshot && hasCode(err, codeSnapshotTooOld) {
		err = fmt.Errorf("a snapshot ends after the server's minSnapshotHistoryWindowInSeconds: %w", err)
	}
	return translate(ctx, err)
}

// commit sends the queued writes and commits. If there is nothing to commit, it aborts and so
// releases the held documents.
func (t *txn) commit(ctx context.Context) error {
	if err := t.flush(ctx); err != nil {
		return err
	}
	if err := t.dropClaims(ctx); err != nil || t.hosted || !t.wrote {
		return err
	}
	// From here on, the end of ctx would only hide the outcome.
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
			t.noteSilence()
			return uow.ErrOutcomeUnknown.Wrap(err)
		}
	}
}

// abort ends a transaction without a commit, even if ctx has ended. If a commit over many shards
// may be in progress, abort only ends the session: mongos would pass an abort on to shards that
// have not yet received the commit.
func (t *txn) abort(ctx context.Context) {
	limit := undoTime
	if t.store.isSilent() {
		limit = giveUpTime // the other shards abort when they get it; the response waits for the silent one
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if t.unknown && t.store.sharded {
		cancel()
	}
	if t.lost && !t.unknown {
		t.supersede(ctx)
	}
	t.session.EndSession(ctx) // which aborts what is in progress; where that does not arrive, the server does after a minute
	t.session, t.lost = nil, false
}

// supersede aborts the transaction and begins the session's next one, so that the server refuses a
// command of the first that arrives now. A command without a response may arrive after the abort,
// because that uses another connection. If it was the command that begins the transaction, the
// transaction would stay open, with its locks, until the server's time limit.
func (t *txn) supersede(ctx context.Context) {
	if t.session.AbortTransaction(ctx) == nil && t.session.StartTransaction(concerns) == nil {
		_ = t.store.in(countersIn).FindOne(mongo.NewSessionContext(ctx, t.session), d("_id", ports.EventCounter)).Err()
	}
}

// leave aborts an uncommitted transaction, and passes on the unit's turns.
func (t *txn) leave(ctx context.Context) {
	if t.session != nil && !t.hosted {
		t.abort(ctx)
	}
	if t.outside != nil {
		t.outside.EndSession(ctx) // sends nothing to the server
	}
	for _, name := range slices.Backward(t.turns) {
		t.store.turns.give(name)
	}
	t.turns = nil
}
