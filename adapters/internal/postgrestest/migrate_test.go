package postgrestest

import (
	"context"
	"io/fs"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
)

func TestConcurrentMigrations(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			o := postgres.Options{Schema: []string{"one", "two"}[i%2]}
			if err := postgres.Migrate(ctx, dsn, o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, schema := range []string{"one", "two"} {
		must(t, open(t, dsn, postgres.Options{Schema: schema}).Close(ctx))
	}
}

// Any tool can run the migration files. Open and Migrate recognise the result.
func TestFilesRunByAnotherTool(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := postgres.Options{Schema: "theirs"}
	runSQL(t, dsn, "CREATE SCHEMA theirs")
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	must(t, err)
	for _, f := range files {
		sql, err := fs.ReadFile(postgres.Migrations(), f)
		must(t, err)
		runSQL(t, dsn, "SET search_path TO theirs;"+string(sql))
	}
	must(t, open(t, dsn, o).Close(ctx))
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, open(t, dsn, o).Close(ctx))
}

// The extensions may exist already, in a schema of their own.
func TestExtensionsOfAnotherSchema(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	runSQL(t, dsn, "CREATE SCHEMA extensions; CREATE EXTENSION btree_gist SCHEMA extensions; CREATE EXTENSION pg_trgm SCHEMA extensions")
	must(t, postgres.Migrate(ctx, dsn, postgres.Options{}))
	must(t, open(t, dsn, postgres.Options{}).Close(ctx))
}

// A second migration changes nothing, and works while a server runs.
func TestRepeatedMigration(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	defer func() { must(t, s.Close(ctx)) }()
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, s.Ping(ctx))
}

// Tables of the host with the same names, in another schema, are not changed.
func TestOtherTablesWithSameNames(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	runSQL(t, dsn, "CREATE TABLE users (handle text); INSERT INTO users VALUES ('ada'); CREATE TABLE messages (n integer)")
	o := fresh(t, dsn)
	s := open(t, dsn, o)
	_, _, err := populated(s, 1)
	must(t, err)
	must(t, s.Close(ctx))
	c, err := pgx.Connect(ctx, dsn)
	must(t, err)
	defer func() { must(t, c.Close(ctx)) }()
	var rows, schemas int
	must(t, c.QueryRow(ctx, "SELECT (SELECT count(*) FROM public.users), (SELECT count(*) FROM pg_tables WHERE schemaname = 'public')").Scan(&rows, &schemas))
	if rows != 1 || schemas != 2 {
		t.Errorf("the host has %d users and %d tables", rows, schemas)
	}
}
