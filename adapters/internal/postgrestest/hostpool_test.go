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
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// On a host's pool, the host's queries run with the host's settings, before and after units and
// inside a transaction that units have joined. Units run with their own settings.
func TestHostsPool(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	o.StatementTimeout, o.LockTimeout, o.IdleTimeout = 300*time.Millisecond, 100*time.Millisecond, 400*time.Millisecond
	o.MaxConns = 2
	pool := hostPool(t, dsn, o, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = "the host" })
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close(ctx)) })
	c := community.New(store, community.NewClock(), id.NewGenerator(nil), uow.Policy{})
	_, pairs, err := c.Populate(ctx, 1)
	must(t, err)

	const slow = "SELECT pg_sleep(0.5)"
	_, err = pool.Exec(ctx, slow)
	must(t, err)
	_, err = c.Reservations.Funds(ctx, pairs[0].Voyager)
	must(t, err)
	tx, err := pool.Begin(ctx)
	must(t, err)
	must(t, store.Run(store.Join(ctx, tx), uow.Write, func(ctx context.Context, tx ports.Tx) error {
		_, err := tx.Users().Hold(ctx, pairs[0].Voyager)
		return err
	}))
	time.Sleep(500 * time.Millisecond) // longer than the idle timeout of units
	_, err = tx.Exec(ctx, slow)
	must(t, err)
	var name, jit string
	must(t, tx.QueryRow(ctx, "SELECT current_setting('application_name'), current_setting('jit')").Scan(&name, &jit))
	if name != "the host" || jit != "on" {
		t.Errorf("the host has application_name %q and jit %q", name, jit)
	}

	must(t, tx.Rollback(ctx))

	// Other units wait for a lock of the host's transaction until LockTimeout.
	for _, mode := range []uow.Mode{uow.Read, uow.Write, uow.Snapshot} {
		tx, err := pool.Begin(ctx)
		must(t, err)
		read := func(ctx context.Context, tx ports.Tx) error {
			_, err := tx.Users().User(ctx, pairs[0].Voyager)
			return err
		}
		must(t, store.Run(ctx, mode, read)) // prepares it on the other connection, because preparing waits for the table, too
		_, err = tx.Exec(ctx, "LOCK TABLE "+pgx.Identifier{o.Schema, "users"}.Sanitize())
		must(t, err)
		if err := store.Run(ctx, mode, read); !errors.Is(err, uow.ErrConflict) {
			t.Errorf("in mode %v, a unit that waits for the host got %v, want a conflict", mode, err)
		}
		must(t, tx.Rollback(ctx))
	}
}
