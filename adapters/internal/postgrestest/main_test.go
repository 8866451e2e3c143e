// Package postgrestest holds the tests of adapters/postgres that need a server.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

func TestStorage(t *testing.T) {
	dsn := servers.Postgres(t)
	porttest.Storage(t, func(t *testing.T) ports.Storage { return open(t, dsn, fresh(t, dsn)) })
}

var schemas atomic.Int64

// fresh creates an empty store in a schema of its own.
func fresh(t testing.TB, dsn string) postgres.Options {
	t.Helper()
	o := postgres.Options{Schema: fmt.Sprintf("store %d", schemas.Add(1))}
	must(t, postgres.Migrate(context.Background(), dsn, o))
	return o
}

// open opens a store, or fails the test. The caller closes the store.
func open(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), dsn, o)
	must(t, err)
	return s
}

// hostPool makes the pool of a host, configured for postgres.New. Each change may alter its
// settings.
func hostPool(t testing.TB, dsn string, o postgres.Options, change ...func(c *pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	must(t, err)
	must(t, o.Configure(config))
	for _, c := range change {
		c(config)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	must(t, err)
	t.Cleanup(pool.Reset) // Close would wait for a transaction that a failed test left open
	return pool
}

func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// populated fills an empty store: see community.Populate.
func populated(s *postgres.Store, n int) (admin id.User, pairs []community.Pair, err error) {
	return community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}).Populate(context.Background(), n)
}

// runSQL runs statements without the store.
func runSQL(t testing.TB, dsn, sql string) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	_, err = c.Exec(ctx, sql)
	must(t, errors.Join(err, c.Close(ctx)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
