// Package postgrestest holds the tests of adapters/postgres that need a server.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
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

// The longest tests call t.Parallel, because each of them waits for the server most of its time.

func TestStorage(t *testing.T) {
	t.Parallel()
	dsn := servers.Postgres(t)
	var free []postgres.Options // stores that earlier tests have closed
	porttest.Storage(t, func(t *testing.T) ports.Storage {
		var o postgres.Options
		if n := len(free); n > 0 {
			o, free = free[n-1], free[:n-1]
			empty(t, dsn, o)
		} else {
			o = fresh(t, dsn)
		}
		t.Cleanup(func() { // after the kit has closed the store
			derivedAgree(t, dsn, o)
			free = append(free, o)
		})
		return open(t, dsn, o)
	})
}

var schemas atomic.Int64

// fresh creates an empty store in a schema of its own.
func fresh(t testing.TB, dsn string) postgres.Options {
	t.Helper()
	o := postgres.Options{Schema: fmt.Sprintf("store %d", schemas.Add(1))}
	must(t, postgres.Migrate(context.Background(), dsn, o))
	return o
}

// empty removes all rows that a store has got since its migration, which takes a third of the time
// of another migration.
func empty(t testing.TB, dsn string, o postgres.Options) {
	t.Helper()
	in := func(table string) string { return pgx.Identifier{o.Schema, table}.Sanitize() }
	names := []string{in("outbox_batches")} // behind the view outbox
	for _, table := range ports.Tables {
		if table != ports.Outbox {
			names = append(names, in(table.Name))
		}
	}
	var off, on strings.Builder
	for _, table := range []*ports.Table{ports.TokenTransactions, ports.LedgerSeals, ports.AuditRecords} { // never lose rows
		fmt.Fprintf(&off, "ALTER TABLE %s DISABLE TRIGGER USER; ", in(table.Name))
		fmt.Fprintf(&on, "; ALTER TABLE %s ENABLE TRIGGER USER", in(table.Name))
	}
	runSQL(t, dsn, off.String()+"TRUNCATE "+strings.Join(names, ", ")+" RESTART IDENTITY"+on.String())
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
