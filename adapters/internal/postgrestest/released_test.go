package postgrestest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// released makes the store of the first schema, with community.CheckReleased's texts.
func released(t *testing.T, dsn string) postgres.Options {
	t.Helper()
	schema, err := fs.ReadFile(postgres.Migrations(), "00001_schema.sql")
	must(t, err)
	rows, err := os.ReadFile("testdata/released_00001.sql")
	must(t, err)
	runSQL(t, dsn, "CREATE SCHEMA released; SET search_path TO released, public;"+string(schema)+string(rows))
	return postgres.Options{Schema: "released"}
}

// countRows counts the rows of each table of the first schema.
func countRows(t *testing.T, dsn string, o postgres.Options) map[string]int {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	counts := map[string]int{}
	for _, table := range ports.Tables {
		var n int
		if table != ports.SignupGrants && table != ports.StoreKeys {
			must(t, c.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{o.Schema, table.Name}.Sanitize()).Scan(&n))
		}
		counts[table.Name] = n
	}
	return counts
}

func TestReleasedStoreIsMigrated(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := released(t, dsn)
	before := countRows(t, dsn, o)
	outdated := func(when string) {
		t.Helper()
		if _, err := postgres.Open(ctx, dsn, o); !errors.Is(err, postgres.ErrOutdated) {
			t.Errorf("opened %s, it returned %v", when, err)
		}
	}
	outdated("before")
	// The first run is interrupted after the first table, and the second one begins again.
	interrupted, stop := context.WithCancel(ctx)
	o.Progress = func(ports.Refolded) { stop() }
	if err := postgres.Migrate(interrupted, dsn, o); !errors.Is(err, context.Canceled) {
		t.Errorf("the interrupted run returned %v", err)
	}
	outdated("after an interrupted run")
	var told []ports.Refolded
	o.Progress = func(r ports.Refolded) { told = append(told, r) }
	must(t, postgres.Migrate(ctx, dsn, o))
	if len(told) != 3 || told[0] != (ports.Refolded{Table: "users", Done: 9, Total: 9}) {
		t.Errorf("the progress was %+v", told)
	}
	for table, n := range countRows(t, dsn, o) {
		if n != before[table] {
			t.Errorf("%s has %d rows, and had %d", table, n, before[table])
		}
	}
	s := open(t, dsn, o)
	community.CheckReleased(ctx, t, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
	must(t, s.Close(ctx))
	o.Progress = func(r ports.Refolded) { t.Errorf("made again: %+v", r) }
	must(t, postgres.Migrate(ctx, dsn, o))
}

// A tool that runs the files alone leaves the texts of existing rows to Migrate.
func TestReleasedStoreAndFilesRunByAnotherTool(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := released(t, dsn)
	for _, file := range []string{"00002_reservations.sql", "00003_text.sql", "00004_signin.sql"} {
		next, err := fs.ReadFile(postgres.Migrations(), file)
		must(t, err)
		runSQL(t, dsn, "SET search_path TO released, public;"+string(next))
	}
	if _, err := postgres.Open(ctx, dsn, o); !errors.Is(err, postgres.ErrOutdated) {
		t.Errorf("Open returned %v", err)
	}
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, open(t, dsn, o).Close(ctx))
}
