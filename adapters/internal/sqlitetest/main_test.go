// Package sqlitetest holds the heavier tests of adapters/sqlite: killed processes, full disks,
// servers, and benchmarks that compare the adapter with SQLite alone.
package sqlitetest

import (
	"context"
	"database/sql"
	"os"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/cicerone-go/cicerone/adapters/internal/community"
	"github.com/cicerone-go/cicerone/adapters/internal/workload"
	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
)

// TestMain runs as the child process that TestCrash kills if that has started it, and otherwise runs the tests.
func TestMain(m *testing.M) { workload.Main(m.Run, openChild) }

func openChild(ctx context.Context, path string) (workload.Opened, error) {
	o, err := openStore(ctx, path)
	if err != nil {
		return workload.Opened{}, err
	}
	return workload.Opened{Community: o.Community, Storage: o.storage}, nil
}

func soak() bool { return os.Getenv("CICERONE_SOAK") == "1" }

// opened is an open store with the services over it.
type opened struct {
	*community.Community
	storage *sqlite.Store
}

func openStore(ctx context.Context, path string) (*opened, error) {
	storage, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	c := community.New(storage, community.NewClock(), id.NewGenerator(nil), uow.Policy{MaxTime: time.Minute})
	return &opened{c, storage}, nil
}

func mustOpen(t testing.TB, path string) *opened {
	t.Helper()
	o, err := openStore(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *opened) close(t testing.TB) {
	t.Helper()
	if err := o.storage.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// sound fails the test if SQLite finds the file damaged.
func sound(t testing.TB, path string) {
	t.Helper()
	db := rawDB(t, path)
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %q, %v", verdict, err)
	}
	var dangling int
	if err := db.QueryRow("SELECT count(*) FROM pragma_foreign_key_check").Scan(&dangling); err != nil || dangling != 0 {
		t.Errorf("%d rows refer to a missing row, %v", dangling, err)
	}
}

// rawDB opens a database without the adapter. It is closed when the test ends.
func rawDB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
