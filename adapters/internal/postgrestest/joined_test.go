package postgrestest

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/postgres"
)

func TestJoinedSubscribers(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	schema := pgx.Identifier{o.Schema}.Sanitize()
	pool := hostPool(t, dsn, o)
	defer pool.Close()
	_, err := pool.Exec(ctx, "CREATE TABLE "+schema+".hotel_diary (line text NOT NULL)")
	must(t, err)
	open := func(ctx context.Context, c wiring.Config) (*wiring.App, error) { return root.New(ctx, dsn, o, c) }
	wired.Joined(t, open, wired.Diary{
		Write: func(ctx context.Context, line string) error {
			tx, err := postgres.TxFrom(ctx)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+schema+".hotel_diary (line) VALUES ($1)", line); err != nil {
				return err
			}
			var seen bool
			err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+schema+".outbox) OR EXISTS (SELECT FROM "+schema+".events)").Scan(&seen)
			if err == nil && !seen {
				err = errors.New("the unit's events are not there")
			}
			return err
		},
		Read: func(t *testing.T) []string {
			rows, err := pool.Query(ctx, "SELECT line FROM "+schema+".hotel_diary")
			must(t, err)
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			must(t, err)
			return lines
		},
	})
}

// A host cannot end the transaction of a unit, nor use it afterwards. A statement that fails makes
// the unit fail, unless it is in a savepoint. It is the same in a transaction of the host.
func TestTxFrom(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	schema := pgx.Identifier{o.Schema}.Sanitize()
	pool := hostPool(t, dsn, o)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	defer func() { must(t, store.Close(context.Background())) }()
	_, err = pool.Exec(ctx, "CREATE TABLE "+schema+".rooms (number integer PRIMARY KEY)")
	must(t, err)
	take := "INSERT INTO " + schema + ".rooms (number) VALUES ($1)"
	taken := func(want int) {
		t.Helper()
		var n int
		must(t, pool.QueryRow(ctx, "SELECT count(*) FROM "+schema+".rooms").Scan(&n))
		if n != want {
			t.Errorf("%d rooms are taken, want %d", n, want)
		}
	}

	if _, err := postgres.TxFrom(ctx); !errors.Is(err, postgres.ErrNoUnit) {
		t.Errorf("TxFrom = %v without a unit, want ErrNoUnit", err)
	}
	must(t, store.Run(ctx, uow.Read, func(ctx context.Context, _ ports.Tx) error {
		if _, err := postgres.TxFrom(ctx); !errors.Is(err, postgres.ErrNoUnit) {
			t.Errorf("TxFrom = %v in a unit that reads, want ErrNoUnit", err)
		}
		return nil
	}))
	unit := func(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) (kept pgx.Tx, err error) {
		err = store.Run(ctx, uow.Write, func(ctx context.Context, _ ports.Tx) error {
			tx, err := postgres.TxFrom(ctx)
			must(t, err)
			kept = tx
			return fn(ctx, tx)
		})
		return kept, err
	}
	kept, err := unit(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := errors.Join(tx.Commit(ctx), tx.Rollback(ctx)); !errors.Is(err, postgres.ErrLent) {
			t.Errorf("Commit and Rollback = %v, want ErrLent", err)
		}
		if _, err := tx.Exec(ctx, take, 1); err != nil {
			return err
		}
		savepoint, err := tx.Begin(ctx)
		must(t, err)
		if _, err := savepoint.Exec(ctx, take, 1); err == nil {
			t.Error("a room was taken twice")
		}
		return savepoint.Rollback(ctx)
	})
	must(t, err)
	taken(1)
	if _, err := kept.Exec(ctx, take, 9); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("Exec = %v after the unit, want ErrTxClosed", err)
	}
	kept, err = unit(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, _ = tx.Exec(ctx, take, 2)
		_, _ = tx.Exec(ctx, take, 2)
		return nil
	})
	if err == nil {
		t.Error("a unit in which a statement failed was committed")
	}
	if _, err := kept.Exec(ctx, take, 9); !errors.Is(err, pgx.ErrTxClosed) {
		t.Errorf("Exec = %v after the roll-back, want ErrTxClosed", err)
	}
	_, err = unit(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$")
		return err
	})
	if _, ok := errors.AsType[*pgconn.PgError](err); !ok || !errors.Is(err, uow.ErrConflict) {
		t.Errorf("the unit returned %v, want ErrConflict", err)
	}
	for _, failure := range []string{"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53100'; END $$", "SELECT pg_terminate_backend(pg_backend_pid())"} {
		_, err = unit(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, failure)
			return err
		})
		if !errors.Is(err, uow.ErrUnreachable) {
			t.Errorf("the unit returned %v after %s, want ErrUnreachable", err, failure)
		}
	}
	taken(1)

	host, err := pool.Begin(ctx)
	must(t, err)
	joined := store.Join(ctx, host)
	_, err = unit(joined, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, take, 3)
		return err
	})
	must(t, err)
	_, err = unit(joined, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, take, 4)
		return errors.Join(err, errors.New("no"))
	})
	if err == nil {
		t.Error("a unit whose function failed succeeded")
	}
	must(t, host.Commit(ctx))
	taken(2)
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections were not returned", n)
	}
}
