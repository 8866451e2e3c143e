package postgrestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/messaging"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

// hosted is a store in a database that a host uses, too.
type hosted struct {
	*testing.T
	*community.Community
	store *postgres.Store
	pool  *pgxpool.Pool
	pair  community.Pair
}

func newHosted(t *testing.T) *hosted {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	pool := hostPool(t, dsn, o)
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close(ctx)) })
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 1)
	must(t, err)
	_, err = pool.Exec(ctx, "CREATE TABLE bookings (n integer PRIMARY KEY)")
	must(t, err)
	return &hosted{t, c, store, pool, pairs[0]}
}

func (h *hosted) send(ctx context.Context) error {
	_, err := h.Messaging.Send(ctx, h.pair.Voyager, h.pair.Talk, messaging.Draft{Content: "It is booked."}, "")
	return err
}

// expect fails the test unless the store holds these numbers of bookings and messages.
func (h *hosted) expect(bookings, messages int) {
	h.Helper()
	ctx := context.Background()
	var there int
	must(h, h.pool.QueryRow(ctx, "SELECT count(*) FROM bookings").Scan(&there))
	var sent []messaging.Message
	must(h, h.store.Run(ctx, uow.Read, func(ctx context.Context, tx ports.Tx) (err error) {
		_, sent, err = tx.Messaging().History(ctx, h.pair.Talk, h.pair.Voyager, nil, 100)
		return err
	}))
	if there != bookings || len(sent) != messages {
		h.Errorf("got %d bookings and %d messages, want %d and %d", there, len(sent), bookings, messages)
	}
	v, err := h.Auditor.Audit(ctx)
	must(h, err)
	if len(v.Violations) > 0 {
		h.Errorf("the store breaks %v", v.Violations)
	}
}

func TestJoin(t *testing.T) {
	ctx, h := context.Background(), newHosted(t)
	book := func(tx pgx.Tx, n int) { _, err := tx.Exec(ctx, "INSERT INTO bookings VALUES ($1)", n); must(t, err) }

	tx, err := h.pool.Begin(ctx)
	must(t, err)
	book(tx, 1)
	must(t, h.send(h.store.Join(ctx, tx)))
	h.expect(0, 0) // before the host commits
	must(t, tx.Commit(ctx))
	h.expect(1, 1)

	tx, err = h.pool.Begin(ctx)
	must(t, err)
	book(tx, 2)
	must(t, h.send(h.store.Join(ctx, tx)))
	must(t, tx.Rollback(ctx))
	h.expect(1, 1)

	// A failed unit does not roll back the host's writes.
	tx, err = h.pool.Begin(ctx)
	must(t, err)
	joined := h.store.Join(ctx, tx)
	book(tx, 3)
	must(t, h.send(joined))
	broken := h.store.Run(joined, uow.Write, func(ctx context.Context, tx ports.Tx) error {
		must(t, h.addMessage(ctx, tx, h.pair.Talk))
		return h.addMessage(ctx, tx, id.Conversation{}) // it does not exist
	})
	if broken == nil {
		t.Error("got no error for a message in no conversation")
	}
	must(t, h.send(joined))
	must(t, h.store.Run(joined, uow.Read, func(ctx context.Context, tx ports.Tx) error {
		_, sent, err := tx.Messaging().History(ctx, h.pair.Talk, h.pair.Voyager, nil, 100)
		if len(sent) != 3 {
			t.Errorf("the host's transaction sees %d messages", len(sent))
		}
		return err
	}))
	must(t, tx.Commit(ctx))
	h.expect(2, 3)

	if err := h.send(joined); err == nil {
		t.Error("a unit joined a transaction that had ended")
	}
	h.expect(2, 3)
}

func (h *hosted) addMessage(ctx context.Context, tx ports.Tx, talk id.Conversation) error {
	return tx.Messaging().AddMessage(ctx, messaging.Message{
		ID: id.Message(id.NewGenerator(nil).Next()), ConversationID: talk, UserID: h.pair.Voyager, Content: "x", CreatedAt: time.UnixMilli(1),
	}, nil)
}

// The host has to handle a conflict: the unit is not retried.
func TestConflictInHostTransaction(t *testing.T) {
	ctx, h := context.Background(), newHosted(t)
	begin := func() pgx.Tx {
		tx, err := h.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		must(t, err)
		_, err = tx.Exec(ctx, "SELECT 1") // takes the snapshot
		must(t, err)
		return tx
	}
	late := begin()
	must(t, h.send(ctx))
	runs := 0
	err := h.Store.Do(h.store.Join(ctx, late), func(ctx context.Context, tx ports.Tx) error {
		runs++
		_, err := tx.Users().Hold(ctx, h.pair.Voyager)
		must(t, err)
		_, err = tx.Tokens().Close(ctx, h.pair.Voyager)
		return err
	})
	if !errors.Is(err, uow.ErrConflict) || runs != 1 {
		t.Errorf("got %d runs and error %v", runs, err)
	}
	must(t, late.Rollback(ctx))
	h.expect(0, 1)
}

func TestOneUnitAtATimeInHostTransaction(t *testing.T) {
	ctx, h := context.Background(), newHosted(t)
	tx, err := h.pool.Begin(ctx)
	must(t, err)
	joined := h.store.Join(ctx, tx)
	must(t, h.store.Run(joined, uow.Write, func(ctx context.Context, _ ports.Tx) error {
		if err := h.store.Run(joined, uow.Read, func(context.Context, ports.Tx) error { return nil }); !errors.Is(err, uow.ErrNested) {
			t.Errorf("a second unit: got error %v", err)
		}
		return nil
	}))
	must(t, tx.Rollback(ctx))
}

func TestSnapshotInHostTransaction(t *testing.T) {
	ctx, h := context.Background(), newHosted(t)
	look := func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().User(ctx, h.pair.Voyager)
		return err
	}
	for level, want := range map[pgx.TxIsoLevel]error{
		pgx.ReadCommitted: postgres.ErrNoSnapshot, pgx.RepeatableRead: nil, pgx.Serializable: nil,
	} {
		tx, err := h.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
		must(t, err)
		err = h.store.Run(h.store.Join(ctx, tx), uow.Snapshot, look)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("at %s: %v", level, err)
		}
		must(t, tx.Commit(ctx))
	}
	if fault.KindOf(postgres.ErrNoSnapshot) != fault.Internal {
		t.Error("a wrong isolation level of the host is reported as an error of the user")
	}
}

// joining is a store that runs each unit in a host's transaction of its own.
type joining struct {
	*postgres.Store
	pool *pgxpool.Pool
}

func (j joining) Run(ctx context.Context, mode uow.Mode, fn func(ctx context.Context, tx ports.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	level := map[uow.Mode]pgx.TxIsoLevel{uow.Snapshot: pgx.RepeatableRead}[mode]
	tx, err := j.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
	if err != nil {
		return uow.ErrUnreachable.Wrap(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after a commit
	if err := j.Store.Run(j.Join(ctx, tx), mode, fn); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// Units in a host's transaction pass the conformance kit.
func TestStorageInHostTransactions(t *testing.T) {
	if !soak() {
		t.Skip("runs in make soak: the kit a second time, in hosts' transactions")
	}
	dsn := servers.Postgres(t)
	porttest.Storage(t, func(t *testing.T) ports.Storage {
		o := fresh(t, dsn)
		pool := hostPool(t, dsn, o)
		s, err := postgres.New(context.Background(), pool, o)
		must(t, err)
		return joining{s, pool}
	})
}
