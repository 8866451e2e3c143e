package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql's driver "pgx"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/released"
	"github.com/cicerone-go/cicerone/adapters/internal/servers"
	"github.com/cicerone-go/cicerone/adapters/postgres"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/ports"
)

// releases are the stores that earlier versions made.
var releases = []struct {
	rows     string
	schema   int            // the number of migrations that the version had
	progress ports.Refolded // the first
	check    func(ctx context.Context, t testing.TB, c *community.Community)
}{
	{"released_00001.sql", 1, ports.Refolded{Table: "users", Done: 9, Total: 9}, released.CheckFirst},
	{"released_00003.sql", 3, ports.Refolded{}, released.CheckThird},
}

// makeReleased makes the store of an earlier version.
func makeReleased(t *testing.T, dsn, rows string, schema int) postgres.Options {
	t.Helper()
	script := "CREATE SCHEMA released; SET search_path TO released, public;"
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	must(t, err)
	for _, file := range files[:schema] {
		statements, err := fs.ReadFile(postgres.Migrations(), file)
		must(t, err)
		script += string(statements)
	}
	statements, err := os.ReadFile(filepath.Join("testdata", rows))
	must(t, err)
	runSQL(t, dsn, script+string(statements))
	return postgres.Options{Schema: "released"}
}

// readReleased audits and reads a store without the adapter.
func readReleased(ctx context.Context, t *testing.T, dsn string) released.Content {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "SET search_path TO released")
	must(t, err)
	must(t, released.Audit(ctx, db))
	content, err := released.Read(ctx, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'released'")
	must(t, err)
	return content
}

func TestReleasedStoreIsMigrated(t *testing.T) {
	for _, r := range releases {
		t.Run(r.rows, func(t *testing.T) {
			ctx, dsn := context.Background(), servers.Postgres(t)
			o := makeReleased(t, dsn, r.rows, r.schema)
			before := readReleased(ctx, t, dsn)
			outdated := func(when string) {
				t.Helper()
				if _, err := postgres.Open(ctx, dsn, o); !errors.Is(err, postgres.ErrOutdated) {
					t.Errorf("opened %s, it returned %v", when, err)
				}
			}
			outdated("before")
			if r.progress.Total > 0 {
				// The first run is interrupted after the first table, and the second one begins
				// again.
				interrupted, stop := context.WithCancel(ctx)
				o.Progress = func(ports.Refolded) { stop() }
				if err := postgres.Migrate(interrupted, dsn, o); !errors.Is(err, context.Canceled) {
					t.Errorf("the interrupted run returned %v", err)
				}
				outdated("after an interrupted run")
			}
			var told []ports.Refolded
			o.Progress = func(r ports.Refolded) { told = append(told, r) }
			must(t, postgres.Migrate(ctx, dsn, o))
			if r.progress.Total > 0 && (len(told) != 3 || told[0] != r.progress) {
				t.Errorf("the progress was %+v", told)
			}
			if lost := before.Lost(readReleased(ctx, t, dsn)); len(lost) > 0 {
				t.Errorf("the migration changed %q", lost)
			}
			s := open(t, dsn, o)
			r.check(ctx, t, community.New(s, community.NewClock(), id.NewGenerator(nil), uow.Policy{}))
			must(t, s.Close(ctx))
			derivedAgree(t, dsn, o)
			o.Progress = func(r ports.Refolded) { t.Errorf("made again: %+v", r) }
			must(t, postgres.Migrate(ctx, dsn, o))
		})
	}
}

// A tool that runs the files alone leaves the texts of existing rows to Migrate.
func TestReleasedStoreAndFilesRunByAnotherTool(t *testing.T) {
	ctx, dsn := context.Background(), servers.Postgres(t)
	o := makeReleased(t, dsn, "released_00001.sql", 1)
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	must(t, err)
	for _, file := range files[1:] {
		next, err := fs.ReadFile(postgres.Migrations(), file)
		must(t, err)
		runSQL(t, dsn, "SET search_path TO released, public;"+string(next))
	}
	if recorded := len(readReleased(ctx, t, dsn)["schema_versions"]); recorded != len(files) {
		t.Errorf("%d of %d files recorded themselves", recorded, len(files))
	}
	if _, err := postgres.Open(ctx, dsn, o); !errors.Is(err, postgres.ErrOutdated) {
		t.Errorf("Open returned %v", err)
	}
	must(t, postgres.Migrate(ctx, dsn, o))
	must(t, open(t, dsn, o).Close(ctx))
}
