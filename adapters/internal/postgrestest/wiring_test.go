package postgrestest

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/internal/wired"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/wiring"
	root "github.com/cicerone-go/cicerone/wiring/postgres"
)

func TestWiring(t *testing.T) {
	dsn := servers.Postgres(t)
	wired.Servers(t, true, func(t *testing.T) wired.New {
		o := fresh(t, dsn)
		return func(ctx context.Context, c wiring.Config) (*wiring.App, error) { return root.New(ctx, dsn, o, c) }
	})
}

func TestWiringCleansUp(t *testing.T) {
	wired.Unreachable(t, "postgres://ada:tiger@%s/cicerone?sslmode=disable",
		func(ctx context.Context, dsn string, c wiring.Config) (*wiring.App, error) {
			return root.New(ctx, dsn, postgres.Options{}, c)
		})
}

func TestWiringNeedsTables(t *testing.T) {
	dsn := servers.Postgres(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	if _, err := root.New(t.Context(), dsn, postgres.Options{}, wired.Config()); !errors.Is(err, postgres.ErrOutdated) {
		t.Errorf("New = %v, want ErrOutdated", err)
	}
}

// A host has its own pool, and transactions that the services join.
func TestWiringOverHostPool(t *testing.T) {
	ctx, dsn := t.Context(), servers.Postgres(t)
	o := fresh(t, dsn)
	pool := hostPool(t, dsn, o)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, o)
	must(t, err)
	wired.OverHost(t, store, func() (context.Context, func() error) {
		tx, err := pool.Begin(ctx)
		must(t, err)
		return store.Join(ctx, tx), func() error { return tx.Rollback(ctx) }
	})
	must(t, pool.Ping(ctx))
}
