// Package postgrestest holds the tests of adapters/postgres that need a server.
package postgrestest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/ports"
	"github.com/cicerone-go/cicerone/ports/porttest"
)

func TestStorage(t *testing.T) {
	dsn := servers.Postgres(t)
	porttest.Storage(t, func(t *testing.T) ports.Storage { return open(t, dsn, fresh(t, dsn)) })
}

var schemas atomic.Int64

// fresh makes a store with all tables and no rows, in a schema of its own.
func fresh(t testing.TB, dsn string) postgres.Options {
	t.Helper()
	o := postgres.Options{Schema: fmt.Sprintf("store %d", schemas.Add(1))}
	must(t, postgres.Migrate(context.Background(), dsn, o))
	return o
}

// open opens a store, or fails the test. Whoever opens it closes it.
func open(t testing.TB, dsn string, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), dsn, o)
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
