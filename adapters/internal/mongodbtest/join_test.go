package mongodbtest

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/mongodb"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/idempotency"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/tokens"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// hosted is a store in a deployment that the host program uses, too.
type hosted struct {
	*testing.T
	*community.Community
	store    *mongodb.Store
	client   *mongo.Client
	bookings *mongo.Collection
	pair     community.Pair
}

func newHosted(t *testing.T, s target) *hosted {
	ctx, client, o := context.Background(), s.client(t), s.empty(t)
	must(t, mongodb.MigrateClient(ctx, client, o))
	store, err := mongodb.New(ctx, client, o)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close(ctx)) })
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 1)
	must(t, err)
	must(t, client.Database(o.Database).CreateCollection(ctx, "bookings"))
	return &hosted{t, c, store, client, client.Database(o.Database).Collection("bookings"), pairs[0]}
}

// begin begins a transaction of the host. It is aborted when the test ends, unless it has ended before.
func (h *hosted) begin() mongo.Session {
	h.Helper()
	session, err := h.client.StartSession()
	must(h, err)
	h.Cleanup(func() { session.EndSession(context.Background()) })
	must(h, session.StartTransaction(hostConcerns))
	return session
}

var hostConcerns = options.Transaction().SetReadConcern(readconcern.Snapshot()).SetWriteConcern(writeconcern.Majority()).
	SetReadPreference(readpref.Primary())

func (h *hosted) book(session mongo.Session, n int) {
	h.Helper()
	_, err := h.bookings.InsertOne(mongo.NewSessionContext(context.Background(), session), bson.M{"_id": n})
	must(h, err)
}

func (h *hosted) send(ctx context.Context, key idempotency.Key) error {
	_, err := h.Messaging.Send(ctx, h.pair.Voyager, h.pair.Talk, messaging.Draft{Content: "It is booked."}, key)
	return err
}

// expect checks the numbers of bookings and messages in the database.
func (h *hosted) expect(bookings, messages int) {
	h.Helper()
	ctx := context.Background()
	there, err := h.bookings.CountDocuments(ctx, bson.D{})
	must(h, err)
	var sent []messaging.Message
	must(h, h.store.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		_, sent, err = tx.Messaging().History(ctx, h.pair.Talk, h.pair.Voyager, nil, 100)
		return err
	}))
	if int(there) != bookings || len(sent) != messages {
		h.Errorf("%d bookings and %d messages, want %d and %d", there, len(sent), bookings, messages)
	}
	workload.Audit(h, h.Community)
}

func TestJoin(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx, h := context.Background(), newHosted(t, s)

		session := h.begin()
		h.book(session, 1)
		joined := h.store.Join(ctx, session)
		must(t, h.send(joined, "a-key"))
		must(t, h.send(joined, "a-key")) // a repeat, which sends no second message
		must(t, h.send(joined, ""))
		h.expect(0, 0) // before the host commits
		must(t, session.CommitTransaction(ctx))
		h.expect(1, 2)

		session = h.begin()
		h.book(session, 2)
		must(t, h.send(h.store.Join(ctx, session), ""))
		must(t, session.AbortTransaction(ctx))
		h.expect(1, 2)

		// A unit that fails before it writes leaves the host's transaction as it was.
		session = h.begin()
		joined = h.store.Join(ctx, session)
		h.book(session, 3)
		for _, key := range []idempotency.Key{"", "refused"} {
			_, err := h.Messaging.Send(joined, h.pair.Voyager, id.Conversation{}, messaging.Draft{Content: "x"}, key)
			if !errors.Is(err, fault.NotFound) {
				t.Errorf("Send to no conversation with the key %q = %v, want NotFound", key, err)
			}
		}
		if err := h.store.Run(joined, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			tooMuch := bonus(h.pair.Local)
			tooMuch.Amount, tooMuch.Type = -1_000_000, tokens.Penalty
			_, err := tx.Tokens().Post(ctx, tooMuch)
			return err
		}); !errors.Is(err, fault.InsufficientTokens) {
			t.Errorf("a debit above the balance failed with %v, want InsufficientTokens", err)
		}
		must(t, h.send(joined, ""))
		must(t, session.CommitTransaction(ctx))
		h.expect(2, 3)
		records := h.bookings.Database().Collection("idempotency_records")
		claimed, err := records.CountDocuments(ctx, bson.M{"_id.key": "refused"})
		must(t, err)
		if claimed != 0 {
			t.Error("the key of the refused message is stored")
		}

		// A unit that fails after it has written aborts the host's transaction.
		session = h.begin()
		joined = h.store.Join(ctx, session)
		h.book(session, 4)
		broken := errors.New("broken")
		err = h.store.Run(joined, uow.Write, func(ctx context.Context, tx ports.Tx) error {
			if _, err := tx.Users().Hold(ctx, h.pair.Voyager); err != nil {
				return err
			}
			if _, err := tx.Tokens().Close(ctx, h.pair.Voyager); err != nil {
				return err
			}
			return broken
		})
		if !errors.Is(err, broken) {
			t.Errorf("Run = %v, want the error of the unit", err)
		}
		if err := session.CommitTransaction(ctx); err == nil {
			t.Error("the host committed a part of a failed unit")
		}
		h.expect(2, 3)
	})
}

func TestJoinWithoutTransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx, h := context.Background(), newHosted(t, s)
		session, err := h.client.StartSession()
		must(t, err)
		defer session.EndSession(ctx)
		joined := h.store.Join(ctx, session)
		if err := h.send(joined, ""); !errors.Is(err, mongodb.ErrNoTransaction) {
			t.Errorf("a unit in a session without a transaction failed with %v, want ErrNoTransaction", err)
		}
		must(t, session.StartTransaction(hostConcerns))
		must(t, h.send(joined, ""))
		must(t, session.CommitTransaction(ctx))
		if err := h.send(joined, ""); !errors.Is(err, mongodb.ErrNoTransaction) {
			t.Errorf("a unit after the commit failed with %v, want ErrNoTransaction", err)
		}
		h.expect(0, 1)
	})
}

// A conflict in a host's transaction ends the unit without a second run: only the host can repeat its
// transaction.
func TestConflictInHostTransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx, h := context.Background(), newHosted(t, s)
		late := h.begin()
		h.book(late, 1) // takes the snapshot
		must(t, h.send(ctx, ""))
		runs := 0
		err := h.Store.Do(h.store.Join(ctx, late), func(ctx context.Context, tx ports.Tx) error {
			runs++
			_, err := tx.Tokens().Post(ctx, tokens.Entry{UserID: h.pair.Voyager, Amount: 1, Type: tokens.Bonus})
			return err
		})
		if !errors.Is(err, uow.ErrConflict) || runs != 1 {
			t.Errorf("%d runs failed with %v, want one run and ErrConflict", runs, err)
		}
		if err := late.CommitTransaction(ctx); err == nil {
			t.Error("the host committed after a conflict")
		}
		h.expect(0, 1)
	})
}

func TestOneUnitAtATimeInHostTransaction(t *testing.T) {
	everywhere(t, func(t *testing.T, s target) {
		ctx, h := context.Background(), newHosted(t, s)
		joined := h.store.Join(ctx, h.begin())
		must(t, h.store.Run(joined, uow.Write, func(context.Context, ports.Tx) error {
			err := h.store.Run(joined, uow.Read, func(context.Context, ports.Tx) error { return nil })
			if !errors.Is(err, uow.ErrNested) {
				t.Errorf("a second unit failed with %v, want ErrNested", err)
			}
			return nil
		}))
	})
}

// joining is a storage that runs each unit in a separate transaction of the host.
type joining struct {
	*mongodb.Store
	client *mongo.Client
}

func (j joining) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	session, err := j.client.StartSession()
	if err != nil {
		return uow.ErrUnreachable.Wrap(err)
	}
	defer session.EndSession(context.WithoutCancel(ctx)) // aborts a transaction that was not committed
	if err := session.StartTransaction(hostConcerns); err != nil {
		return err
	}
	if err := j.Store.Run(j.Join(ctx, session), mode, fn); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return session.CommitTransaction(ctx)
}

// Units in a host's transaction keep the promises of the kit.
func TestStorageInHostTransactions(t *testing.T) {
	if !soak() {
		t.Skip("runs in make soak: the kit again, in transactions of a host")
	}
	everywhere(t, func(t *testing.T, s target) {
		porttest.Storage(t, func(t *testing.T) ports.Storage {
			store, err := mongodb.New(context.Background(), s.client(t), s.fresh(t))
			must(t, err)
			return joining{store, s.client(t)}
		})
	})
}
